"""Mean loss on a part."""

from mu.evaluation.attacks.features import log_losses
from mu.evaluation.score import PartScore, Peers, lettered
from mu.evaluation.signals import Signals, Split


class MeanLoss(PartScore):
    """Mean cross-entropy on one part, in nats. It should equal the oracle's value.

    Where a search has found samples that every model gets right, accuracies are all the same and
    only losses tell sets apart.
    """

    range = (0.0, None)
    titles = lettered("loss")

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean, in nats; nan for no samples or targets that are no classes."""
        ids = split.part(self.part)
        if not len(ids) or not signals.classifies:
            return float("nan")
        return float(log_losses(*signals.at(ids)).mean())
