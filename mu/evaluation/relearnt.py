"""Does what was forgotten come back when the head alone is learnt again?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.errors import UsageError
from mu.evaluation.continual import ClassesForgotten
from mu.evaluation.signals import Floats, Ids, Signals, Split


def relearnt(features: Floats, labels: Ids, asked: Floats, penalty: float = 1.0) -> Ids:
    """The classes that a new linear head says for `asked`, (m,).

    Multinomial logistic regression on standardised features.

    Args:
        features: (n, d) of the samples it learns.
        labels: (n,) their classes.
        asked: (m, d) features.
        penalty: Weight of ½‖W‖² against the summed cross-entropy.

    Raises:
        ValueError: Fewer than two classes, or a penalty that is not positive.

    Example:
        >>> relearnt(np.array([[0.0], [1.0]]), np.array([3, 7]), np.array([[0.9], [0.2]]))
        array([7, 3])
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not penalty > 0:
        raise ValueError(f"penalty={penalty} must be positive")
    head = make_pipeline(StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=1000))
    found: Ids = head.fit(features, labels).predict(asked)
    return found


@dataclass(frozen=True)
class HeadRelearnt(ClassesForgotten):
    """Test accuracy on forgotten classes once a new head has learnt all classes from a few samples.

    The trunk stays as it is, and the head sees forgotten samples again: what only the head had
    unlearned comes back (the experiment of GS-LoRA++, arXiv 2501.09705). An oracle's trunk, which
    never saw the classes, tells them apart to some degree too: more than its value is knowledge
    that is left in the trunk.

    nan where there are no features (the network does not end in one linear layer) or they are not
    finite, and where no class left.

    Name: Accuracy with a relearnt head.
    Formula: test accuracy on the forgotten classes of a new linear head, learnt from a few samples
        a class.
    Original: near its test accuracy, or a little less.
    Oracle: as much or less, and well above 0: features of other classes tell these apart too.
    Source: GS-LoRA++ (arXiv 2501.09705).

    Args:
        when: As in `ClassesForgotten`.
        shots: Training samples of each class, the same for every model of a request.
        penalty: See `relearnt`.
    """

    of_features: ClassVar[bool] = True
    shots: int = 10
    penalty: float = 1.0
    header = "Relearnt"

    def __post_init__(self) -> None:
        """Refuse options that make no sense."""
        super().__post_init__()
        if self.shots < 1 or not self.penalty > 0:
            raise UsageError(f"shots={self.shots} and penalty={self.penalty} must be positive")

    def of(self, signals: Signals, split: Split) -> float:
        """The accuracy, in [0, 1]."""
        ids = self.asked(signals, split)
        if signals.features is None or not len(ids):
            return float("nan")
        seen = self.drawn(signals, np.concatenate([split.forget, split.before, split.retain]))
        rows, asked = signals.features[signals.rows(seen)], signals.features[signals.rows(ids)]
        if not (np.isfinite(rows).all() and np.isfinite(asked).all()):
            return float("nan")
        found = relearnt(rows, signals.at(seen)[1], asked, self.penalty)
        return float((found == signals.at(ids)[1]).mean())

    def drawn(self, signals: Signals, ids: Ids) -> Ids:
        """`shots` of the ids of each class; the draw depends on the ids alone."""
        shuffled = np.random.default_rng(0).permutation(np.sort(ids))
        labels = signals.at(shuffled)[1]
        return np.concatenate([shuffled[labels == y][: self.shots] for y in np.unique(labels)])
