"""Step ``unlearn``: a method serves one request of the pipeline."""

from typing import Any

import numpy as np

from mu.analytic.key import ledger_key
from mu.artifact import Artifact
from mu.data.base import Batch, Data, View, removed_elements
from mu.data.build import build, build_data
from mu.errors import NotApplicable
from mu.models.base import Progress
from mu.models.weights import MEMORY, rebuild
from mu.unlearning.apply import apply, check_kind
from mu.unlearning.base import DataPart, Unlearner
from mu.unlearning.context import Context
from mu.unlearning.stored import failing_the_row


def parts_for(
    data: Data, method: Unlearner, before: list[Artifact], selection: Artifact
) -> dict[str, DataPart]:
    """The parts of one request, seen through the view the method declares.

    ``kept`` is what an oracle trains on, seen as the oracle sees it, whatever the method declares.

    Raises:
        NotApplicable: The method reads validation data, and there are none.
    """
    if "validation" in method.needs and not len(data.parts["validation"]):
        raise NotApplicable(
            f"not applicable: {type(method).__name__} reads validation data, and these data have "
            "none: hold some out (data.validation, or a val_mask)"
        )
    trained = data.without(removed_elements(before))
    retained = data.without(removed_elements([*before, selection]))
    views = {"retained": retained.view, "trained": trained.view, "original": data.without({}).view}
    view: View = views[method.gradient_view]
    return {
        "forget": DataPart(data, selection.arrays["forget"], view),
        "retain": DataPart(data, selection.arrays["retain"], view),
        "full": DataPart(data, trained.ids, view),
        "kept": DataPart(data, retained.ids, retained.view),
        "validation": DataPart(data, data.parts["validation"], view),
    }


def watched(data: Data, view: View, selection: Artifact, samples: int) -> dict[str, list[Batch]]:
    """Batches of at most ``samples`` samples a part, evenly spaced: what the trajectory shows."""
    ids = {
        "forget": selection.arrays["forget"],
        "retain": selection.arrays["retain"],
        "validation": data.parts["validation"],
    }
    found = {}
    for name, part in ids.items():
        few = part[np.linspace(0, len(part) - 1, min(samples, len(part))).astype(int)]
        if len(few):
            found[name] = list(data.loader(few, view))
    return found


def with_stored(cost: dict[str, Any], stored: list[Artifact]) -> dict[str, Any]:
    """The cost of a request, with the set-up that was stored with the original."""
    for artifact in stored:
        spent = artifact.facts["cost"]
        for name in ("forward", "backward"):
            cost[name] += spent[name]
            cost[f"{name}_setup"] += spent[name]
        cost["seconds_setup"] += spent["seconds_setup"]
        if "memory_setup" in spent:  # one after the other: not held together
            cost["memory_setup"] = max(cost.get("memory_setup", 0.0), spent["memory_setup"])
    return cost


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Run a method on the state before the request.

    ``inputs``: ``state`` (a learner), ``before`` (earlier selections), ``selection`` (this one),
    ``stored`` (what the method reads of the original, named by ``config["stored"]``).
    """
    method: Unlearner = build(config["method"])
    selection = inputs["selection"]
    check_kind(method, selection.facts["kind"])
    data, recipe = build_data(config["data"]), config["recipe"]
    memory = {
        name.removeprefix(MEMORY): tensor
        for name, tensor in inputs["state"].tensors.items()
        if name.startswith(MEMORY)
    }
    learner = rebuild(config["model"], inputs["state"], config.get("named", ()))
    after = data.without(removed_elements([*inputs["before"], selection])).view
    shown = config.get("trajectory") or {}
    context = Context(
        watched=watched(data, after, selection, shown["samples"]) if shown else {},
        points=shown.get("points", 0),
        seed=config["seed"],
        device=config["device"],
        precision=recipe["precision"],
        channels_last=recipe["channels_last"],
        augment=recipe["augment"],
        progress=progress,
        secret=ledger_key,
        normalisation=data.normalised,
    )
    parts = parts_for(data, method, inputs["before"], selection)
    stored = dict(zip(config.get("stored", []), inputs.get("stored", []), strict=True))
    tensors_of = {name: artifact.tensors for name, artifact in stored.items()}
    with failing_the_row():
        found = apply(method, learner, parts, context, memory, tensors_of)
    tensors = dict(found.learner.state_dict())
    tensors |= {f"{MEMORY}{name}": tensor for name, tensor in found.memory.items()}
    facts = {
        "cost": with_stored(found.cost(), list(stored.values())),
        "facts": found.facts,
        "warnings": found.warnings,
        "trajectory": found.trajectory,
    }
    if found.model_of is not None:
        facts["model"] = found.model_of(inputs["state"].facts.get("model", config["model"]))
    return Artifact(facts, tensors=tensors)
