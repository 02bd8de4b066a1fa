"""What a panel says of its scores: titles, kinds, headline and margins, without computing any."""

from collections.abc import Mapping
from typing import Any

from mu.evaluation.build import instantiated
from mu.evaluation.derived import build_derived
from mu.evaluation.scoring import build_scores


def describe_panel(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of each score of a panel: title, kind, better, range, headline, margin.

    Derived scores follow the panel's own. Costs come last, ‖Δθ‖ among them: how far the weights
    moved says nothing about what is forgotten and gets no verdict.

    Raises:
        UsageError: A score, a derived score or a detail cannot be made from its configuration.
    """
    instantiated(evaluation.get("details") or {}, "detail")
    headline, margins = evaluation.get("headline", []), evaluation.get("margins", {})
    panel = {
        name: {
            "title": score.title or name,
            "kind": score.kind,
            "better": score.better,
            "range": list(score.range),
            "headline": name in headline,
            "margin": margins.get(name),
        }
        for name, score in (build_scores(evaluation) | build_derived(evaluation)).items()
    }
    costs = {
        "weight_distance": ("‖Δθ‖", "cost"),
        "cost/passes": ("passes", "cost"),
        "cost/passes_request": ("passes, request", "cost"),
        "cost/passes_so_far": ("passes so far", "cost"),
        "cost/seconds_request": ("seconds", "cost"),
        "cost/seconds_setup": ("set-up s", "cost"),
    }
    for name, (title, kind) in costs.items():
        panel[name] = {"title": title, "kind": kind, "better": "lower", "headline": False}
        panel[name] |= {"range": [0.0, None], "margin": None}
    return {"scores": panel}
