"""Weights from a file or the store: read without running code, loaded strictly or not at all."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from mu.artifact import Artifact
from mu.data.normalisation import PLAIN_INPUTS, Normalisation
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.models.layouts import (
    COUNTER,
    REASONS,
    Match,
    matched,
    normalised_inside,
    unpruned,
)
from mu.models.weights_file import read_weights
from mu.trust.classes import NETWORK, check_named

__all__ = ["MEMORY", "PREFIXES", "bare", "load_weights", "read_weights", "rebuild"]

PREFIXES = ("module.", "_orig_mod.", "network.")  # of DataParallel, of torch.compile, of a Learner
MEMORY = "memory/"  # prefix of the tensors in a state that are a method's own, not weights


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


def load_weights(
    learner: Learner,
    tensors: Mapping[str, Tensor],
    source: str,
    normalisation: Normalisation | None = None,
) -> None:
    """Load a state dict strictly; where something does not fit, name it and load nothing.

    Names may have ``network.``, ``module.``, the ``weights_prefix`` of a network that wraps another
    one, or any other part that all of them share, in front or not; those of `mu.models.layouts` are
    known too.

    Args:
        learner: What to load into.
        tensors: Name → tensor.
        source: Where they come from, for the message.
        normalisation: How inputs come normalised, None where nobody knows. Weights of a network
            that normalises them itself are taken only if that is the same.

    Raises:
        UsageError: A tensor is missing, unexpected or of the wrong shape or type, or the file's
            network is known to compute something else.
    """
    match = compared(learner, tensors, source, normalisation)
    if problems := faults(learner, match):
        raise UsageError(f"weights {source} do not fit the model: {'; '.join(problems)}")
    learner.load_state_dict(match.given)


def compared(
    learner: Learner,
    tensors: Mapping[str, Tensor],
    source: str,
    normalisation: Normalisation | None,
) -> Match:
    """The tensors by the names of a learner, with counters of its own where they have none.

    Raises:
        UsageError: The file's network normalises its inputs otherwise.
    """
    own = learner.state_dict()
    if set(own) == set(tensors):  # a network may wrap another that has a part of the same name
        return Match(dict(tensors))
    inner = getattr(learner.network, "weights_prefix", None)
    prefixes = (*PREFIXES, inner) if inner else PREFIXES
    place = {bare(name, prefixes): name for name in own}
    whole: dict[str, str] = {}
    repeated = []
    for name in tensors:
        if whole.setdefault(bare(name, prefixes), name) != name:
            repeated.append(name)
    known = {*own, *place}
    named = unpruned({short: tensors[name] for short, name in whole.items()}, known)
    for names, found in list(normalised_inside(named)):
        if not any(_ends(name, other) for name in names for other in place):
            _check_normalised(found, normalisation, source, names)
            named = {n: t for n, t in named.items() if n not in names}
    averaged = [n for n, t in named.items() if n.endswith("n_averaged") and n not in known]
    match = matched({n: t for n, t in named.items() if n not in averaged}, place)
    match.unexpected = [*(whole.get(name, name) for name in match.unexpected), *repeated]
    match.given = {n: t for n, t in own.items() if n.endswith(COUNTER)} | match.given
    return match


def _ends(name: str, other: str) -> bool:
    return name == other or name.endswith(f".{other}")


def _check_normalised(
    found: Normalisation, data: Normalisation | None, source: str, names: Sequence[str]
) -> None:
    """Refuse weights of a network that normalises its inputs otherwise than the data are."""
    if found.like(PLAIN_INPUTS if data is None else data):
        return
    where = f"weights {source} are of a network that normalises images itself ({found})"
    if data is None:
        raise UsageError(
            f"{where}, and the one here does not: give it images that are normalised so, and "
            f"remove {' and '.join(names)} from the file"
        )
    said = "the data are not normalised" if data == PLAIN_INPUTS else f"the data come with {data}"
    ways = " ".join(f"data.{part}" for part in str(found).split())
    raise UsageError(f"{where}; {said}: set {ways}")


def faults(learner: Learner, match: Match) -> list[str]:
    """What keeps tensors from being loaded, each with its way out where there is one."""
    own = learner.state_dict()
    shapes = [
        f"{n} {tuple(t.shape)} where the model has {tuple(own[n].shape)}"
        for n, t in match.given.items()
        if t.shape != own[n].shape
    ]
    types = [
        f"{n} {t.dtype} where the model has {own[n].dtype}"
        for n, t in match.given.items()
        if not n.endswith(COUNTER) and _kind(t) != _kind(own[n])
    ]
    wrong = {
        "missing": match.missing,
        "unexpected": match.unexpected,
        "wrong shape:": shapes,
        "wrong type:": types,
    }
    problems = [_listed(what, names) for what, names in wrong.items() if names]
    return [*problems, *remedies(learner, match)]


def remedies(learner: Learner, match: Match) -> list[str]:
    """Ways out for tensors that do not fit."""
    found = [
        reason
        for pattern, reason in REASONS
        if any(re.search(pattern, bare(name)) for name in match.unexpected)
    ]
    if match.faults and not found:
        found = ["its network is built otherwise: bring its class as a model (docs/files.md)"]
    own = learner.state_dict()
    sides = {(own[n].shape[-1], t.shape[-1]) for n, t in match.given.items() if _square(own[n], t)}
    if len(sides) == 1 and hasattr(learner.network, "stem"):
        stem = "small" if min(sides)[1] == 3 else "imagenet"
        found.append(f"the file's first convolution is another: set model.network.stem={stem}")
    return found


def _square(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are convolutions that differ in nothing but their size in pixels."""
    both = one.dim() == other.dim() == 4 and one.shape[:2] == other.shape[:2]
    return both and {one.shape[-1], other.shape[-1]} == {3, 7}


def _kind(tensor: Tensor) -> str:
    if tensor.is_complex():
        return "complex"
    return "real" if tensor.is_floating_point() else "whole"


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
