"""Step ``score``: one panel of scores for one state, from stored signals alone."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.evaluation.build import instantiated
from mu.evaluation.details.detail import detail_values
from mu.evaluation.score import Peers, Score, panel_sizes, panel_values
from mu.evaluation.signals import Signals, Split


def build_scores(evaluation: Mapping[str, Any]) -> dict[str, Score]:
    """Instantiate the scores of an evaluation configuration.

    Raises:
        UsageError: A score cannot be made from its configuration.
    """
    return instantiated(evaluation["scores"], "score")


def reading_features(scores: Mapping[str, Any]) -> frozenset[str]:
    """Names of the scores of a panel that read what the head reads.

    Args:
        scores: Their configurations by name.

    Raises:
        UsageError: As `build_scores`.
    """
    return _reading_features(json.dumps(scores))


@lru_cache(maxsize=16)
def _reading_features(scores: str) -> frozenset[str]:
    """`reading_features` of a panel written as JSON: made once a panel, not once a state."""
    built = build_scores({"scores": json.loads(scores)})
    return frozenset(name for name, score in built.items() if score.of_features)


def signals_of(artifact: Artifact) -> Signals:
    """Signals from the arrays of a ``predict`` artifact."""
    a = artifact.arrays
    return Signals(a["index"], a["logits"], a["targets"], embeddings=a.get("embeddings"))


def split_of(selection: Artifact, described: Artifact) -> Split:
    """Who plays which part after a request.

    Args:
        selection: What step ``select`` left.
        described: What step ``describe`` left of the data.
    """
    parts, data = selection.arrays, described.arrays
    unasked = parts.get("unasked", np.empty(0, np.int64))
    return Split(
        forget=parts["forget"],
        before=parts["before"],
        retain=parts["retain"],
        validation=np.setdiff1d(data["part/validation"], unasked),
        test=np.setdiff1d(data["part/test"], unasked),
        groups=parts.get("groups"),
        own=parts.get("own", np.empty(0, np.int64)),
        pairs=data.get("pairs"),
    )


def weight_distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """‖θ_a − θ_b‖₂ over the floating-point tensors that both hold in the same shape."""
    total = 0.0
    for name, tensor in a.items():
        if name in b and tensor.is_floating_point() and tensor.shape == b[name].shape:
            total += float((tensor.double() - b[name].double()).square().sum())
    return float(np.sqrt(total))


def known_values(values: Mapping[str, float]) -> dict[str, float | None]:
    """The same values, None where a score does not apply (nan); infinity is a value."""
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Score one state against the oracles of its request.

    ``config``: ``evaluation``, a panel without scores that read features (step ``trunk``);
    ``left_out``, whether the state is an oracle, held against the others.
    ``inputs``: ``signals``, ``oracles``, ``original`` and, optional, ``untrained`` (signals);
    ``selection``; ``data``; ``weights`` and ``original_weights`` (learners, for ‖Δθ‖ only).
    """
    split = split_of(inputs["selection"], inputs["data"])
    own = signals_of(inputs["signals"])
    peers = Peers(
        oracles=[signals_of(oracle) for oracle in inputs["oracles"]],
        original=signals_of(inputs["original"]),
        untrained=[signals_of(one) for one in inputs.get("untrained", ())],
        left_out=config["left_out"],
    )
    scores = build_scores(config["evaluation"])
    values = panel_values(scores, own, split, peers)
    sizes = panel_sizes(scores, values, own, split)
    values["weight_distance"] = weight_distance(
        inputs["weights"].tensors, inputs["original_weights"].tensors
    )
    details = detail_values(config["evaluation"], own, split, peers)
    return Artifact({"values": known_values(values), "sizes": sizes, "details": details})
