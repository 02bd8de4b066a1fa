"""A request, checked once and in one place: who is to be forgotten, and what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from mu.artifact import Artifact
from mu.data.base import Data, Ids, Kept, removed_elements
from mu.data.build import build, build_data
from mu.errors import UsageError
from mu.evaluation.signals import Signals
from mu.forget_sets.files import Request
from mu.forget_sets.seen import Seen, Setting
from mu.models.base import Progress
from mu.models.weights import rebuild
from mu.unlearning.base import Context


class Selector(Protocol):
    """Chooses the elements of one request."""

    kind: str

    def select(self, data: Data, available: Ids, rng: np.random.Generator) -> Ids:
        """Ids among ``available``, the elements of ``kind`` not yet forgotten."""
        ...


class ModelSelector(Protocol):
    """Chooses by what models do; they are trained for it and never evaluated.

    Attributes:
        kind: Kind of element.
        asks: How many models of which kind, by the YAML's option; see `mu.forget_sets.wants.wants`.
    """

    kind: str
    asks: Mapping[str, int]

    def select(
        self, data: Data, available: Ids, rng: np.random.Generator, models: Sequence[Seen]
    ) -> Ids:
        """Ids among ``available``, the elements of ``kind`` not yet forgotten."""
        ...


class MethodSelector(Protocol):
    """Chooses by what methods do to models that it is handed; it says what it found.

    Attributes:
        kind, asks: As for `ModelSelector`; ``asks`` has ``learners``.
        facts: What is to be reported of the search, once it has run; numbers, text and lists.
        said: Warnings.
    """

    kind: str
    asks: Mapping[str, int]
    facts: dict[str, Any]
    said: list[str]

    def select(
        self,
        data: Data,
        available: Ids,
        rng: np.random.Generator,
        models: Sequence[Seen],
        setting: Setting,
    ) -> Ids:
        """Ids among ``available``, the elements of ``kind`` not yet forgotten."""
        ...


@dataclass(frozen=True)
class ForgetSplit:
    """What one request does to the data.

    Attributes:
        forget: Training samples of this request.
        before: Training samples of earlier requests.
        retain: Kept samples that are neither.
        kept: What an oracle trains on after the request.
    """

    forget: Ids
    before: Ids
    retain: Ids
    kept: Kept


def check(request: Request, data: Data, before: Mapping[str, Ids]) -> Request:
    """The request with sorted ids, or an error that names what is wrong with it.

    Raises:
        UsageError: Unknown kind, no ids, an id twice, out of range, or already forgotten.
    """
    allowed = data.elements(request.kind)
    ids = np.sort(np.asarray(request.ids, dtype=np.int64))
    if len(ids) == 0:
        raise UsageError(f"the request names no {request.kind}; there is nothing to forget")
    twice = ids[:-1][ids[1:] == ids[:-1]]
    if len(twice):
        raise UsageError(f"id {twice[0]} is named twice in the request")
    foreign = np.setdiff1d(ids, allowed)
    if len(foreign):
        raise UsageError(
            f"id {foreign[0]} is not one of the {len(allowed)} trained {request.kind} "
            f"(ids {allowed[0]} to {allowed[-1]})"
        )
    gone = np.intersect1d(ids, before.get(request.kind, np.empty(0, np.int64)))
    if len(gone):
        raise UsageError(f"id {gone[0]} ({request.kind}) was forgotten by an earlier request")
    if len(ids) == len(allowed):
        raise UsageError(f"the request names all {len(ids)} {request.kind}; nothing would be left")
    return Request(request.kind, ids)


def removed_with(before: Mapping[str, Ids], request: Request) -> dict[str, Ids]:
    """Elements by kind that are gone once a request is served, too."""
    earlier = before.get(request.kind, np.empty(0, np.int64))
    return dict(before) | {request.kind: np.union1d(earlier, request.ids)}


def split(data: Data, request: Request, before: Mapping[str, Ids]) -> ForgetSplit:
    """Parts of the training samples after ``request``, given what was removed before.

    Raises:
        UsageError: No trained sample stands for what is forgotten, or none is left to retain.
    """
    removed = removed_with(before, request)
    earlier = [data.affected(kind, ids) for kind, ids in before.items()]
    gone = np.unique(np.concatenate([np.empty(0, np.int64), *earlier])).astype(np.int64)
    previous, kept = data.without(before), data.without(removed)
    forget = np.intersect1d(data.affected(request.kind, request.ids), previous.ids)
    if len(forget) == 0:
        raise UsageError(f"no trained sample stands for these {request.kind}; nothing is forgotten")
    retain = np.setdiff1d(kept.ids, np.union1d(forget, gone))
    if len(retain) == 0:
        raise UsageError("the request leaves no sample to retain")
    return ForgetSplit(forget, np.setdiff1d(gone, forget), retain, kept)


def select(
    selector: Selector | ModelSelector | MethodSelector,
    data: Data,
    before: Mapping[str, Ids],
    seed: int,
    models: Sequence[Seen] = (),
    context: Context | None = None,
    batch_size: int | None = None,
) -> Request:
    """Run a selector on what is not yet forgotten and check what it returns.

    Args:
        selector: A selector; one that has ``asks`` is handed models.
        data: The data.
        before: Elements already forgotten, by kind.
        seed: Seed of what the selector draws.
        models: What it may know of models.
        context: Where and how methods run that the selector tries.
        batch_size: Samples a batch where it looks at losses.

    Raises:
        UsageError: The selector cannot select, or `check` refuses what it returns.
    """
    available = np.setdiff1d(
        data.elements(selector.kind), before.get(selector.kind, np.empty(0, np.int64))
    )
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 3])
    asks = getattr(selector, "asks", {})
    if asks:
        check_given(selector, asks, models)
    if "learners" in asks:
        setting = Setting(before, replace(context or Context(), seed=seed), batch_size)
        ids = cast(MethodSelector, selector).select(data, available, rng, models, setting)
    elif asks:
        ids = cast(ModelSelector, selector).select(data, available, rng, models)
    else:
        ids = cast(Selector, selector).select(data, available, rng)
    return check(Request(selector.kind, ids), data, before)


def check_given(selector: object, asks: Mapping[str, int], models: Sequence[Seen]) -> None:
    """Refuse a selector that reads models but whose YAML does not say so, or is handed too few.

    Raises:
        UsageError: The number of models is not the selector's.
    """
    wanted, learners = sum(asks.values()), asks.get("learners", 0)
    without = any(model.learner is None for model in models[len(models) - learners :])
    if len(models) != wanted or without:
        said = ", ".join(f"{option}: {number}" for option, number in asks.items())
        raise UsageError(
            f"{type(selector).__name__} reads {wanted} models and was given {len(models)}; "
            f"its configuration must say {said}"
        )


def seen(data: Data, inputs: Mapping[str, Any], model: dict[str, Any] | None = None) -> list[Seen]:
    """Models of a step's inputs: ``signals``; the first may have ``parts``, the last ``learners``.

    A model with a part was trained without it.
    """
    removed, signals = inputs["removed"], inputs.get("signals", [])
    parts = [[part] for part in inputs.get("parts", [])]
    learners = [rebuild(model or {}, one) for one in inputs.get("learners", [])]
    parts += [[]] * (len(signals) - len(parts))
    given = [None] * (len(signals) - len(learners)) + learners
    return [
        Seen(
            Signals(one.arrays["index"], one.arrays["logits"], one.arrays["targets"]),
            data.without(removed_elements([*removed, *part])).ids,
            learner,
        )
        for one, part, learner in zip(signals, parts, given, strict=True)
    ]


def selection(data: Data, request: Request, before: Mapping[str, Ids]) -> Artifact:
    """A request as later steps read it, with the parts of the data after it."""
    parts = split(data, request, before)
    facts = {
        "kind": request.kind,
        "forget_digest": request.digest(),
        "kept": parts.kept.digest(),
        "view": parts.kept.view.digest(),
        "n_elements": len(request.ids),
        "n_forget": len(parts.forget),
        "n_retain": len(parts.retain),
    }
    arrays = {
        "elements": request.ids,
        "forget": parts.forget,
        "before": parts.before,
        "retain": parts.retain,
    }
    if len(unasked := data.unasked(removed_with(before, request))):
        arrays["unasked"] = unasked
    return Artifact(facts, arrays)


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``select``: one request, with the parts of the data after it.

    Config: ``data``, ``request``, ``seed``; for a selector that tries methods also ``model``,
    ``recipe``, ``device``, ``batch_size``. Inputs: ``removed``, the selections before; for a
    selector that reads models ``signals``, what step ``predict`` left of each, and, where they were
    trained without a part, ``parts``, what step ``part`` left, in the same order; the last of them
    may be ``learners``.
    """
    data, selector = build_data(config["data"]), build(config["request"])
    before, recipe = removed_elements(inputs["removed"]), dict(config.get("recipe", {}))
    recipe.pop("threads", None)  # the worker has seen to it
    context = Context(device=config.get("device", "cpu"), progress=progress, **recipe)
    models = seen(data, inputs, config.get("model"))
    size = config.get("batch_size")
    request = select(selector, data, before, config["seed"], models, context, size)
    found = selection(data, request, before)
    if facts := getattr(selector, "facts", None):
        found.facts["search"] = facts | {"warnings": getattr(selector, "said", [])}
    groups = groups_of(data, selector, inputs["removed"])
    if groups is not None:
        found.arrays["groups"] = groups
    return found


def groups_of(data: Data, selector: object, removed: Sequence[Artifact]) -> NDArray[Any] | None:
    """(N,) class of every id at the level of labels this request, or the last before it, names.

    Scores then tell a forgotten sub-class from its siblings; None for the labels trained on.
    """
    level = getattr(selector, "level", None)
    if level is not None:
        found: NDArray[Any] = data.labelling(level)
        return found
    named = [one.arrays["groups"] for one in removed if "groups" in one.arrays]
    return named[-1] if named else None
