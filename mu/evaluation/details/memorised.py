"""What a model has memorised of single samples."""

from dataclasses import dataclass

import numpy as np

from mu.evaluation.attacks.features import log_losses
from mu.evaluation.details.detail import ALONE, Detail, Found
from mu.evaluation.details.histograms import binned_shares
from mu.evaluation.score import Peers
from mu.evaluation.signals import Floats, Ids, Signals, Split


@dataclass(frozen=True)
class MemorisationHistograms(Detail):
    r"""How memorisation is spread over forgotten and over test samples.

    .. math:: p_\theta(y \mid x) - \tfrac1k \textstyle\sum_j p_{\text{oracle}_j}(y \mid x)

    For the original and x in D_f this estimates memorisation (Feldman, arXiv 1906.05271, with
    probabilities for 0/1) from one model that was trained on x and k that were not; for a method,
    what is left of it. An oracle is compared with the others.

    Returns {"edges": (bins + 1,) from −1 to 1, and for "forget" and "test" the share of samples in
    each bin}; None without another oracle.

    Args:
        bins: Number of equal bins.
    """

    bins: int = 41

    def __call__(self, signals: Signals, split: Split, peers: Peers = ALONE) -> Found:
        others = [one for one in peers.oracles if not np.array_equal(one.logits, signals.logits)]
        if not others:
            return None
        found = {}
        for name, ids in (("forget", split.forget), ("test", split.test)):
            fresh = np.mean([likelihood(one, ids) for one in others], axis=0)
            found[name] = likelihood(signals, ids) - fresh
        return binned_shares(found, np.linspace(-1.0, 1.0, self.bins + 1))


def likelihood(signals: Signals, ids: Ids) -> Floats:
    """(n,) probability of the true class."""
    found: Floats = np.exp(-log_losses(*signals.at(ids)))
    return found
