"""Synthetic pairs whose truth is known: retrained models, the original, mixtures of the two."""

from typing import Any

import numpy as np
import records

from mu.results.results import Results

PANEL: dict[str, Any] = {
    "scores": {
        "ua": {
            "title": "UA",
            "kind": "forgetting",
            "headline": True,
            "margin": None,
            "better": "oracle",
        }
        | {"family": "forgetting", "reads": ["forget"], "range": [0.0, 1.0]},
        "kl": {"title": "KL", "kind": "forgetting", "headline": True, "decisive": True}
        | {"better": "lower", "margin": None, "family": "distance", "reads": ["forget"]},
        "rmia": {"title": "RMIA", "kind": "forgetting", "headline": True, "decisive": True}
        | {"better": "oracle", "references": True, "margin": None, "reads": ["forget", "test"]},
        "ta": {"title": "TA", "kind": "utility", "headline": True, "margin": 0.02}
        | {"better": "oracle", "family": "utility", "reads": ["test"]},
    }
}
SETTING = {  # of each score: the oracles' value, that of the original, spread of retraining
    "ua": (0.9, 0.99, 0.01),
    "kl": (0.05, 0.15, 0.01),
    "rmia": (0.5, 0.58, 0.012),
    "ta": (0.9, 0.9, 0.003),
}
SHARES = {"original": 1.0, "null": 0.0, "half": 0.5, "gone": 3.0}  # of the original's gap


def cards(pairs: int = 40, seed: int = 0, oracles: int = 3, sets: int = 0) -> list[dict[str, Any]]:
    """Cards of every row of ``SHARES``; ``sets`` different forget sets, one a pair by default."""
    random = np.random.default_rng(seed)
    found = []
    for pair in range(pairs):
        digest = f"set {pair % sets if sets else pair}"
        peers = {
            name: [round(float(v), 6) for v in random.normal(mean, spread, oracles)]
            for name, (mean, _, spread) in SETTING.items()
        }
        for method, left in SHARES.items():
            values = {
                name: round(float(random.normal(mean + left * (start - mean), spread)), 6)
                for name, (mean, start, spread) in SETTING.items()
            }
            about = {"method": method, "pair": pair, "seed": pair, "forget_digest": digest}
            about |= {"n_forget": 100, "n_retain": 900, "panel": "p"}
            found.append(about | {"values": values, "oracle": peers})
    return found


def results(found: list[dict[str, Any]]) -> Results:
    """Results of such cards."""
    made = [records.card(**one) for one in found]
    return Results(experiment="made", title="Made", panels={"p": PANEL}, cards=made)
