"""Elements by the length of the error of trained models."""

import numpy as np

from mu.data.base import Ids
from mu.evaluation.signals import Floats, log_softmax
from mu.forget_sets.by_loss import LossSet
from mu.forget_sets.helper_model import HelperModel, losses


class EL2NSet(LossSet):
    r"""Elements with the longest or shortest error vector (Paul et al., arXiv 2107.07075).

    .. math:: \frac1k \sum_{j=1}^k \lVert p_{\theta_j}(x_i) - y_i \rVert_2

    The paper reads models early in training; ``surrogate: {recipe: …}`` gives them a shorter one.

    Args:
        order, models, which: As for `LossSet`.
    """

    def values(self, model: HelperModel, samples: Ids) -> Floats:
        """(n,) length of p − y."""
        losses(model.signals, samples)  # refuses targets that are no classes
        logits, targets = model.signals.at(samples)
        error = np.exp(log_softmax(logits))
        error[np.arange(len(samples)), targets] -= 1
        found: Floats = np.linalg.norm(error, axis=1)
        return found
