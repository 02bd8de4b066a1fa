"""The selection of a selector that is handed models themselves, and tries methods on them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mu.artifact import Artifact
from mu.data.base import Data, Ids, removed_elements
from mu.data.build import build, build_data
from mu.forget_sets.files import Request
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.search.setting import Setting
from mu.forget_sets.select import Selector, described, helper_models, select
from mu.models.base import Progress
from mu.models.weights import rebuild
from mu.unlearning.context import Context


def search(
    selector: Selector,
    data: Data,
    before: Mapping[str, Ids],
    seed: int,
    models: Sequence[HelperModel],
    context: Context | None = None,
    batch_size: int | None = None,
) -> Request:
    """`mu.forget_sets.select.select` for a selector that asks for learners.

    The methods that it tries run as ``context`` says, and it looks at losses in batches of
    ``batch_size``.
    """
    setting = Setting(before, replace(context or Context(), seed=seed), batch_size)
    return select(selector, data, before, seed, models, setting)


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``select``: one request by a selector that runs methods on models of its own.

    Config and inputs are those of `mu.forget_sets.select.step` and: ``model``, ``recipe``,
    ``device``, ``batch_size``; ``learners``, to which the last of the ``signals`` belong.
    """
    data, selector = build_data(config["data"]), build(config["request"])
    models, learners = helper_models(data, inputs), inputs["learners"]
    for place, one in enumerate(learners, len(models) - len(learners)):
        learner = rebuild(config["model"], one, config.get("named", ()))
        models[place] = replace(models[place], learner=learner)
    # The worker has seen to the threads.
    recipe = {name: value for name, value in config["recipe"].items() if name != "threads"}
    context = Context(device=config["device"], progress=progress, **recipe)
    before, size = removed_elements(inputs["removed"]), config["batch_size"]
    request = search(selector, data, before, config["seed"], models, context, size)
    return described(data, selector, request, inputs["removed"])
