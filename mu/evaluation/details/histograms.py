"""How the probabilities of a link predictor are spread over groups of pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.details.detail import DIGITS, Found, OwnDetail
from mu.evaluation.graph import edge_sides, is_links, sigmoid
from mu.evaluation.signals import Floats, Signals, Split


@dataclass(frozen=True)
class ScoreHistograms(OwnDetail):
    """How the probabilities of forgotten, retained and test edges are spread.

    Returns {"edges": (bins + 1,), and for "forget", "retain", "test" (positives), "non-edges" (test
    negatives) the share of pairs in each bin}.

    Args:
        bins: Number of equal bins of [0, 1].
    """

    links: ClassVar[bool] = True
    bins: int = 25

    def of(self, signals: Signals, split: Split) -> Found:
        if not is_links(signals):
            return None
        test, others = edge_sides(signals, split.test)
        sides: Mapping[str, Floats] = {
            "forget": signals.at(split.forget)[0][:, 0],
            "retain": signals.at(split.retain)[0][:, 0],
            "test": test,
            "non-edges": others,
        }
        limits = np.linspace(0.0, 1.0, self.bins + 1)
        found: dict[str, list[float]] = {"edges": np.round(limits, DIGITS).tolist()}
        for name, values in sides.items():
            found[name] = shares(sigmoid(values), limits)
        return found


def shares(values: Floats, limits: Floats) -> list[float]:
    """Share of the values in each bin between (bins + 1,) limits; zeros for no values."""
    counts = np.histogram(values, limits)[0]
    found: list[float] = np.round(counts / max(len(values), 1), DIGITS).tolist()
    return found
