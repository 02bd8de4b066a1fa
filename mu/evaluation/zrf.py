"""Zero retrain forgetting: how near are the predictions on D_f to those of an untrained network?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.attacks.features import VARIANTS
from mu.evaluation.distance import js, paired_log_softmax
from mu.evaluation.score import PROPORTION, PartScore, Peers, check_known, lettered
from mu.evaluation.signals import Signals, Split


def zrf(logits: ArrayLike, logits_untrained: ArrayLike, variant: str = "corrected") -> float:
    """1 - the mean Jensen-Shannon divergence, in bits, from an untrained network.

    Chundawat et al. 2023 (arXiv 2205.08096). `historical` is the form in circulation: the arguments
    of both divergences swapped, m ln(m/p) with m = (p + q)/2, and the mean taken over all n·C
    entries; it is no Jensen-Shannon divergence and has no lower bound.

    Args:
        logits: (n, C) of the model judged; (n, 1) is read as the columns (0, z).
        logits_untrained: Same shape.
        variant: `corrected` or `historical`.

    Returns:
        `corrected`: in [0, 1], 1 where both predict alike; nan for no rows. Target: the oracle's.

    Raises:
        ValueError: An unknown variant, or shapes disagree.

    Example:
        >>> one, other = [[0.0, -900.0]], [[-900.0, 0.0]]
        >>> zrf(one, one), round(zrf(one, other), 12)
        (1.0, 0.0)
    """
    check_known("variant", variant, VARIANTS)
    if variant == "corrected":
        return 1.0 - js(logits, logits_untrained) / float(np.log(2.0))
    log_p, log_q = paired_log_softmax(logits, logits_untrained)
    if not len(log_p):
        return float("nan")
    log_m = np.logaddexp(log_p, log_q) - np.log(2.0)
    return float(1.0 - np.mean(np.exp(log_m) * (log_m - 0.5 * (log_p + log_q))))


@dataclass(frozen=True)
class ZRF(PartScore):
    """Mean of `zrf` over the untrained networks on one part.

    An oracle generalises to D_f, so its ZRF is below 1; a model above it gives itself away.

    Name: Zero retrain forgetting.
    Formula: 1 - mean JS divergence, in bits, between the model and an untrained network.
    Original: low where it is sure of D_f, as an untrained network is not; near 1 where its outputs
        are nearly flat.
    Oracle: about as low on random samples, above it on a class that it never saw; below 1.
    Source: Chundawat et al. 2023 (arXiv 2205.08096).

    Args:
        variant: See `zrf`; a value of the historical form compares with published tables only.
    """

    titles: ClassVar[Mapping[str, str]] = lettered("ZRF") | {"forget": "ZRF"}
    words: ClassVar[Mapping[str, Sequence[str]]] = {"variant": VARIANTS}
    range = PROPORTION
    stem = "zrf"
    variant: str = "corrected"

    def __post_init__(self) -> None:
        """Take the range from the variant: the historical form has no lower bound."""
        if self.variant == "historical":
            object.__setattr__(self, "range", (None, 1.0))
        super().__post_init__()

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean; nan without untrained networks, or for a regression model."""
        ids = split.part(self.part)
        if not peers.untrained or not signals.classifies or not len(ids):
            return float("nan")
        logits = signals.at(ids)[0]
        values = [zrf(logits, one.at(ids)[0], self.variant) for one in peers.untrained]
        return float(np.mean(values))
