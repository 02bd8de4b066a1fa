"""Scores made of other scores' values: how far from the oracles over several scores at once."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from mu.errors import UsageError
from mu.evaluation.build import instantiated

if TYPE_CHECKING:
    from mu.evaluation.score import Family

Values = Mapping[str, float | None]


def oracle_mean(name: str, oracles: Sequence[Values]) -> float | None:
    """The mean of a score over the oracles that have it; None where none has."""
    known = [value for one in oracles if (value := one.get(name)) is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Derived(ABC):
    """A number made of the values of one model and of its oracles.

    For the oracles themselves it is computed leave-one-out, so a method is compared with what one
    oracle scores against the others, not with 0 or 1. It reads what the scores it is made of read.

    Class facts:
        same_seed: Whether a model is held against the retrained model of its own training seed, and
            not against the oracles, whose seeds are others.

    Args:
        title: Column header, short.
        kind: As for a score.
    """

    same_seed: ClassVar[bool] = False
    family: "ClassVar[Family]" = "summary"
    public: ClassVar[str | None] = None
    complement: ClassVar[bool] = False
    better: ClassVar[str] = "lower"
    range: ClassVar[tuple[float | None, float | None]] = (0.0, 1.0)
    title: str = field(default="", kw_only=True)
    kind: str = field(default="forgetting", kw_only=True)

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """The names of the scores it is made of."""

    @abstractmethod
    def __call__(self, values: Values, oracles: Sequence[Values]) -> float | None:
        """The value against these oracles; None where a score or an oracle is missing.

        Args:
            values: Of the model judged.
            oracles: One mapping per oracle; of a `same_seed` score that one model's alone.
        """

    def judged(self, values: Values, oracles: Sequence[Values]) -> float | None:
        """The value of a method, by the same statistic as that of an oracle against the others."""
        return self(values, oracles)


@dataclass(frozen=True)
class AvgGap(Derived):
    """Mean over scores of |value - mean of the oracles| (Avg. Gap; Fan et al. 2024, SalUn).

    It should equal the mean gap of an oracle from the other oracles, not 0. Since those are one
    less, a method's value is the mean over the sets of all oracles but one; with one oracle it is
    the published formula. The unit is that of the scores: a proportion, where papers print
    percentage points.

    Name: Average gap to the oracles.
    Formula: mean over the scores of |value - mean of the oracles|.
    Original: the mean of its gaps: what there is to forget.
    Oracle: the mean gap of an oracle from the others: not 0.
    Source: Fan et al. 2024 (SalUn, arXiv 2310.12508).

    Args:
        of: Names of the scores.

    Example:
        >>> AvgGap(["ua", "ta"])({"ua": 0.1, "ta": 0.5}, [{"ua": 0.1, "ta": 0.75}])
        0.125
    """

    of: Sequence[str] = ("ua", "ra", "ta", "mia")
    title: str = field(default="Avg. gap", kw_only=True)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(self.of)

    def __call__(self, values: Values, oracles: Sequence[Values]) -> float | None:
        gaps = []
        for name in self.of:
            value, target = values.get(name), oracle_mean(name, oracles)
            if value is None or target is None:
                return None
            gaps.append(abs(value - target))
        return sum(gaps) / len(gaps) if gaps else None

    def judged(self, values: Values, oracles: Sequence[Values]) -> float | None:
        # A mean of k oracles is steadier than the k - 1 that an oracle is held against, so a method
        # held against all of them would come nearer than an oracle can.
        if len(oracles) < 2:
            return self(values, oracles)
        parts = range(len(oracles))
        return _mean(self(values, [*oracles[:i], *oracles[i + 1 :]]) for i in parts)


@dataclass(frozen=True)
class ToW(Derived):
    """Π over D_f, D_r, D_t of (1 - |score - oracle's score|), in [0, 1] (Zhao et al. 2024, RUM).

    The oracle is the retrained model of the original's own training seed. A method should reach
    what the oracles of other seeds reach against it, not 1. ToW-MIA takes a membership attack
    instead of the accuracy on D_f: `forget="mia"`.

    Name: Tug of war.
    Formula: Π over D_f, D_r, D_t of (1 - |score - score of the oracle of the same seed|).
    Original: below 1 by what it knows of D_f.
    Oracle: what oracles of other seeds reach against that of the original's: below 1.
    Source: Zhao et al. 2024 (RUM, arXiv 2406.01257).

    Args:
        forget: Name of the score on D_f (UA or accuracy: the factor is the same).
        retain: Name of the accuracy on D_r.
        test: Name of the accuracy on D_t.

    Example:
        >>> ToW()({"ua": 0.0, "ra": 1.0, "ta": 0.5}, [{"ua": 0.5, "ra": 1.0, "ta": 1.0}])
        0.25
    """

    same_seed: ClassVar[bool] = True
    better: ClassVar[str] = "higher"
    forget: str = "ua"
    retain: str = "ra"
    test: str = "ta"
    title: str = field(default="ToW", kw_only=True)

    @property
    def needs(self) -> tuple[str, ...]:
        return self.forget, self.retain, self.test

    def __call__(self, values: Values, oracles: Sequence[Values]) -> float | None:
        product = 1.0
        for name in self.needs:
            value, target = values.get(name), oracles[0].get(name) if oracles else None
            if value is None or target is None:
                return None
            product *= 1.0 - abs(value - target)
        return product


def _mean(values: Iterable[float | None]) -> float | None:
    known = list(values)
    if not known or None in known:
        return None
    return sum(value for value in known if value is not None) / len(known)


def build_derived(evaluation: Mapping[str, Any]) -> dict[str, Derived]:
    """Instantiate the derived scores of an evaluation configuration; there may be none.

    Raises:
        UsageError: One cannot be made from its configuration, has the name of a score, or is made
            of a score that the panel lacks.
    """
    scores = evaluation["scores"]
    built: dict[str, Derived] = instantiated(evaluation.get("derived") or {}, "derived score")
    for name, one in built.items():
        if name in scores:
            raise UsageError(f"derived score {name}: the panel has a score of that name already")
        missing = [needed for needed in one.needs if needed not in scores]
        if missing:
            raise UsageError(
                f"derived score {name}: no score {missing[0]!r} in the panel; "
                f"it has {', '.join(scores)}"
            )
    return built


def derived_values(
    evaluation: Mapping[str, Any],
    values: Values,
    oracles: Sequence[Values],
    is_oracle: bool = False,
    twin: Values | None = None,
) -> dict[str, float | None]:
    """Every derived score of a panel for one model.

    Args:
        evaluation: The panel's configuration.
        values: Score values of the model.
        oracles: Score values of its oracles; for an oracle itself, the others.
        is_oracle: Whether the model is an oracle, held against the others.
        twin: Score values of the retrained model of the original's training seed; without them
            scores of the same seed are None.

    Raises:
        UsageError: As `build_derived`.
    """

    def value(one: Derived) -> float | None:
        if one.same_seed:
            return one(values, [] if twin is None else [twin])
        return one(values, oracles) if is_oracle else one.judged(values, oracles)

    return {name: value(one) for name, one in _of_panel(evaluation).items()}


def reads_twin(evaluation: Mapping[str, Any]) -> bool:
    """Whether a panel asks for the retrained model of the original's training seed.

    Raises:
        UsageError: As `build_derived`.
    """
    return any(one.same_seed for one in _of_panel(evaluation).values())


def _of_panel(evaluation: Mapping[str, Any]) -> dict[str, Derived]:
    own = {"scores": dict.fromkeys(evaluation["scores"]), "derived": evaluation.get("derived")}
    return _built(json.dumps(own))


@lru_cache(maxsize=16)
def _built(evaluation: str) -> dict[str, Derived]:
    """`build_derived` of a panel written as JSON: once per panel, not once per row and oracle."""
    return build_derived(json.loads(evaluation))
