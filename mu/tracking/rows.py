"""One card as W&B sees it: identity, configuration, one flat row, curves, failure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from statistics import fmean, stdev
from typing import Any

from mu.results.format import finite

Card = Mapping[str, Any]
Panel = Mapping[str, Any]

JOB_TYPES = {"original": "original", "oracle": "oracle", "random_weights": "evaluate"}
IDENTITY = ("data", "model", "recipe", "evaluation", "request", "step", "forget_digest", "method",
            "seed", "pair")  # fmt: skip
CONFIG = ("data", "model", "recipe", "evaluation", "request", "request_kind", "step", "steps",
          "method", "seed", "pair", "n_forget", "n_retain", "forget_digest", "fingerprint",
          "commit", "dirty", "versions", "device", "oracle_recipe", "defaults", "command",
          "schema")  # fmt: skip
CURVES = {"trajectory": "unlearn/step", "training": "train/epoch"}
SIGMA_FROM = 5  # oracles; fewer say too little about their own spread


def run_id(card: Card) -> str:
    """A stable id that no other card has: the learner's key, then a digest of what was asked of it.

    One learner serves several requests (the original is scored for each), hence the second part.
    """
    asked = repr([card.get(name) for name in IDENTITY])
    prefix = (card.get("learner") or "failed")[:12]
    return f"{prefix}-{blake2b(asked.encode(), digest_size=5).hexdigest()}"


def group(card: Card) -> str:
    """The scenario: data, model, request."""
    return f"{card['data']}-{card['model']}-{card['request']}"


def name(card: Card) -> str:
    """Method and training seed, and the step of a sequence."""
    step = f"/step{card['step'] + 1}" if (card.get("steps") or 1) > 1 else ""
    return f"{card['method']}/{card['seed']}{step}"


def job_type(card: Card) -> str:
    """What the run did: original, oracle, evaluate (random weights) or unlearn."""
    return JOB_TYPES.get(card["method"], "unlearn")


def tags(card: Card, panel: Panel, over: bool) -> list[str]:
    """Method, kind of request and start of the store key; then what deserves attention."""
    facts = [card["method"], card.get("request_kind"), (card.get("learner") or "")[:12]]
    marks = {
        "defaults": card.get("defaults") and card["method"] not in JOB_TYPES,
        "over-forgetting": over,
        "failed": failure(card, panel),
    }
    return [str(tag) for tag in (*facts, *(mark for mark, given in marks.items() if given)) if tag]


def config(card: Card, experiment: str) -> dict[str, Any]:
    """Everything that made the numbers, as a plain dictionary."""
    seed = card.get("seed")
    resolved = {key: value for key, value in card.items() if key.endswith("_config")}
    return {
        "experiment": experiment,
        **{key: card[key] for key in CONFIG if key in card},
        **resolved,
        "seeds": card.get("seeds") or {"train": seed, "unlearn": seed, "select": seed},
        "keys": card.get("keys") or {"learner": card.get("learner")},
    }


def summary(card: Card, panel: Panel) -> dict[str, float]:
    """One flat row: values, ``oracle/…``, ``gap/…``, ``gap_sigma/…`` and ``cost/…``.

    Scores have their public names, the same in every panel.
    What is not a number is absent. The oracles' own row has no gap: it is their mean.
    """
    row: dict[str, float] = {}
    for score, value in (card.get("values") or {}).items():
        facts, own = panel["scores"][score], finite(value)
        key, listed = facts["public"], [_shown(v, facts) for v in oracle_values(card, score)]
        if listed:
            row[f"oracle/{key}"] = fmean(listed)
        if own is None:
            continue
        row[key] = _shown(own, facts)
        if listed and card["method"] != "oracle":
            row[f"gap/{key}"] = row[key] - fmean(listed)
            spread = stdev(listed) if len(listed) >= SIGMA_FROM else 0.0
            if spread > resolution(card, key):
                row[f"gap_sigma/{key}"] = row[f"gap/{key}"] / spread
    return row | costs(card)


def _shown(value: float, facts: Mapping[str, Any]) -> float:
    """A value as dashboards show it: some panels count errors where dashboards count hits."""
    return 1.0 - value if facts["complement"] else value


def oracle_values(card: Card, score: str) -> list[float]:
    """The oracles' values of one score that are numbers."""
    listed = (card.get("oracle") or {}).get(score) or []
    return [v for v in map(finite, listed) if v is not None]


def resolution(card: Card, key: str) -> float:
    """One sample's worth of a rate on the part it is taken on; less is no spread."""
    sizes = {"forget": "n_forget", "attack": "n_forget", "retain": "n_retain"}
    size = finite(card.get(sizes.get(key.split("/")[0], "")))
    return 1 / size if size else 0.0


def costs(card: Card) -> dict[str, float]:
    """Total seconds, speed-up over retraining in passes, and peak memory where it was recorded."""
    values, facts = card.get("values") or {}, card.get("facts") or {}
    seconds = [finite(values.get(f"cost/seconds_{part}")) for part in ("setup", "request")]
    passes, memory = finite(values.get("cost/passes")), finite(facts.get("peak_memory_mb"))
    known = [s for s in seconds if s is not None]
    found = {
        "cost/seconds": sum(known) if known else None,
        "cost/speedup": 1 / passes if passes else None,
        "cost/peak_memory_mb": memory,
    }
    return {key: value for key, value in found.items() if value is not None}


def curves(card: Card) -> dict[str, list[dict[str, float]]]:
    """Points by the axis they are drawn over (``unlearn/step``, ``train/epoch``).

    A point holds its place on the axis and every series that has a number there.
    """
    found = {}
    for field, axis in CURVES.items():
        series, (family, base) = card.get(field) or {}, axis.split("/")
        points = []
        for place, at in enumerate(series.get(base) or []):
            others = {
                f"{family}/{key}": finite(listed[place])
                for key, listed in series.items()
                if key != base and place < len(listed)
            }
            points.append({axis: at} | {k: v for k, v in others.items() if v is not None})
        if points:
            found[axis] = points
    return found


def failure(card: Card, panel: Panel) -> str:
    """Why there is no result: the cell's reason, or a headline score that is not a number.

    A score that is not a number for the oracles either does not apply, which is no failure.
    """
    if card.get("error"):
        return str(card["error"])
    for score, facts in (panel.get("scores") or {}).items():
        if facts.get("headline") and score in (card.get("values") or {}):
            missing = finite(card["values"][score]) is None
            if missing and oracle_values(card, score):
                return f"{facts.get('title') or score} is not a number"
    return ""
