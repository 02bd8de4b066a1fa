"""Drawing the weights of layers anew."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mu.errors import UsageError
from mu.models.frozen import resting

TABLE_STD = 0.02  # of tokens and position tables, as Vision Transformers draw them
ADDED = ("bias", "beta", "shift", "offset")  # in names of vectors that start at zero


@dataclass
class Drawn:
    """What was done beyond drawing.

    Attributes:
        constants: Name of each vector that nothing knows how to draw → the number it was set to.
        buffers: Names of the buffers that were reset.
    """

    constants: dict[str, float] = field(default_factory=dict)
    buffers: set[str] = field(default_factory=set)


def reset_of(module: nn.Module) -> Callable[[], Any] | None:
    """What draws a module's own weights anew, if it knows how."""
    found: Any = getattr(module, "reset_parameters", None)
    return found or getattr(module, "_reset_parameters", None)


def is_vector(parameter: Tensor) -> bool:
    """Whether it scales or shifts: one number a channel, with nothing but ones behind it."""
    return parameter.dim() == 0 or parameter.numel() == len(parameter)


@torch.no_grad()
def reinitialise(network: nn.Module, modules: Iterable[nn.Module]) -> Drawn:
    """Draw the own weights of modules anew, in place, and reset their running statistics.

    Each module's ``reset_parameters`` does it, or ``_reset_parameters``, also where weights are
    computed of others (a parametrisation, pruning, a norm by hooks). Of modules without one, tokens
    and tables are drawn as Vision Transformers draw them: normal with standard deviation 0.02, cut
    at two units; vectors get what ``init_weights`` of the module gives them where all it holds is
    drawn anew, else ones, or zeros where the name says that they are added. What is frozen stays as
    it is, with the statistics of frozen normalisations.

    Args:
        network: Where the modules are.
        modules: What to draw; nothing else changes.

    Raises:
        UsageError: A module leaves weights of its own as they were.
    """
    names = {id(m): name for name, m in network.named_modules()}
    chosen = {id(m): m for m in modules}
    still = {id(m) for m in resting(network)}
    kept: list[tuple[Tensor, Tensor]] = [
        (p, p.clone()) for m in chosen.values() for p in _own(m, trained=False).values()
    ]
    kept += [(b, b.clone()) for i in still & set(chosen) for b in chosen[i].buffers(recurse=False)]
    found, served = Drawn(), _parametrised(chosen.values())
    bare = [m for i, m in chosen.items() if reset_of(m) is None and i not in served]
    _draw_bare(bare, set(chosen), names, found)
    # As when they are built: what a module that draws by `_reset_parameters` holds comes first.
    drawn = [m for m in chosen.values() if reset_of(m) is not None]
    for module in sorted(drawn, key=lambda m: not hasattr(m, "reset_parameters")):
        found.buffers |= _draw(module, names[id(module)])
    for tensor, value in kept:
        tensor.copy_(value)
    return found


def _own(module: nn.Module, trained: bool) -> dict[str, nn.Parameter]:
    """A module's own parameters, those that are trained or those that are frozen."""
    own = module.named_parameters(recurse=False)
    return {name: p for name, p in own if p.requires_grad == trained}


def _parametrised(modules: Iterable[nn.Module]) -> set[int]:
    """What stands inside parametrised modules, whose weights these draw for them."""
    outer = [m for m in modules if parametrize.is_parametrized(m)]
    return {id(one) for m in outer for one in m.modules() if one is not m}


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _draw_bare(
    modules: list[nn.Module], chosen: set[int], names: Mapping[int, str], found: Drawn
) -> None:
    """Draw what modules own that cannot do it themselves."""
    for module in modules:
        for parameter in _own(module, trained=True).values():
            if not is_vector(parameter):
                nn.init.trunc_normal_(parameter, std=TABLE_STD, a=-2.0, b=2.0)
    for module in modules:
        own = {k: p for k, p in _own(module, trained=True).items() if is_vector(p)}
        for vector in own.values():
            vector.fill_(torch.nan)
        if own and all(id(m) in chosen or not [*m.parameters(False)] for m in module.modules()):
            _call_init_weights(module)
        for key, vector in own.items():
            if bool(vector.isnan().any()):
                value = 0.0 if any(word in key for word in ADDED) else 1.0
                vector.fill_(value)
                found.constants[_joined(names[id(module)], key)] = value


