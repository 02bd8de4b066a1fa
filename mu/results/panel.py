"""What a panel says of its scores: titles, kinds, headline and margins, without computing any."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mu.errors import UsageError
from mu.evaluation.build import instantiated
from mu.evaluation.derived import Derived, build_derived
from mu.evaluation.panels import panels_of
from mu.evaluation.score import Score
from mu.evaluation.scoring import build_scores
from mu.evaluation.signals import PARTS
from mu.trust.wrong_shapes import in_one_line

COSTS = {
    "weight_distance": "‖Δθ‖",
    "cost/passes": "passes",
    "cost/passes_request": "passes, request",
    "cost/passes_so_far": "passes so far",
    "cost/seconds_request": "seconds",
    "cost/seconds_setup": "set-up s",
    "cost/memory_request": "MB",
    "cost/memory_setup": "set-up MB",
}


def describe_panels(name: str, evaluation: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`describe_panel` of every panel that a configuration holds, by what it is called on cards.

    Args:
        name: Of the configuration.
        evaluation: The configuration.

    Raises:
        UsageError: As `describe_panel`.
    """
    from omegaconf.errors import OmegaConfBaseException

    try:
        with in_one_line(f"evaluation {name} holds what"):
            panels = panels_of(name, evaluation)
            return {own: _described(panel) for own, panel in panels.items()}
    except OmegaConfBaseException as error:
        raise UsageError(f"evaluation {name}: {' '.join(str(error).split())}") from error


def _described(panel: Mapping[str, Any]) -> dict[str, Any]:
    """`describe_panel`, made once a panel: its scores are many, and hydra takes its time."""
    found: dict[str, Any] = json.loads(_described_as_json(json.dumps(panel)))
    return found


@lru_cache(maxsize=16)
def _described_as_json(panel: str) -> str:
    return json.dumps(describe_panel(json.loads(panel)))


def describe_panel(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of each score of a panel, as plain data.

    They are title, kind, better, range, headline, decisive (whether *like the oracle* rests on it),
    margin, references, family, public (its name in W&B), complement and reads, the parts of the
    split it looks at.

    Derived scores follow the panel's own. Costs come last, ‖Δθ‖ among them: how far the weights
    moved says nothing about what is forgotten and gets no verdict.

    Raises:
        UsageError: A score, a derived score or a detail cannot be made from its configuration, or
            headline, decisive or margins name a score that the panel lacks.
    """
    instantiated(evaluation.get("details") or {}, "detail")
    headline, decisive = (evaluation.get(key) or [] for key in ("headline", "decisive"))
    margins = evaluation.get("margins") or {}
    scores, derived = build_scores(evaluation), build_derived(evaluation)
    every: dict[str, Score | Derived] = {**scores, **derived}
    reads = {name: score.reads for name, score in scores.items()}
    for name, one in derived.items():
        reads[name] = frozenset().union(*(reads[needed] for needed in one.needs))
    public = _public(every)
    panel = {
        name: {
            "title": score.title or name,
            "kind": score.kind,
            "better": score.better,
            "range": list(score.range),
            "headline": name in headline,
            "decisive": name in decisive,
            "margin": margins.get(name),
            "references": getattr(score, "references", False),
            "family": score.family,
            "public": public[name],
            "complement": score.complement,
            "reads": [part for part in PARTS if part in reads[name]],
        }
        for name, score in every.items()
    }
    panel |= {name: _cost(name, title) for name, title in COSTS.items()}
    for key, named in {"headline": headline, "decisive": decisive, "margins": margins}.items():
        if missing := [name for name in named if name not in panel]:
            raise UsageError(
                f"{key} names {missing[0]!r}, which the panel lacks; it has {', '.join(panel)}"
            )
    return {"scores": panel}


def _public(scores: Mapping[str, Score | Derived]) -> dict[str, str]:
    """Names in W&B. Of two scores that measure alike only the first has the name they share."""
    found: dict[str, str] = {}
    for name, score in scores.items():
        taken = score.public is None or score.public in found.values()
        found[name] = f"score/{name}" if taken else str(score.public)
    return found


def _cost(name: str, title: str) -> dict[str, Any]:
    public = f"score/{name}" if name == "weight_distance" else name
    facts = {"title": title, "kind": "cost", "better": "lower", "headline": False}
    facts |= {"decisive": False, "range": [0.0, None], "margin": None, "references": False}
    return facts | {"family": "cost", "public": public, "complement": False, "reads": []}
