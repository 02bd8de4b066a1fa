"""Weights from a file or the store: read without running code, loaded strictly or not at all."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from torch import Tensor

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.trust.arrays import check_arrays
from mu.trust.classes import NETWORK, check_named

PREFIXES = ("module.", "_orig_mod.", "network.")  # of DataParallel, of torch.compile, of a Learner
MEMORY = "memory/"  # prefix of the tensors in a state that are a method's own, not weights
NESTED = ("state_dict", "model", "model_state_dict", "net")  # where torch files keep the state dict


def bare(name: str, prefixes: tuple[str, ...] = PREFIXES) -> str:
    """A tensor's name in its network, whatever the network was wrapped in.

    Example:
        >>> bare("module.network.conv1.weight"), bare("conv1.weight")
        ('conv1.weight', 'conv1.weight')
    """
    for prefix in prefixes:
        if name.startswith(prefix):
            return bare(name.removeprefix(prefix), prefixes)
    return name


def load_weights(learner: Learner, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load a state dict strictly; where something does not fit, name it and load nothing.

    Names may have ``network.``, ``module.`` and ``_orig_mod.`` in front or not; the same goes for
    the ``weights_prefix`` of a network that wraps another one.

    Args:
        learner: What to load into.
        tensors: Name → tensor.
        source: Where they come from, for the message.

    Raises:
        UsageError: A tensor is missing, unexpected or of the wrong shape.
    """
    own = learner.state_dict()
    inner = getattr(learner.network, "weights_prefix", None)
    prefixes = (*PREFIXES, inner) if inner else PREFIXES
    # A network may wrap another that has a part of the same name: exact names are left alone.
    known = set(own) == set(tensors)
    place = {n if known else bare(n, prefixes): n for n in own}
    # Files written by torch before 0.4.1 have no such counters; evaluation does not use them.
    given = {n: t for n, t in own.items() if n.endswith(".num_batches_tracked")}
    unexpected = []
    for name, tensor in tensors.items():
        target = place.pop(name if known else bare(name, prefixes), None)
        if target is None:
            unexpected.append(name)
        else:
            given[target] = tensor
    shapes = [
        f"{n} {tuple(given[n].shape)} where the model has {tuple(own[n].shape)}"
        for n in given
        if given[n].shape != own[n].shape
    ]
    missing = [n for n in own if n not in given]
    wrong = {"missing": missing, "unexpected": unexpected, "wrong shape:": shapes}
    problems = [_listed(what, names) for what, names in wrong.items() if names]
    if problems:
        raise UsageError(f"weights {source} do not fit the model: {'; '.join(problems)}")
    learner.load_state_dict(given)


def rebuild(model: dict[str, Any], artifact: Artifact, named: Iterable[str] = ()) -> Learner:
    """A learner from its configuration, or the one its method left, and a stored artifact.

    Args:
        model: Configuration of the user's.
        artifact: Out of the store, where it may be anybody's.
        named: Names of classes in the user's configuration.

    Raises:
        UsageError: The artifact names what no file may name; see `mu.trust.classes`.
    """
    left = artifact.facts.get("model")
    if left is not None:
        check_named(left, NETWORK, "a model in the store", model, named)
    learner = build_learner(model if left is None else left, download=False)
    weights = {n: t for n, t in artifact.tensors.items() if not n.startswith(MEMORY)}
    load_weights(learner, weights, "of the store")
    return learner.eval()


def _listed(what: str, entries: list[str]) -> str:
    """A clause that names up to three entries and says how many more there are."""
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    return f"{what} {', '.join(entries[:3])}{more}"


def read_weights(path: Path) -> dict[str, Tensor]:
    """State dict of a safetensors file, or of a torch file read without unpickling code.

    A torch file may be the state dict itself or keep it under ``state_dict``, ``model``,
    ``model_state_dict`` or ``net``.

    Raises:
        UsageError: There is no such file, it holds no state dict, or numbers that are not finite.
    """
    if not path.is_file():
        raise UsageError(f"there is no weights file {path}")
    state = _content(path)
    for name, tensor in state.items():
        if tensor.layout == torch.strided and tensor.nbytes > unfolded(tensor):
            raise UsageError(f"{path}: {name} says it is larger than what the file holds of it")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UsageError(f"{path}: {name} holds values that are not finite numbers")
    return state


def unfolded(tensor: Tensor) -> int:
    """Bytes that a tensor may take: those of its memory, or a gigabyte where it repeats itself."""
    return max(tensor.untyped_storage().nbytes(), 1 << 30)


def _content(path: Path) -> dict[str, Tensor]:
    try:
        if is_zipfile(path):
            check_arrays(path)  # torch compresses nothing
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UsageError(
            f"{path} is not a weights file: it holds more than tensors; save model.state_dict()"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} is not a weights file: {reason}") from error
    candidates = [found]
    if isinstance(found, dict):
        candidates += [found[key] for key in NESTED if key in found]
    for state in candidates:
        if isinstance(state, dict) and state and all(_is_tensor(t) for t in state.items()):
            return dict(state)
    raise UsageError(f"{path} holds no state dict")


def _is_tensor(entry: tuple[Any, Any]) -> bool:
    return isinstance(entry[0], str) and isinstance(entry[1], Tensor)
