"""Step ``score``: one panel of scores for one state, from stored signals alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.evaluation.score import Score, panel_values
from mu.evaluation.signals import Signals, Split


def build_scores(evaluation: Mapping[str, Any]) -> dict[str, Score]:
    """Instantiate the scores of an evaluation configuration.

    Raises:
        UsageError: A score cannot be made from its configuration.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    scores = {}
    for name, config in evaluation["scores"].items():
        try:
            scores[name] = instantiate(config)
        except InstantiationException as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise UsageError(f"score {name}: {reason}") from error
    return scores


def describe_panel(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of each score of a panel: title, kind, headline, margin.

    Costs come last, ‖Δθ‖ among them: how far the weights moved says nothing about what is forgotten
    and gets no verdict.
    """
    headline, margins = evaluation.get("headline", []), evaluation.get("margins", {})
    panel = {
        name: {
            "title": score.title or name,
            "kind": score.kind,
            "better": score.better,
            "headline": name in headline,
            "margin": margins.get(name),
        }
        for name, score in build_scores(evaluation).items()
    }
    costs = {
        "weight_distance": ("‖Δθ‖", "cost"),
        "cost/passes": ("passes", "cost"),
        "cost/seconds_request": ("seconds", "cost"),
        "cost/seconds_setup": ("set-up s", "cost"),
    }
    for name, (title, kind) in costs.items():
        panel[name] = {"title": title, "kind": kind, "better": "lower", "headline": False}
        panel[name]["margin"] = None
    return {"scores": panel}


def signals_of(artifact: Artifact) -> Signals:
    """Signals from the arrays of a ``predict`` artifact."""
    a = artifact.arrays
    return Signals(a["index"], a["logits"], a["targets"])


def weight_distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """‖θ_a − θ_b‖₂ over the floating-point tensors that both hold in the same shape."""
    total = 0.0
    for name, tensor in a.items():
        if name in b and tensor.is_floating_point() and tensor.shape == b[name].shape:
            total += float((tensor.double() - b[name].double()).square().sum())
    return float(np.sqrt(total))


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Score one state against the oracles of its request.

    ``inputs``: ``signals``, ``oracles``, ``original`` (signals); ``selection``; ``data``;
    ``weights`` and ``original_weights`` (learners, for ‖Δθ‖ only).
    """
    selection, data = inputs["selection"].arrays, inputs["data"].arrays
    split = Split(
        forget=selection["forget"],
        before=selection["before"],
        retain=selection["retain"],
        validation=data["part/validation"],
        test=data["part/test"],
    )
    values = panel_values(
        build_scores(config["evaluation"]),
        signals_of(inputs["signals"]),
        split,
        [signals_of(oracle) for oracle in inputs["oracles"]],
        signals_of(inputs["original"]),
    )
    values["weight_distance"] = weight_distance(
        inputs["weights"].tensors, inputs["original_weights"].tensors
    )
    finite = {name: v if np.isfinite(v) else None for name, v in values.items()}
    return Artifact({"values": finite})
