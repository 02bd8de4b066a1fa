"""A selection: what a selector sees, what it returns, and the step that runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mu.artifact import Artifact
from mu.data.base import Data, Ids, removed_elements
from mu.data.build import build, build_data
from mu.doors.twins import twins_of
from mu.errors import UsageError
from mu.evaluation.signals import Signals
from mu.forget_sets.files import Request
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.request import check, selection, takes_whole_classes


@dataclass(frozen=True, eq=False)
class Scene:
    """What a selector chooses from, and what it may know.

    Attributes:
        data: The data.
        available: Ids of the elements of the selector's kind that are not yet forgotten.
        rng: For all that it draws.
        models: The models that its configuration asks for, in the order of
            `mu.forget_sets.wants.wants`; none for most.
        setting: Where it asks for ``learners``: the `mu.forget_sets.search.setting.Setting` in
            which methods run. Not so annotated, since a plain selection must not reach methods.
    """

    data: Data
    available: Ids
    rng: np.random.Generator
    models: Sequence[HelperModel] = ()
    setting: Any = None


class Selector(Protocol):
    """Chooses the elements of one request.

    Attributes:
        kind: Kind of element.

    One that reads a file has its name as ``source``. One that searches also has ``facts``, numbers,
    text and lists to be reported of the search once it has run, and ``warnings``.
    """

    kind: str

    def select(self, scene: Scene) -> Ids:
        """Ids among ``scene.available``."""
        ...


def select(
    selector: Selector,
    data: Data,
    before: Mapping[str, Ids],
    seed: int,
    models: Sequence[HelperModel] = (),
    setting: Any = None,
) -> Request:
    """Run a selector on what is not yet forgotten and check what it returns.

    Args:
        selector: The selector.
        data: The data.
        before: Elements already forgotten, by kind.
        seed: Seed of what the selector draws.
        models: What it may know of models.
        setting: See `Scene`; `mu.forget_sets.search.step.search` makes it.

    Raises:
        UsageError: The selector cannot select, or `check` refuses what it returns.
    """
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 3])
    try:
        gone = before.get(selector.kind, np.empty(0, np.int64))
        available = np.setdiff1d(data.elements(selector.kind), gone)
        ids = selector.select(Scene(data, available, rng, models, setting))
        return check(Request(selector.kind, ids), data, before)
    except UsageError as error:
        source = getattr(selector, "source", None)
        if source is None or source in str(error):
            raise
        raise UsageError(f"{source}: {error}") from error


def helper_models(data: Data, inputs: Mapping[str, Any]) -> list[HelperModel]:
    """Models of a step's inputs: ``signals``, of which the first may have ``holdouts``.

    A model with a holdout was trained without it.
    """
    removed, signals = inputs["removed"], inputs["signals"]
    holdouts = [[one] for one in inputs["holdouts"]]
    holdouts += [[]] * (len(signals) - len(holdouts))
    return [
        HelperModel(
            Signals(one.arrays["index"], one.arrays["logits"], one.arrays["targets"]),
            data.without(removed_elements([*removed, *holdout])).ids,
        )
        for one, holdout in zip(signals, holdouts, strict=True)
    ]


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Step ``select``: one request, with the parts of the data after it.

    Config: ``data``, ``request``, ``seed``. Inputs: ``removed``, the selections before;
    ``signals``, what step ``predict`` left of each model that is read, and ``holdouts``, what step
    ``holdout`` left of those that were trained without a part, in the same order.
    """
    data, selector = build_data(config["data"]), build(config["request"])
    before, models = removed_elements(inputs["removed"]), helper_models(data, inputs)
    request = select(selector, data, before, config["seed"], models)
    return described(data, selector, request, inputs["removed"])


def described(
    data: Data, selector: Selector, request: Request, removed: Sequence[Artifact]
) -> Artifact:
    """The artifact of a selection: the request, what the search for it found, its groups.

    ``whole_classes`` says whether it takes whole classes, as the request tells them apart;
    ``twins`` how many forgotten samples other parts hold too, byte for byte; ``names`` what people
    call the elements, where they have names.
    """
    found = selection(data, request, removed_elements(removed))
    if facts := getattr(selector, "facts", None):
        found.facts["search"] = facts | {"warnings": getattr(selector, "warnings", [])}
    names = data.element_names(request.kind, request.ids)
    if names is not None:
        found.facts["names"] = names
    groups = groups_of(data, selector, removed)
    if groups is not None:
        found.arrays["groups"] = groups
    sides = (found.arrays[part] for part in ("forget", "retain"))
    classes = [data.targets(ids) if groups is None else groups[ids] for ids in sides]
    found.facts["whole_classes"] = takes_whole_classes(*classes)
    others = {"retain": found.arrays["retain"], "test": data.parts["test"]}
    found.facts["twins"] = twins_of(data, found.arrays["forget"], others)
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
