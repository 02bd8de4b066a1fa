"""How the losses of the parts are spread."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.attacks.features import log_losses
from mu.evaluation.details.detail import Found, OwnDetail
from mu.evaluation.details.histograms import binned_shares
from mu.evaluation.signals import Signals, Split


@dataclass(frozen=True)
class LossHistograms(OwnDetail):
    """How the losses of forgotten, retained and test samples are spread, on a logarithmic scale.

    Returns {"edges": (bins + 1,) of log10 of the loss, and for "forget", "retain", "test" the share
    of samples in each bin}; losses outside are counted in the outermost bins.

    Args:
        low, high: log10 of the outermost limits.
        bins: Number of equal bins.
    """

    links: ClassVar[bool] = True
    low: float = -6.0
    high: float = 1.5
    bins: int = 30

    def of(self, signals: Signals, split: Split) -> Found:
        found = {}
        for name in ("forget", "retain", "test"):
            losses = log_losses(*signals.at(split.part(name)))
            with np.errstate(divide="ignore"):
                found[name] = np.clip(np.log10(losses), self.low, self.high)
        return binned_shares(found, np.linspace(self.low, self.high, self.bins + 1))
