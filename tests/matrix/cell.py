"""One cell of the matrix: a call of mu on what a user brings, and how it is judged.

right      a result that holds everything a user may expect of it
refused    a `UsageError` that says something
traceback  any other exception
wrong      a result that does not hold it, with the reasons
"""

import inspect
import math
import os
import re
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from matrix import surroundings
from matrix.loaders import Loaded
from matrix.problem import Problem, retained
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

import mu
from mu.configuration.choices import choices, options_of, read_yaml
from mu.errors import MuError, UsageError
from mu.library import _method

RIGHT, REFUSED, TRACEBACK, WRONG = "right", "refused", "traceback", "wrong"
CHEAP = {
    "epochs": 1,
    "min_steps": 1,
    "iterations": 2,
    "noise_steps": 2,
    "noise_size": 4,
    "samples_per_class": 4,
    "expansion": 16,
    "destroyer_epochs": 1,
    "noise": 0.1,
    "rank": 2,
}
OWN = {"scrub": {"epochs": 2, "max_epochs": 1}}
# Scores that mu leaves out where it finds no linear layer at the end.
OF_THE_HEAD = {"silhouette", "relearnt", "oracle/silhouette", "oracle/relearnt"}
NOTHING = re.compile(r"nothing|unchanged|did not|no (weight|parameter|layer)|nowhere")
SECONDS = 120


@dataclass
class Outcome:
    """How a cell ended.

    Attributes:
        why: Reasons of a wrong cell.
        left: What the call left behind; a cell that is else right or refused is wrong by that.
        message: The words of an exception.
        detail: Its traceback.
        value: The result where there is one.
    """

    kind: str
    why: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    message: str = ""
    detail: str = ""
    value: Any = None

    @property
    def only_left(self) -> bool:
        """Whether all that is wrong is what the call left behind."""
        return bool(self.left) and self.kind in (RIGHT, REFUSED)

    @property
    def judged(self) -> str:
        return WRONG if self.only_left else self.kind


def method_names() -> list[str]:
    """All methods that ask for no file of the user's."""
    known = choices("method")
    return sorted(name for name in known if "???" not in config_of(name).values())


@cache
def config_of(name: str) -> dict[str, Any]:
    return read_yaml(choices("method")[name])


@cache
def cheap(name: str) -> dict[str, Any]:
    options = options_of(config_of(name))
    found = {key: value for key, value in CHEAP.items() if options.get(key) is not None}
    return found | OWN.get(name, {})


@cache
def facts_of(name: str) -> Any:
    return _method(name, {})


def known_words(call: Callable[..., Any], words: dict[str, Any]) -> dict[str, Any]:
    """Those of the user's words that the call knows; without them it must refuse or guess well."""
    names = inspect.signature(call).parameters
    return {name: value for name, value in words.items() if name in names}


def late(number: int, frame: Any) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def called(call: Callable[[], Any]) -> tuple[Outcome, list[str]]:
    """The outcome of a call, not judged yet, and its warnings."""
    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            value = call()
        return Outcome(RIGHT, value=value), [str(one.message) for one in said]
    except MuError as error:
        empty = not str(error).strip() or "internal" in str(error)
        poor = empty or not isinstance(error, UsageError)
        return Outcome(TRACEBACK if poor else REFUSED, message=one_line(error)), []
    except Exception as error:
        words = one_line(error)
        return Outcome(TRACEBACK, message=words, detail=traceback.format_exc()), []
    finally:
        signal.alarm(0)


