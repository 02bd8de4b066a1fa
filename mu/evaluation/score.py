"""The shape of a score, and one panel of scores for a model and for its oracles."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, get_args

import numpy as np

from mu.errors import UsageError
from mu.evaluation.signals import PARTS, Signals, Split

PROPORTION = (0.0, 1.0)
KINDS = ("forgetting", "utility", "cost")
Family = Literal["forgetting", "utility", "distance", "attack", "summary"]
KIND_OF_PART: Mapping[str, Literal["forgetting", "utility"]] = {
    "forget": "forgetting",
    "before": "forgetting",
    "retain": "utility",
    "validation": "utility",
    "test": "utility",
    "own": "forgetting",
}


class UnknownWord(UsageError, ValueError):
    """A wrong word in a configuration, and a wrong value where a script calls the function."""


def check_known(option: str, value: str, known: Sequence[str]) -> None:
    """Refuse a word that is not among the known ones.

    Raises:
        UnknownWord: Naming it and them.
    """
    if value not in known:
        raise UnknownWord(f"{option}={value!r} is not one of {', '.join(known)}")


def lettered(short: str) -> dict[str, str]:
    """Part → a short name with the letter of the part."""
    letters = {"forget": "f", "before": "b", "retain": "r", "validation": "v", "test": "t"}
    letters["own"] = "own"
    return {part: f"{short} {letter}" for part, letter in letters.items()}


@dataclass(frozen=True)
class Peers:
    """The signals of the other models that one model is compared with.

    Args:
        oracles: Of models retrained without the forgotten data; the first has the training seed of
            the model judged.
        original: Of the model before any request; None where nobody has it.
        untrained: Of models of the same kind with random weights, each of its own seed.
        left_out: Whether the model judged is an oracle itself, left out of `oracles`.
    """

    oracles: Sequence[Signals] = ()
    original: Signals | None = None
    untrained: Sequence[Signals] = ()
    left_out: bool = False

    def without(self, place: int) -> "Peers":
        """The peers of oracle number `place`: the others, in their order."""
        others = (*self.oracles[:place], *self.oracles[place + 1 :])
        return replace(self, oracles=others, left_out=True)


@dataclass(frozen=True)
class Score(ABC):
    """A number read off the signals of one unlearned model; its target is the oracles' value.

    `kind` says when the number has power: `forgetting` if original and oracle differ on it,
    `utility` if oracle and random weights do. A score returns nan where it does not apply.
    `better` is `oracle` where both sides of the oracles' value are failures, and `lower` (or
    `higher`) for a distance to the oracles (or agreement with them): a model may be nearer to
    them than they are to each other.
    `range` is the smallest and the largest value there can be, None for no limit on that side. An
    interval is cut to it where it is printed or drawn (`shown_interval`), and nowhere else.
    `complement` says that dashboards show 1 - value: a share of errors here, of hits there.
    `of_features` says that it reads what the head reads, which is computed for such scores alone.
    `references` says that a model is held against each set of all oracles but one, as an oracle is.
    Every score says its `family` and what it `reads`; without them it cannot be made.
    A score with options of its own is a frozen dataclass; `words` holds those that take one of a
    few words, and these words.

    Args:
        title: Column header, short; by default `header`.
        kind: One of `KINDS`; by default `utility` for that family and `forgetting` for others.
    """

    over: ClassVar[str] = "pair"
    complement: ClassVar[bool] = False
    better: ClassVar[str] = "oracle"
    range: ClassVar[tuple[float | None, float | None]] = (None, None)
    of_features: ClassVar[bool] = False
    references: ClassVar[bool] = False
    words: ClassVar[Mapping[str, Sequence[str]]] = {}
    title: str = field(default="", kw_only=True)
    kind: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Fill title and kind in; refuse an unknown word, kind, family or part."""
        for option, known in self.words.items():
            check_known(option, getattr(self, option), known)
        kind = "utility" if self.family == "utility" else "forgetting"
        object.__setattr__(self, "kind", self.kind or kind)
        object.__setattr__(self, "title", self.title or self.header)
        if self.kind not in KINDS:
            raise UsageError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.family not in get_args(Family):
            known = ", ".join(get_args(Family))
            raise UsageError(f"family {self.family!r} is not one of {known}")
        if unknown := sorted(set(self.reads).difference(PARTS)):
            raise UsageError(f"reads {unknown[0]!r}, which is no part: {', '.join(PARTS)}")

    @property
    @abstractmethod
    def family(self) -> Family:
        """Whose tables it stands in: a plain class attribute in most scores."""

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """The parts of the split it looks at: no search may look at one that reads `test`."""

    @property
    def header(self) -> str:
        """Its title where it is given no other."""
        return ""

    @property
    def public(self) -> str | None:
        """Its name in W&B, the same in every panel; None for ``score/`` and that of its panel."""
        return None

    def counted(self, signals: Signals, split: Split) -> int | None:
        """The number of samples that a share is counted over; None where it is no such share."""
        return None

    @abstractmethod
    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The value for the model behind `signals`."""


class OwnScore(Score):
    """A score that needs only the judged model's own signals: subclasses write `of`."""

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """`of(signals, split)`."""
        return self.of(signals, split)

    @abstractmethod
    def of(self, signals: Signals, split: Split) -> float:
        """The value for the model behind `signals`."""


