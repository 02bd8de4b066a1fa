"""Does one model know samples that no retrained model knows? Forgotten against unseen ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.attacks.features import losses_at
from mu.evaluation.attacks.rmia import likelihood_ratios
from mu.evaluation.signals import Floats, Ids, Signals
from mu.results.estimate import NAN

Z = 1.6448536269514722  # the 95 % quantile of the normal distribution
MOST = 1e6  # times the original's advantage: beyond it nothing is said


@dataclass(frozen=True)
class Membership:
    """Values of forgotten and of unseen samples, high where the model seems to have seen them.

    Attributes:
        forget: (m,) values of D_f.
        unseen: (u,) values of samples never seen.
    """

    forget: Floats
    unseen: Floats

    @property
    def advantage(self) -> float:
        """P(a forgotten sample ranks above an unseen one) - ½; 0 where the model tells nothing."""
        return float(self._placements()[0].mean()) - 0.5

    def _placements(self) -> tuple[Floats, Floats]:
        """Of each forgotten sample the share of unseen ones below, of each unseen the opposite."""
        low, high = np.sort(self.unseen), np.sort(self.forget)
        below = np.searchsorted(low, self.forget, "left") + np.searchsorted(
            low, self.forget, "right"
        )
        above = np.searchsorted(high, self.unseen, "left") + np.searchsorted(
            high, self.unseen, "right"
        )
        return below / (2 * len(low)), 1 - above / (2 * len(high))

    def pvalue(self, side: str = "greater") -> float:
        """Of Mann and Whitney's test: chance of ranking so high where nothing is known.

        Valid where D_f was drawn at random: a retrained model saw neither side, and neither did
        the references, so for it the two sides are exchangeable.

        Args:
            side: ``greater``, ``less`` or ``two-sided``.
        """
        from scipy.stats import mannwhitneyu

        if np.ptp(np.concatenate([self.forget, self.unseen])) == 0:
            return 1.0
        return float(mannwhitneyu(self.forget, self.unseen, alternative=side).pvalue)


def at_most_left(model: Membership, original: Membership) -> float:
    r"""The largest share of the original's advantage that the model can still have, at 95 %.

    The smallest τ with

    .. math:: a - τ a^\circ + 1.645 \sqrt{V(a - τ a^\circ)} < 0

    where a = AUC - ½ of the model, a° of the original, on the same samples, and V the variance of
    the difference by DeLong, DeLong and Clarke-Pearson (1988).

    Args:
        model: Of the model audited.
        original: Of the model before the request, on the same samples.

    Returns:
        τ, 0 for none; nan where the original itself does not surely know the samples.
    """
    if min(len(model.forget), len(model.unseen)) < 2:
        return NAN
    sides = [one._placements() for one in (model, original)]
    spread = sum(np.cov(np.stack(pair)) / len(pair[0]) for pair in zip(*sides, strict=True))
    a, b = model.advantage, original.advantage

    def excess(share: float) -> float:
        weights = np.array([1.0, -share])
        return a - share * b + Z * math.sqrt(max(float(weights @ spread @ weights), 0.0))

    if not excess(MOST) < 0:
        return NAN
    if excess(0.0) < 0:
        return 0.0
    low, high = 0.0, MOST  # excess is convex and falls at the right end: it is zero once
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) < 0 else (middle, high)
    return high


def membership(
    signals: Signals, references: Sequence[Signals], forget: Ids, unseen: Ids
) -> Membership:
    """How much likelier each sample is under the model than under models that never saw it.

    The ratio of RMIA with all references, which takes out how hard a sample is; for a loss of the
    user's own the mean loss of the references minus the model's; without references minus the loss.

    Args:
        signals: Of the model.
        references: Of models trained without D_f.
        forget: Ids of D_f.
        unseen: Ids of samples never seen.
    """
    ids = np.concatenate([forget, unseen])
    own = -losses_at(signals, ids)
    others = np.array([-losses_at(one, ids) for one in references])
    if not len(others):
        values = own
    elif signals.losses is None:
        values = likelihood_ratios(own, others)
    else:
        values = own - others.mean(axis=0)
    return Membership(*np.split(values, [len(forget)]))


def unlike_unseen(oracles: Sequence[Signals], forget: Ids, unseen: Ids) -> float:
    """The p-value of the oracles finding D_f as hard as unseen samples; small if it was not random.

    Args:
        oracles: Of models that saw neither.
        forget: Ids of D_f.
        unseen: Ids of samples never seen.
    """
    ids = np.concatenate([forget, unseen])
    hard: ArrayLike = np.mean([losses_at(one, ids) for one in oracles], axis=0)
    return Membership(*np.split(np.asarray(hard), [len(forget)])).pvalue("two-sided")