def one_line(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"


def undisturbed(call: Callable[[], Any], *nets: nn.Module) -> tuple[Outcome, list[str]]:
    """As `called`; wrong where something around the call has changed, or a network."""
    before = surroundings.process(), [surroundings.network(net) for net in nets]
    outcome, said = called(call)
    after = surroundings.process(), [surroundings.network(net) for net in nets]
    outcome.left = surroundings.left_behind(before[0], after[0])
    os.environ.clear()
    os.environ.update(before[0]["environment"])
    changed = {
        name.split(" of ")[0].split(" ")[0]
        for old, new in zip(before[1], after[1], strict=True)
        for name in surroundings.differences(old, new)
    }
    outcome.left += [f"the caller's network: {name}" for name in sorted(changed)]
    return outcome, said


def logits(found: Any) -> Any:
    """The logits of an output of any kind."""
    if isinstance(found, tuple):
        return found[0]
    return found if isinstance(found, Tensor) else found.logits


def answers(net: nn.Module, x: Any) -> Any:
    """Logits in evaluation mode; the modes are restored."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    with torch.no_grad():
        found = logits(net(x))
    for module, mode in modes:
        module.training = mode
    return found


def unlearned(name: str, problem: Problem, loaded: Loaded) -> Outcome:
    """The method on the problem's network through the loaders."""
    words = known_words(mu.unlearn, problem.words | loaded.words)
    parts = {"forget": loaded.forget, "retain": loaded.retain, "validation": loaded.test}

    def call() -> nn.Module:
        return mu.unlearn(problem.net, name, **parts, **words, **cheap(name))

    outcome, said = undisturbed(call, problem.net)
    if outcome.value is not None:
        read = facts_of(name).needs
        outcome.why += sorted(set(faults(name, problem, outcome.value, said)))
        outcome.left += gradients(problem.net, outcome.value)
        if loaded.empty & (read | ({"forget", "retain"} if "full" in read else set())):
            outcome.why.append("an empty part was served")
        outcome.kind = WRONG if outcome.why else RIGHT
    return outcome


def faults(name: str, problem: Problem, new: nn.Module, said: list[str]) -> Iterator[str]:
    """What a user may expect of a result and does not find."""
    net, same_kind = problem.net, "architecture" not in facts_of(name).changes
    if not all(
        bool(torch.isfinite(t).all()) for t in new.state_dict().values() if t.is_floating_point()
    ):
        yield "weights that are not finite"
    if same_kind:
        yield from changed_form(net, new)
        yield from changed_frozen(net, new)
        if same(net, new) and not any(NOTHING.search(message) for message in said):
            yield "did nothing and does not say so"
    if shared(net, new):
        yield "shares memory with the caller's network"
    x, _ = problem.rows(torch.arange(4))
    old, now = answers(net, x), answers(new, x)
    if old.shape != now.shape or (same_kind and old.dtype != now.dtype):
        yield f"answers of {tuple(now.shape)} {now.dtype}, not {tuple(old.shape)} {old.dtype}"
    if any(module.training for module in new.modules()):
        yield "is in training mode"


def changed_form(net: nn.Module, new: nn.Module) -> Iterator[str]:
    if type(net) is not type(new):
        yield f"{type(new).__name__} in place of {type(net).__name__}"
    old, now = dict(net.named_parameters()), dict(new.named_parameters())
    if list(old) != list(now) or list(net.state_dict()) != list(new.state_dict()):
        yield "other names of tensors"
        return
    for name, tensor in old.items():
        if tensor.requires_grad != now[name].requires_grad:
            yield "other requires_grad"
        if (tensor.dtype, tensor.shape) != (now[name].dtype, now[name].shape):
            yield "other dtype or shape"
    for name, tensor in net.state_dict().items():
        if "mask" in name and not torch.equal(tensor, new.state_dict()[name]):
            yield "another mask"
    if hooks(net) != hooks(new):
        yield "other hooks"


def gradients(net: nn.Module, new: nn.Module) -> list[str]:
    """Gradients that the caller's network did not have."""
    known = {name for name, tensor in net.named_parameters() if tensor.grad is not None}
    left = {name for name, tensor in new.named_parameters() if tensor.grad is not None}
    return ["gradients on the result"] if left - known else []


def hooks(net: nn.Module) -> list[int]:
    return [
        len(getattr(module, name, None) or ())
        for module in net.modules()
        for name in surroundings.HOOKS[:4]
    ]


def changed_frozen(net: nn.Module, new: nn.Module) -> Iterator[str]:
    now = dict(new.named_parameters())
    for name, tensor in net.named_parameters():
        if not tensor.requires_grad and name in now and not equal(tensor, now[name]):
            yield "a frozen parameter changed"
    modules = dict(new.named_modules())
    for name, module in net.named_modules():
        still = isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad
        if still and module.running_mean is not None:
            other: Any = modules[name]
            if not equal(module.running_mean, other.running_mean):
                yield "statistics of a frozen normalisation changed"


def equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a.detach().nan_to_num(), b.detach().nan_to_num())


