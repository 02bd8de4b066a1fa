"""The tests that an audit rests on: what a model knows, against what retrained models know."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mu.auditing.membership import Membership, membership, unlike_unseen
from mu.auditing.retrains import ENOUGH, against_retrains
from mu.evaluation.accuracy import accuracy_on
from mu.evaluation.attacks.features import unseen_alike
from mu.evaluation.attacks.rmia import RMIA
from mu.evaluation.score import Peers
from mu.evaluation.signals import Ids, Signals, Split
from mu.evaluation.silhouette import Silhouette
from mu.forget_sets.request import takes_whole_classes
from mu.results.intervals import holm

LEVEL = 0.05
RANDOM, CLASS, CHOSEN = "random", "class", "chosen"


@dataclass(frozen=True)
class Test:
    """One test of the verdict.

    Attributes:
        name: ``membership``, ``accuracy``, ``trunk`` or ``rmia``.
        part: ``forget``, or ``before`` for what earlier requests forgot.
        value: Of the model.
        low, high: Where 95 of 100 retrained models lie; nan where the test draws no such line.
        knows: Whether the value is on the side of a model that still knows the samples.
        p: Chance that a retrained model is as far out.
        adjusted: The same after Holm over the tests of the audit.
        size: Samples that a share is counted over; None where it is none.
    """

    __test__ = False
    name: str
    part: str
    value: float
    low: float
    high: float
    knows: bool
    p: float
    adjusted: float = float("nan")
    size: int | None = None

    @property
    def found(self) -> bool:
        """Whether it speaks against the model."""
        return self.adjusted < LEVEL


@dataclass(frozen=True)
class Bench:
    """What models are tested on.

    Attributes:
        split: Who plays which part.
        oracles: Signals of the retrained models.
        twins: Ids of samples that stand in another part, too: those of D_f among the retained ones,
            those of the test set that were trained on.
        drawn: Whether D_f was drawn at random; None where nobody says.
    """

    split: Split
    oracles: Sequence[Signals]
    twins: Ids
    drawn: bool | None = None

    def asked(self, part: str) -> Ids:
        """Samples of a part that stand nowhere else."""
        return np.setdiff1d(self.split.part(part), self.twins)

    def unseen(self, signals: Signals, part: str) -> Ids:
        """Samples never seen, of the classes of a part."""
        return np.setdiff1d(unseen_alike(signals, self.split, part), self.twins)

    def kind(self, signals: Signals, part: str = "forget") -> str:
        """How a part was chosen: `RANDOM`, `CLASS` (none of its classes is retained), `CHOSEN`.

        Where nobody says whether it was drawn at random, it counts as random unless the oracles
        find it easier or harder than unseen samples of the same classes.
        """
        sides = (signals.at(self.split.part(name))[1] for name in (part, "retain"))
        if takes_whole_classes(*sides):
            return CLASS
        if self.drawn is not None:
            return RANDOM if self.drawn else CHOSEN
        p = self.unlike(signals, part)
        return CHOSEN if p < LEVEL else RANDOM

    def unlike(self, signals: Signals, part: str = "forget") -> float:
        """`unlike_unseen` of a part; nan where nobody can say."""
        forget, unseen = self.asked(part), self.unseen(signals, part)
        if not len(self.oracles) or not len(forget) or not len(unseen):
            return float("nan")
        return unlike_unseen(self.oracles, forget, unseen)

    def membership(self, signals: Signals, part: str = "forget") -> Membership | None:
        """Forgotten against unseen samples; None where a side is empty."""
        forget, unseen = self.asked(part), self.unseen(signals, part)
        if not len(forget) or not len(unseen):
            return None
        return membership(signals, self.oracles, forget, unseen)

    def tests(self, signals: Signals) -> list[Test]:
        """What can be tested of a model, each p adjusted for all of them by Holm."""
        found = self._part(signals, "forget")
        if len(self.split.before):
            found += self._part(signals, "before")
        adjusted = holm([one.p for one in found])
        return [replace(one, adjusted=float(p)) for one, p in zip(found, adjusted, strict=True)]

    def _part(self, signals: Signals, part: str) -> list[Test]:
        kind = self.kind(signals, part)
        if kind == RANDOM and (seen := self.membership(signals, part)):
            p, auc = seen.pvalue(), 0.5 + seen.advantage
            return [Test("membership", part, auc, float("nan"), float("nan"), True, p)]
        if len(self.oracles) < ENOUGH or not signals.classifies:
            return []
        if kind == CHOSEN and part == "forget" and len(self.unseen(signals, part)):
            return [self._ranking(signals)]
        return [self._accuracy(signals, part), *self._trunk(signals, kind, part)]

    def _ranking(self, signals: Signals) -> Test:
        peers = Peers(oracles=self.oracles)
        score, split = RMIA(), replace(self.split, forget=self.asked("forget"))
        others = [score(o, split, peers.without(i)) for i, o in enumerate(self.oracles)]
        value = score(signals, split, peers)
        return _drawn_line("rmia", "forget", value, others, references=True)

    def _accuracy(self, signals: Signals, part: str) -> Test:
        ids = self.split.part(part)
        value, *others = (accuracy_on(one, ids) for one in (signals, *self.oracles))
        return _drawn_line("accuracy", part, value, others, size=len(ids))

    def _trunk(self, signals: Signals, kind: str, part: str) -> list[Test]:
        if kind != CLASS or part != "forget":
            return []
        value, *others = (Silhouette().of(one, self.split) for one in (signals, *self.oracles))
        if not np.isfinite([value, *others]).all():
            return []
        return [_drawn_line("trunk", part, value, others)]


def _drawn_line(
    name: str,
    part: str,
    value: float,
    others: Sequence[float],
    size: int | None = None,
    references: bool = False,
) -> Test:
    """A value against the line that the oracles draw."""
    found = against_retrains(value, others, size, references)
    mean = value - found.mean
    half = (found.interval()[1] - found.interval()[0]) / 2
    low, high = mean - half, mean + half
    return Test(name, part, value, low, high, found.mean > 0, found.pvalue(), size=size)
