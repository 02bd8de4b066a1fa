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
        request: 0 for what is audited, 1, 2, … for what an earlier request forgot.
        value: Of the model.
        low, high: Where 95 of 100 retrained models lie; nan where the test draws no such line.
        knows: Whether the value is on the side of a model that still knows the samples.
        p: Chance that a retrained model is as far out.
        adjusted: The same after Holm over the tests of the audit.
        size: Samples that a share is counted over; None where it is none.
    """

    __test__ = False
    name: str
    request: int
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
        drawn_before: The same of each earlier request.
        request: 0, or the number of the earlier request that is looked at as if it were today's.
    """

    split: Split
    oracles: Sequence[Signals]
    twins: Ids
    drawn: bool | None = None
    drawn_before: Sequence[bool | None] = ()
    request: int = 0

    def earlier(self) -> list["Bench"]:
        """A bench for each earlier request, on which what that forgot is D_f."""
        found = []
        for place, ids in enumerate(self.split.earlier):
            drawn = self.drawn_before[place] if place < len(self.drawn_before) else None
            split = replace(self.split, forget=ids, earlier=())
            found.append(replace(self, split=split, drawn=drawn, request=place + 1))
        return found

    def asked(self) -> Ids:
        """Samples of D_f that stand nowhere else."""
        return np.setdiff1d(self.split.forget, self.twins)

    def unseen(self, signals: Signals) -> Ids:
        """Samples never seen, of the classes of D_f."""
        return np.setdiff1d(unseen_alike(signals, self.split, "forget"), self.twins)

    def kind(self, signals: Signals) -> str:
        """How D_f was chosen: `RANDOM`, `CLASS` (none of its classes is retained), `CHOSEN`.

        Where nobody says whether it was drawn at random, it counts as random unless the oracles
        find it easier or harder than unseen samples of the same classes.
        """
        sides = (signals.at(ids)[1] for ids in (self.split.forget, self.split.retain))
        if takes_whole_classes(*sides):
            return CLASS
        if self.drawn is not None:
            return RANDOM if self.drawn else CHOSEN
        return CHOSEN if self.unlike(signals) < LEVEL else RANDOM

    def unlike(self, signals: Signals) -> float:
        """`unlike_unseen` of D_f; nan where nobody can say."""
        forget, unseen = self.asked(), self.unseen(signals)
        if not len(self.oracles) or not len(forget) or not len(unseen):
            return float("nan")
        return unlike_unseen(self.oracles, forget, unseen)

    def membership(self, signals: Signals) -> Membership | None:
        """Forgotten against unseen samples; None where a side is empty."""
        forget, unseen = self.asked(), self.unseen(signals)
        if not len(forget) or not len(unseen):
            return None
        return membership(signals, self.oracles, forget, unseen)

    def tests(self, signals: Signals) -> list[Test]:
        """What can be tested of a model, on D_f and on what each earlier request forgot.

        Each p is adjusted for all of them by Holm.
        """
        found = [test for one in (self, *self.earlier()) for test in one._own_tests(signals)]
        adjusted = holm([one.p for one in found])
        return [replace(one, adjusted=float(p)) for one, p in zip(found, adjusted, strict=True)]

    def _own_tests(self, signals: Signals) -> list[Test]:
        kind = self.kind(signals)
        if kind == RANDOM and (seen := self.membership(signals)):
            p, auc, none = seen.pvalue(), 0.5 + seen.advantage, float("nan")
            return [Test("membership", self.request, auc, none, none, True, p)]
        if len(self.oracles) < ENOUGH or not signals.classifies:
            return []
        if kind == CHOSEN and len(self.unseen(signals)):
            return [self._ranking(signals)]
        return [self._accuracy(signals), *self._trunk(signals, kind)]

    def _ranking(self, signals: Signals) -> Test:
        peers = Peers(oracles=self.oracles)
        score, split = RMIA(), replace(self.split, forget=self.asked())
        others = [score(o, split, peers.without(i)) for i, o in enumerate(self.oracles)]
        value = score(signals, split, peers)
        return self._line("rmia", value, others, references=True)

    def _accuracy(self, signals: Signals) -> Test:
        ids = self.split.forget
        value, *others = (accuracy_on(one, ids) for one in (signals, *self.oracles))
        return self._line("accuracy", value, others, size=len(ids))

    def _trunk(self, signals: Signals, kind: str) -> list[Test]:
        if kind != CLASS:
            return []
        value, *others = (Silhouette().of(one, self.split) for one in (signals, *self.oracles))
        if not np.isfinite([value, *others]).all():
            return []
        return [self._line("trunk", value, others)]

    def _line(
        self,
        name: str,
        value: float,
        others: Sequence[float],
        size: int | None = None,
        references: bool = False,
    ) -> Test:
        """A value against the line that the oracles draw."""
        found = against_retrains(value, others, size, references)
        mean = value - found.mean
        half = (found.interval()[1] - found.interval()[0]) / 2
        low, high, p = mean - half, mean + half, found.pvalue()
        return Test(name, self.request, value, low, high, found.mean > 0, p, size=size)
