"""One card as W&B sees it: identity, configuration, one flat row, curves, failure."""

from collections.abc import Mapping
from hashlib import blake2b
from statistics import fmean, stdev
from typing import Any

from mu.results.card import Card, Facts
from mu.results.format import finite
from mu.results.words import NOT_METHODS, NULL, ORACLE, ORIGINAL, RANDOM

Scores = Mapping[str, Facts]

JOB_TYPES = {ORIGINAL: "original", ORACLE: "oracle", NULL: "null", RANDOM: "evaluate"}
IDENTITY = ("data", "model", "recipe", "evaluation", "request", "step", "forget_digest", "method",
            "seed", "pair")  # fmt: skip
CONFIG = ("data", "model", "recipe", "evaluation", "request", "request_kind", "step", "steps",
          "method", "seed", "pair", "n_forget", "n_retain", "forget_digest", "fingerprint",
          "commit", "dirty", "versions", "device", "oracle_recipe", "defaults", "command",
          "schema", "method_config", "recipe_config")  # fmt: skip
AXIS = "unlearn/step"
SIGMA_FROM = 5  # oracles; fewer say too little about their own spread


def run_id(card: Card) -> str:
    """A stable id that no other card has: the learner's key, then a digest of what was asked of it.

    One learner serves several requests (the original is scored for each), hence the second part.
    """
    asked = repr([getattr(card, name) for name in IDENTITY])
    prefix = (card.learner or "failed")[:12]
    return f"{prefix}-{blake2b(asked.encode(), digest_size=5).hexdigest()}"


def facts(card: Card, scores: Scores, experiment: str, over: bool) -> dict[str, Any]:
    """What the run is called, what it belongs to (data, model, request) and how it was made.

    Args:
        card: The card.
        scores: What its panel says of its scores.
        experiment: Name of the experiment.
        over: Whether the method goes beyond the oracle.
    """
    step = f"/step{card.step + 1}" if card.steps > 1 else ""
    return {
        "id": run_id(card),
        "name": f"{card.method}/{card.seed}{step}",
        "group": f"{card.data}-{card.model}-{card.request}",
        "job_type": JOB_TYPES.get(card.method, "unlearn"),
        "tags": tags(card, scores, over),
        "config": config(card, experiment),
    }


def tags(card: Card, scores: Scores, over: bool) -> list[str]:
    """Method, kind of request and start of the store key; then what deserves attention."""
    about = [card.method, card.request_kind, (card.learner or "")[:12]]
    marks = {
        "defaults": card.defaults and card.method not in NOT_METHODS,
        "over-forgetting": over,
        "failed": card.failure(scores),
    }
    return [str(tag) for tag in (*about, *(mark for mark, given in marks.items() if given)) if tag]


def config(card: Card, experiment: str) -> dict[str, Any]:
    """Everything that made the numbers, as a plain dictionary."""
    seed, plain = card.seed, card.plain()
    return {
        "experiment": experiment,
        **{key: plain[key] for key in CONFIG if key in plain},
        "seeds": plain.get("seeds", {"train": seed, "unlearn": seed, "select": seed}),
        "keys": plain.get("keys", {"learner": card.learner}),
    }


def summary(card: Card, scores: Scores) -> dict[str, float]:
    """One flat row: values, ``oracle/…``, ``gap/…``, ``gap_sigma/…`` and ``cost/…``.

    Scores have their public names, the same in every panel.
    What is not a number is absent. The oracles' own row has no gap: it is their mean.
    """
    row: dict[str, float] = {}
    for score in card.values:
        said, own = scores[score], card.number(score)
        key, listed = said["public"], [_shown(v, said) for v in card.oracle_values(score)]
        if listed:
            row[f"oracle/{key}"] = fmean(listed)
        if own is None:
            continue
        row[key] = _shown(own, said)
        if listed and card.method != ORACLE:
            row[f"gap/{key}"] = row[key] - fmean(listed)
            spread = stdev(listed) if len(listed) >= SIGMA_FROM else 0.0
            if spread > resolution(card, key):
                row[f"gap_sigma/{key}"] = row[f"gap/{key}"] / spread
    return row | _costs(card)


def _shown(value: float, said: Facts) -> float:
    """A value as dashboards show it: some panels count errors where dashboards count hits."""
    return 1.0 - value if said["complement"] else value


def resolution(card: Card, key: str) -> float:
    """One sample's worth of a rate on the part it is taken on; less is no spread."""
    sizes = {"forget": card.n_forget, "attack": card.n_forget, "retain": card.n_retain}
    size = sizes.get(key.split("/")[0])
    return 1 / size if size else 0.0


def _costs(card: Card) -> dict[str, float]:
    """Total seconds, and speed-up over retraining in passes."""
    seconds = [card.number(f"cost/seconds_{part}") for part in ("setup", "request")]
    known, passes = [s for s in seconds if s is not None], card.number("cost/passes")
    found = {"cost/seconds": sum(known)} if known else {}
    return found | ({"cost/speedup": 1 / passes} if passes else {})


def points_of(card: Card) -> list[dict[str, float]]:
    """Points of the trajectory over `AXIS`: a place on it and every series with a number there."""
    (family, base), points = AXIS.split("/"), []
    for place, at in enumerate(card.trajectory.get(base, [])):
        others = {
            f"{family}/{key}": finite(listed[place])
            for key, listed in card.trajectory.items()
            if key != base and place < len(listed)
        }
        points.append({AXIS: at} | {k: v for k, v in others.items() if v is not None})
    return points
