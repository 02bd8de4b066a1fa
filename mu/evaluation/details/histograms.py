"""How the probabilities of a link predictor are spread over groups of pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.details.detail import DIGITS, Found, OwnDetail
from mu.evaluation.graph import edge_sides, is_links, pair_logits, sigmoid
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
        forget, retain = pair_logits(signals, split.forget), pair_logits(signals, split.retain)
        sides = {"forget": forget, "retain": retain, "test": test, "non-edges": others}
        limits = np.linspace(0.0, 1.0, self.bins + 1)
        return binned_shares({name: sigmoid(values) for name, values in sides.items()}, limits)


def binned_shares(values: Mapping[str, Floats], limits: Floats) -> dict[str, list[float]]:
    """``edges``: (bins + 1,) limits of bins, and by name the share of values in each bin.

    Zeros for no values.
    """
    found = {"edges": limits}
    for name, some in values.items():
        found[name] = np.histogram(some, limits)[0] / max(len(some), 1)
    return {name: np.round(numbers, DIGITS).tolist() for name, numbers in found.items()}