def _call_init_weights(module: nn.Module) -> None:
    init: Any = getattr(module, "init_weights", None)
    if callable(init):
        given = inspect.signature(init).parameters.values()
        many = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
        if all(one.default is not one.empty or one.kind in many for one in given):
            init()


def _draw(module: nn.Module, name: str) -> set[str]:
    """Let a module draw its own weights; the names of the buffers that it reset.

    What it is to draw holds no number before, so that what it leaves out is found.

    Raises:
        UsageError: It leaves something out.
    """
    own = _own(module, trained=True)
    buffers = {k: b for k, b in module.named_buffers(recurse=False) if b.is_floating_point()}
    before = {key: buffer.clone() for key, buffer in buffers.items()}
    for tensor in [*own.values(), *buffers.values()]:
        tensor.fill_(torch.nan)
    _reset(module, name)
    missed = {key for key, buffer in buffers.items() if bool(buffer.isnan().any())}
    for key in missed:
        buffers[key].copy_(before[key])
    left = next((key for key, p in own.items() if bool(p.isnan().any())), None)
    if left is not None:
        raise UsageError(
            f"{_joined(name, left)} cannot be drawn anew: {type(module).__name__}."
            "reset_parameters() leaves it as it is; give it a reset that draws all of its weights, "
            "or choose a smaller k"
        )
    return {_joined(name, key) for key in buffers.keys() - missed}


def _reset(module: nn.Module, name: str) -> None:
    """Call a module's reset where its weights are its own, and where they are computed of others.

    Raises:
        UsageError: A parametrisation cannot be given weights.
    """
    reset: Any = reset_of(module)
    if not parametrize.is_parametrized(module):
        hooked = _hooked(module)
        for key in hooked:
            getattr(module, key).fill_(torch.nan)
        reset()
        for key in hooked:
            _give(module, key, getattr(module, key))
        return
    computed: Any = module.parametrizations
    try:
        with parametrize.cached():
            for key in computed:
                getattr(module, key).fill_(torch.nan)
            reset()
            drawn = {key: getattr(module, key).clone() for key in computed}
        for key, value in drawn.items():
            setattr(module, key, value)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"{name or type(module).__name__} cannot be drawn anew through its parametrisation "
            f"({error}); take it off with torch.nn.utils.parametrize.remove_parametrizations, or "
            "choose a smaller k"
        ) from error
    if any(bool(value.isnan().any()) for value in drawn.values()):
        raise UsageError(f"{name or type(module).__name__}: its reset leaves weights as they are")


def _hooked(module: nn.Module) -> list[str]:
    """Weights that hooks compute before each pass: of ``w_orig``, or of ``w_g`` and ``w_v``."""
    keys = [key.rpartition("_") for key in module._parameters]
    found = [name for name, _, end in keys if end in ("orig", "g")]
    return [name for name in found if isinstance(vars(module).get(name), Tensor)]


def _give(module: nn.Module, key: str, value: Tensor) -> None:
    """Set what hooks compute a weight of, so that they compute this one."""
    own = module._parameters
    whole, length, direction = (own.get(f"{key}_{end}") for end in ("orig", "g", "v"))
    if whole is not None:
        whole.copy_(value)
    elif length is not None and direction is not None:
        direction.copy_(value)
        over = [d for d in range(value.dim()) if length.dim() == 0 or length.shape[d] == 1]
        length.copy_(torch.linalg.vector_norm(value, dim=over, keepdim=length.dim() > 0))
