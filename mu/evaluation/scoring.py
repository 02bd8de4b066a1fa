"""Step ``score``: one panel of scores for one state, from stored signals alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.evaluation.build import instantiated
from mu.evaluation.details.detail import detail_values
from mu.evaluation.score import Peers, Score, panel_values
from mu.evaluation.signals import Signals, Split


def build_scores(evaluation: Mapping[str, Any]) -> dict[str, Score]:
    """Instantiate the scores of an evaluation configuration.

    Raises:
        UsageError: A score cannot be made from its configuration.
    """
    return instantiated(evaluation["scores"], "score")


def signals_of(artifact: Artifact) -> Signals:
    """Signals from the arrays of a ``predict`` artifact."""
    a = artifact.arrays
    kept = {name: a.get(name) for name in ("embeddings", "features")}
    return Signals(a["index"], a["logits"], a["targets"], **kept)


def weight_distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """‖θ_a − θ_b‖₂ over the floating-point tensors that both hold in the same shape."""
    total = 0.0
    for name, tensor in a.items():
        if name in b and tensor.is_floating_point() and tensor.shape == b[name].shape:
            total += float((tensor.double() - b[name].double()).square().sum())
    return float(np.sqrt(total))


def finite_values(values: Mapping[str, float]) -> dict[str, float | None]:
    """The same values, None where a score does not apply."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Score one state against the oracles of its request.

    ``inputs``: ``signals``, ``oracles``, ``original`` and, optional, ``untrained`` (signals);
    ``selection``; ``data``; ``weights`` and ``original_weights`` (learners, for ‖Δθ‖ only).
    """
    selection, data = inputs["selection"].arrays, inputs["data"].arrays
    unasked = selection.get("unasked", np.empty(0, np.int64))
    split = Split(
        forget=selection["forget"],
        before=selection["before"],
        retain=selection["retain"],
        validation=np.setdiff1d(data["part/validation"], unasked),
        test=np.setdiff1d(data["part/test"], unasked),
        groups=selection.get("groups"),
        pairs=data.get("pairs"),
    )
    own = signals_of(inputs["signals"])
    peers = Peers(
        oracles=[signals_of(oracle) for oracle in inputs["oracles"]],
        original=signals_of(inputs["original"]),
        untrained=[signals_of(one) for one in inputs.get("untrained", ())],
    )
    values = panel_values(build_scores(config["evaluation"]), own, split, peers)
    values["weight_distance"] = weight_distance(
        inputs["weights"].tensors, inputs["original_weights"].tensors
    )
    details = detail_values(config["evaluation"], own, split, peers)
    return Artifact({"values": finite_values(values), "details": details})