def same(net: nn.Module, new: nn.Module) -> bool:
    old, now = net.state_dict(), new.state_dict()
    return set(old) == set(now) and all(equal(old[name], now[name]) for name in old)


def shared(net: nn.Module, new: nn.Module) -> bool:
    places = {t.data_ptr() for t in net.state_dict().values() if t.numel()}
    return any(t.data_ptr() in places for t in new.state_dict().values() if t.numel())


def evaluated(problem: Problem, others: list[nn.Module], loaded: Loaded) -> Outcome:
    """Scores of the problem's network beside an original and an oracle."""
    words = known_words(mu.evaluate, problem.words | loaded.words)
    original, oracle = others
    parts = {"forget": loaded.forget, "retain": loaded.retain, "test": loaded.test}

    def call() -> dict[str, float]:
        return mu.evaluate(problem.net, original=original, oracles=[oracle], **parts, **words)

    outcome, _ = undisturbed(call, problem.net, *others)
    if outcome.value is not None:
        wrong = sorted(name for name, value in outcome.value.items() if not math.isfinite(value))
        outcome.why += [f"score {name} is not finite" for name in wrong[:1]]
        if loaded.same is None and not loaded.words and loaded.whole:
            outcome.why += other_accuracy(problem, outcome.value)
        if not outcome.value:
            outcome.why.append("no score and no word")
        if loaded.empty:
            outcome.why.append("an empty part was served")
        outcome.kind = WRONG if outcome.why else RIGHT
    return outcome


def other_accuracy(problem: Problem, scores: dict[str, float]) -> list[str]:
    """The accuracy on what is retained is the one that a user computes by hand."""
    if "ra" not in scores or problem.y.dtype != torch.int64 or problem.y.dim() != 1:
        return []
    x, y = problem.rows(retained())
    found = answers(problem.net, x)
    alone = answers(
        problem.net, problem.rows(retained()[:1])[0]
    )  # without running statistics answers go by the batch
    if found.dim() != 2 or not torch.allclose(alone, found[:1], atol=1e-4):
        return []
    guess = found.argmax(1) if found.shape[1] > 1 else (found[:, 0] > 0).long()
    right = math.isclose(float((guess == y).float().mean()), scores["ra"], abs_tol=1e-6)
    return [] if right else ["another accuracy on D_r than computed by hand"]


def compare(
    mine: Outcome, plainer: Outcome, x: Any, other_x: Any, nearly: bool, strict: bool
) -> None:
    """Judge a result by that of the same problem in plainer words."""
    if mine.value is None:
        return
    if plainer.value is None:
        if strict:
            mine.why.append("served, though the same in plainer words is not")
    elif isinstance(mine.value, dict):
        mine.why += other_scores(mine.value, plainer.value, nearly)
    else:
        mine.why += other_weights(mine.value, plainer.value, x, other_x, nearly)
    mine.kind = WRONG if mine.why else mine.kind


def other_scores(mine: dict[str, float], other: dict[str, float], nearly: bool) -> list[str]:
    if set(mine) - set(other) or set(other) - set(mine) - OF_THE_HEAD:
        return ["other scores than in plainer words"]
    near = 1e-4 if nearly else 1e-9
    wrong = [n for n in mine if not math.isclose(mine[n], other[n], rel_tol=near, abs_tol=near)]
    return ["another score than in plainer words"] if wrong else []


def other_weights(
    mine: nn.Module, other: nn.Module, x: Any, other_x: Any, nearly: bool
) -> list[str]:
    first, second = list(mine.state_dict().values()), list(other.state_dict().values())
    # Rounding decides what Adam does to weights that change no answer.
    if nearly or [t.shape for t in first] != [t.shape for t in second]:
        a, b = answers(mine, x).flatten(), answers(other, other_x).flatten()
        fits = a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True)
    else:
        fits = all(equal(a, b) for a, b in zip(first, second, strict=True))
    return [] if fits else ["another result than in plainer words"]
