"""The card: the small JSON result of one row, from which every table and page is made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mu.errors import CellFailed
from mu.evaluation.cost import cost_values
from mu.jobs import Ref, one_line

if TYPE_CHECKING:
    from mu.pipeline import Cell
    from mu.steps import State

SCHEMA = 1
Card = dict[str, Any]
Values = dict[str, float | None]


def make_card(
    cell: "Cell",
    method: str,
    number: int,
    selection: Ref | None = None,
    state: "State | None" = None,
    values: Values | None = None,
    floor: Sequence[Values] = (),
    oracles: "Sequence[State]" = (),
    failure: CellFailed | None = None,
) -> Card:
    """The card of one row.

    Args:
        cell: What was run.
        method: Name of the row.
        number: Number of the request in its sequence.
        selection: Who was forgotten.
        state: The state scored, or None where there is none.
        values: Its scores.
        floor: Scores of each oracle against the others.
        oracles: The retrained models.
        failure: Why there are no scores.
    """
    block, run = cell.block, cell.steps.run
    request = run.facts(selection, missing={}) if selection else {}
    own = run.facts(state.learner, missing={}) if state else {}
    options = block.methods.get(method, {"changed": [], "config": None})
    scores = (values or {}) | (costs(cell, method, state, oracles) if values else {})
    return {
        "schema": SCHEMA,
        "block": cell.index,
        **block.names,
        "panel": block.names["evaluation"],
        "title_data": block.config["data"].get("title", block.names["data"]),
        "request": cell.request,
        "step": number,
        "steps": len(block.requests[cell.request]),
        "request_kind": request.get("kind"),
        "n_forget": request.get("n_forget"),
        "n_retain": request.get("n_retain"),
        "forget_digest": request.get("forget_digest"),
        "method": method,
        "seed": cell.steps.seed,
        "pair": cell.pair,
        "defaults": not options["changed"],
        "values": scores,
        "oracle": {name: [one[name] for one in floor] for name in (floor[0] if floor else {})},
        "facts": own.get("facts", {}),
        "warnings": own.get("warnings", []),
        "error": one_line(failure) if failure else None,
        "method_config": options["config"],
        "recipe_config": block.config["recipe"],
        **provenance(cell, state),
    }


def costs(cell: "Cell", method: str, state: "State | None", oracles: "Sequence[State]") -> Values:
    """Cost scores: passes relative to the mean of the oracles' trainings, and seconds."""
    trainings = [cell.steps.run.facts(o.learner)["cost"] for o in oracles]
    retrain = {name: sum(c[name] for c in trainings) / len(trainings) for name in trainings[0]}
    if method == "oracle":
        spent = retrain
    elif method in cell.block.methods and state is not None:
        spent = cell.steps.run.facts(state.learner)["cost"]
    else:
        spent = dict.fromkeys(retrain, 0.0)
    return {name: v if v == v else None for name, v in cost_values(spent, retrain).items()}


def provenance(cell: "Cell", state: "State | None") -> Card:
    """Key of the learner, and the versions and device it was made with."""
    if state is None:
        return {"versions": {}, "device": None, "learner": None}
    manifest = cell.steps.run.manifest(state.learner)
    return {
        "versions": manifest.get("versions", {}),
        "device": manifest.get("device"),
        "learner": state.learner[1],
    }
