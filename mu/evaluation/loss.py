"""Mean loss on a part."""

from mu.evaluation.attacks.features import losses_at
from mu.evaluation.score import PartScore, Peers, lettered
from mu.evaluation.signals import Signals, Split


class MeanLoss(PartScore):
    """Mean loss on one part: cross-entropy in nats, or a loss of the user's own.

    Where a search has found samples that every model gets right, accuracies are all the same and
    only losses tell sets apart.

    Name: Mean loss.
    Formula: mean of -ln p_y, in nats, or of the user's own loss.
    Original: what its training reached: less on what it was trained on than on unseen data.
    Oracle: about as the original on D_r and on unseen data; on D_f its loss on data it never saw,
        many times that for a whole class, in D_t too.
    Source: none: the loss of training.
    """

    range = (0.0, None)
    titles = lettered("loss")

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean; nan for no samples, or targets that are no classes and no loss."""
        ids = split.part(self.part)
        return float(losses_at(signals, ids).mean()) if len(ids) else float("nan")