class OwnShare(OwnScore):
    """An `OwnScore` that is a share: between 0 and 1."""

    range = PROPORTION


@dataclass(frozen=True)
class PartScore(Score):
    """A score on one part of the split; title, kind and family follow from the part unless given.

    `stem` is what it measures: its name in W&B is the part's, a slash and the stem.

    Args:
        part: A field of `Split`.
    """

    titles: ClassVar[Mapping[str, str]] = {}
    stem: ClassVar[str | None] = None
    part: str = "forget"

    def __post_init__(self) -> None:
        """Fill the kind in from the part."""
        if self.part not in KIND_OF_PART:
            raise UsageError(f"no part {self.part!r}; choose from {', '.join(KIND_OF_PART)}")
        object.__setattr__(self, "kind", self.kind or KIND_OF_PART[self.part])
        super().__post_init__()

    @property
    def header(self) -> str:
        return self.titles.get(self.part, f"{type(self).__name__} {self.part}")

    @property
    def family(self) -> Family:
        return KIND_OF_PART[self.part]

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.part})

    @property
    def public(self) -> str | None:
        return f"{self.part}/{self.stem}" if self.stem else None


def panel_values(
    scores: Mapping[str, Score], signals: Signals, split: Split, peers: Peers
) -> dict[str, float]:
    """Every score of a panel for one model.

    An error inside a score is raised as it is, with a note naming the score.

    Raises:
        UsageError: A score is not over one pair of model and oracles.
        ValueError: The model diverged: its logits hold nan or +inf (-inf, a masked class, is fine).
    """
    if not np.all(signals.logits < np.inf):
        raise ValueError("the model's logits hold nan or +inf: it diverged")
    values: dict[str, float] = {}
    for name, score in scores.items():
        if score.over != "pair":
            raise UsageError(f"score {name!r} is over a {score.over}, not over a pair")
        try:
            values[name] = float(score(signals, split, peers))
        except Exception as error:
            error.add_note(f"while computing the score {name!r}")
            raise
    return values


def panel_sizes(
    scores: Mapping[str, Score], values: Mapping[str, float], signals: Signals, split: Split
) -> dict[str, int]:
    """What `Score.counted` says, of those scores of a panel that have a value.

    Args:
        scores: The panel.
        values: What `panel_values` found.
        signals: Of the model judged.
        split: Who plays which part.
    """
    counted = {
        name: score.counted(signals, split)
        for name, score in scores.items()
        if np.isfinite(values[name])
    }
    return {name: size for name, size in counted.items() if size is not None}
