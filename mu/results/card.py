"""The card: the small JSON result of one row, from which every table and page is made."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from mu.results.format import finite, printable
from mu.results.place import Place

SCHEMA = 1
REFUSED = "not applicable"  # how the error of a method begins that does not serve a request
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Keys:
    """Store keys of everything behind a card."""

    learner: str | None = None
    data: str | None = None
    original: str | None = None
    selection: str | None = None
    oracles: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of everything behind a card."""

    train: int
    select: int
    unlearn: int
    oracles: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of one row of one pair after one request.

    Fields stand in the order in which they are written. Those with a default are missing on cards
    of older versions.

    Attributes:
        block: Number of the block of the experiment.
        data, model, recipe, evaluation, compute: Names of the choices.
        panel: Name of the panel that describes its scores.
        title_data: The true name of the data set.
        request, step, steps: Name of the request; number of this one in its sequence, and how many.
        request_kind: Kind of what is forgotten; with the next three None where nobody selected.
        n_forget, n_retain: How many are forgotten and retained.
        forget_digest: Digest of who is forgotten.
        twins: How many of them other parts hold too, byte for byte, by part.
        trunk: Of a frozen trunk where it ends (``cut``), what it was ``trained_on``, and whether it
            ``saw_data`` that may be forgotten; None where all of the network is trained.
        search: What a search for the set reports.
        method: Name of the row.
        seed, pair: Seed of training and number of the pair.
        defaults, tuned: Whether its options are the method's, or found by a search for options.
        values: Value of each score; None, or nan before it is written, where there is none.
        oracle: Values of the oracles, leave-one-out where the row is theirs, by score.
        sizes: Samples that a share is counted over, by score.
        oracle_recipe: Whether oracles were trained as the original was: ``same`` or ``other``.
        details: Vectors that only pages show.
        trajectory: What the probe saw while the method trained.
        facts: What the method says of itself.
        exactness: Whether the statistics of an analytic head are those of the oracle.
        warnings: What a reader of the table must know.
        error: Why there are no values.
        method_config, recipe_config: Resolved options.
        seeds, fingerprint, keys: Seeds, digest of the data and store keys of everything behind it.
        versions, device, learner: What it was made with, and the key of the model that was scored.
        gallery: Pictures of what is forgotten.
        command, commit, dirty: How it is made again, and from which code.
        absent: Names of the fields that a card of an older version lacked, and is written without.
    """

    schema: int = SCHEMA
    block: int
    data: str
    model: str
    recipe: str
    evaluation: str
    compute: str
    panel: str
    title_data: str
    request: str
    step: int
    steps: int
    request_kind: str | None
    n_forget: int | None
    n_retain: int | None
    forget_digest: str | None
    twins: Mapping[str, int] = field(default_factory=dict)
    search: Facts | None = None
    trunk: Facts | None = None
    method: str
    seed: int
    pair: int
    defaults: bool
    tuned: bool = False
    values: Mapping[str, float | None]
    oracle: Mapping[str, Sequence[float | None]]
    sizes: Mapping[str, int] = field(default_factory=dict)
    oracle_recipe: str = "same"
    details: Facts = field(default_factory=dict)
    trajectory: Facts = field(default_factory=dict)
    facts: Facts
    exactness: str | None = None
    warnings: Sequence[str]
    error: str | None
    method_config: Facts | None
    recipe_config: Facts
    seeds: Seeds | None = None
    fingerprint: str | None = None
    keys: Keys = Keys()
    versions: Mapping[str, str]
    device: str | None
    learner: str | None
    gallery: Facts | None = None
    command: str = ""
    commit: str | None = None
    dirty: bool = False
    absent: frozenset[str] = frozenset()

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """The card that `plain` wrote, now or in an older version.

        Raises:
            TypeError: It has a key that no card has, or lacks one that every card has.
        """
        nested = {name: kind(**plain[name]) for name, kind in NESTED.items() if name in plain}
        nested |= {name: _told(plain[name], _unwritten) for name in NUMBERS if name in plain}
        return cls(**{**plain, **nested}, absent=frozenset(NAMES) - plain.keys() - {"gallery"})

    def plain(self) -> dict[str, Any]:
        """The card as it is written: what it lacked when it was read stays out."""
        found = {name: getattr(self, name) for name in NAMES if name not in self.absent}
        found |= {name: asdict(found[name]) for name in NESTED if found.get(name)}
        found |= {name: _told(found[name], _written) for name in NUMBERS}
        if self.gallery is None:
            found.pop("gallery", None)
        return found

    @property
    def place(self) -> Place:
        """The step of the request that the card belongs to."""
        return Place(self.block, self.request, self.step)

    @property
    def refused(self) -> bool:
        """Whether the error says that the method does not serve such requests: no failure."""
        return self.error is not None and self.error.startswith(REFUSED)

    def number(self, score: str) -> float | None:
        """The value of a score, None where it is no finite number."""
        return finite(self.values.get(score))

    def infinite(self, score: str) -> bool:
        """Whether the value of a score is infinite: far from any oracle, and no missing value."""
        return self.values.get(score) == math.inf

    def oracle_values(self, score: str) -> list[float]:
        """The oracles' values of a score that are finite numbers."""
        return [v for one in self.oracle.get(score, ()) if (v := finite(one)) is not None]

    @property
    def oracles(self) -> int:
        """How many oracles it was compared with."""
        return max((len(values) for values in self.oracle.values()), default=0)

    def failure(self, scores: Mapping[str, Facts] | None = None) -> str:
        """Why there is no result, in one line; empty where there is one.

        Args:
            scores: What the panel says of its scores. A headline score that is no number is then a
                failure as well, unless it is none for the oracles either: it does not apply.
        """
        if self.error:
            return printable(self.error)
        for score, facts in (scores or {}).items():
            missing = score in self.values and self.number(score) is None
            missing = missing and not self.infinite(score)
            if facts.get("headline") and missing and self.oracle_values(score):
                return f"{facts.get('title') or score} is not a number"
        return ""


NAMES = tuple(one.name for one in fields(Card) if one.name != "absent")
NESTED = {"keys": Keys, "seeds": Seeds}
NUMBERS = ("values", "oracle")  # fields whose numbers may be infinite, which strict JSON is not
INFINITE = {"inf": math.inf, "-inf": -math.inf}  # as they are written


def _told(values: Mapping[str, Any], of: Callable[[Any], Any]) -> dict[str, Any]:
    """The same values, or lists of values, each as `of` says."""
    return {k: [*map(of, v)] if isinstance(v, (list, tuple)) else of(v) for k, v in values.items()}


def _written(value: object) -> object:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _unwritten(value: object) -> object:
    return INFINITE.get(value, value) if isinstance(value, str) else value
