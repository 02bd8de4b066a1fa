"""How the card of a row is made: from what its steps found, said and cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from mu.errors import CellFailed
from mu.evaluation.cost import cost_values, passes
from mu.results.card import Card, Keys, Seeds
from mu.results.words import NULL, ORACLE, ORIGINAL
from mu.running.jobs import one_line
from mu.steps import Comparison, Scored, State, Steps

Values = dict[str, float | None]
TRUNK = ("cut", "trained_on", "saw_data")  # of a frozen trunk, for readers


def make_card(
    steps: Steps,
    method: str,
    number: int,
    request: Comparison | None = None,
    state: State | None = None,
    found: Scored | None = None,
    floor: Sequence[Values] = (),
    failure: CellFailed | None = None,
) -> Card:
    """The card of one row.

    Args:
        steps: What was run.
        method: Name of the row.
        number: Number of the request in its sequence.
        request: Who was forgotten, and the models it is compared with; None where that failed.
        state: The state scored, or None where there is none.
        found: Its scores and details.
        floor: Scores of each oracle against the others.
        failure: Why there are no scores.
    """
    block, run = steps.block, steps.run
    selection = run.facts(request.selection, missing={}) if request else {}
    own = run.facts(state.learner, missing={}) if state else {}
    options = block.methods.get(method, {"changed": []})
    tuned = options.get("tuned", {}).get(steps.request, False)
    scores: Values = {}
    if found and found.values and request:
        scores = found.values | costs(steps, method, state, request.oracles, number)
    about = {**block.names, **provenance(steps, request, state)}
    return Card(
        block=steps.index,
        **about,
        panel=steps.panel(request.selection)[0] if request else block.names["evaluation"],
        title_data=block.config["data"].get("title", block.names["data"]),
        request=steps.request,
        step=number,
        steps=len(block.requests[steps.request]),
        request_kind=selection.get("kind"),
        n_forget=selection.get("n_forget"),
        n_retain=selection.get("n_retain"),
        forget_digest=selection.get("forget_digest"),
        twins=selection.get("twins", {}),
        search=selection.get("search"),
        trunk={name: steps.cut.get(name) for name in TRUNK} if steps.cut else None,
        method=method,
        seed=steps.seed,
        pair=steps.pair,
        defaults=not (options["changed"] or tuned),
        tuned=tuned,
        values=scores,
        oracle={name: [one[name] for one in floor] for name in (floor[0] if floor else {})},
        sizes=found.sizes if found else {},
        oracle_recipe="other" if block.other_recipe else "same",
        details=found.details if found else {},
        trajectory=own.get("trajectory", {}),
        facts=own.get("facts", {}),
        exactness=exactness(steps, method, own, request),
        warnings=[
            *own.get("warnings", []),
            *(found.warnings if found else []),
            *(steps.warnings if method == ORIGINAL else []),
        ],
        error=one_line(failure) if failure else None,
        method_config=steps.method(method) if method in block.methods else None,
        recipe_config=block.config["recipe"],
        fingerprint=steps.facts.get("fingerprint"),
    )


def exactness(
    steps: Steps, method: str, own: Mapping[str, Any], request: Comparison | None
) -> str | None:
    """Whether the statistics of an analytic head are those of one that never saw what is forgotten.

    That one is the twin: retrained from the model's own seed, it has the same backbone and
    expansion. ``equal`` and ``unequal`` are said of every bit of them; ``head only`` where there is
    none, since the backbone was trained with the forgotten data; None for a model without such a
    head, and for those retrained from other seeds.
    """
    mine = own.get("facts", {}).get("statistics")
    if mine is None or request is None or not request.oracles or method in (ORACLE, NULL):
        return None
    twin = steps.run.facts(request.twin.learner, missing={}) if request.twin else {}
    theirs = twin.get("facts", {}).get("statistics")
    if theirs is None:
        return "head only"
    return "equal" if mine == theirs else "unequal"


def costs(
    steps: Steps, method: str, state: State | None, oracles: Sequence[State], number: int
) -> Values:
    """Cost scores: passes relative to the mean of the oracles' trainings, seconds and memory.

    In a sequence also the passes of all requests so far; retraining after each costs one each.
    """
    trainings = [steps.run.facts(o.learner)["cost"] for o in oracles]
    common = set(trainings[0]).intersection(*trainings)  # not every machine tells its memory
    names = [name for name in trainings[0] if name in common]
    retrain = {name: sum(c[name] for c in trainings) / len(trainings) for name in names}
    if method == ORACLE and steps.block.oracle_files:  # nobody counted what they took
        return dict.fromkeys(cost_values(retrain, retrain))
    if method == ORACLE:
        spent = retrain
    elif state is not None and (method == NULL or method in steps.block.methods):
        facts = steps.run.facts(state.learner)
        if facts.get("facts", {}).get("elsewhere"):  # nobody counted what it took
            return dict.fromkeys(cost_values(retrain, retrain))
        spent = facts["cost"]
    else:
        spent = dict.fromkeys(retrain, 0.0)
    values = cost_values(spent, retrain)
    if len(steps.block.requests[steps.request]) > 1 and passes(retrain):
        spent_so_far = so_far(steps, state, passes(retrain)) if state else 0.0
        retrained = method in (ORACLE, NULL)
        values["cost/passes_so_far"] = float(number + 1) if retrained else spent_so_far
    return {name: v if v == v else None for name, v in values.items()}


def so_far(steps: Steps, state: State, retrain: float) -> float:
    """Passes of all requests so far, each relative to the retraining that it stands for.

    Oracles are trained where they are asked for, so that only the last retraining is counted. What
    earlier ones took follows from their number of samples; on a graph, where a pass is one over the
    view, all take the same.
    """
    done = [passes(steps.run.facts(ref)["cost"]) for ref in state.past]
    served = [steps.run.facts(ref) for ref in state.removed[: len(done)]]
    sizes = [
        one["n_retain"] / served[-1]["n_retain"] if one["kind"] == "samples" else 1.0
        for one in served
    ]
    return sum(own / (retrain * size) for own, size in zip(done, sizes, strict=True))


def provenance(steps: Steps, request: Comparison | None, state: State | None) -> dict[str, Any]:
    """Seeds and store keys of everything behind a row, and versions and device it was made with."""
    manifest = steps.run.manifest(state.learner) if state else {}
    learner = state.learner[1] if state else None
    seed = steps.seed
    return {
        "seeds": Seeds(train=seed, select=seed, unlearn=seed, oracles=steps.oracle_seeds),
        "keys": Keys(
            learner=learner,
            data=steps.data[1] or None,
            original=request.original.learner[1] if request else None,
            selection=request.selection[1] if request else None,
            oracles=[oracle.learner[1] for oracle in request.oracles] if request else [],
        ),
        "versions": manifest.get("versions", {}),
        "device": manifest.get("device"),
        "learner": learner,
    }
