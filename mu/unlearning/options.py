"""How a method refuses an option: its name, its value, and what it takes."""

import difflib
from collections.abc import Callable, Collection, Mapping
from inspect import signature
from math import isfinite
from numbers import Integral, Real
from typing import Any

from mu.errors import UsageError


def one_of(**words: tuple[Any, Collection[Any]]) -> None:
    """Refuse a word that is not among those known.

    Args:
        words: Option → its value and the known ones, None among them where it is one.

    Raises:
        UsageError: An unknown word.

    Example:
        >>> one_of(start=("middle", ("zero", "original")))
        Traceback (most recent call last):
        mu.errors.UsageError: start='middle' is not one of zero, original
    """
    for name, (value, known) in words.items():
        if value not in tuple(known):
            every = ", ".join("null" if word is None else str(word) for word in known)
            raise UsageError(f"{name}={value!r} is not one of {every}")


def must_be(
    rule: str, fits: Callable[[Any], bool], /, *, null: str | None = None, **values: Any
) -> None:
    """Refuse what is no finite number, and numbers that do not fit.

    Args:
        rule: What a number must be, in words.
        fits: Whether one is.
        null: What None stands for, where it is an answer.
        values: Option → value.

    Raises:
        UsageError: A value that does not fit.

    Example:
        >>> must_be("in [0, 1)", lambda v: 0 <= v < 1, null="the last epoch", ema=1.0)
        Traceback (most recent call last):
        mu.errors.UsageError: ema=1.0 must be in [0, 1), or null for the last epoch
    """
    for name, value in values.items():
        if value is None and null is not None:
            continue
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not (number and isfinite(value) and fits(value)):
            way = "" if null is None else f", or null for {null}"
            raise UsageError(f"{name}={value!r} must be {rule}{way}")


def positive(*, null: str | None = None, **values: Any) -> None:
    """Refuse what is not above 0 and finite; ``null`` as for `must_be`."""
    must_be("positive and finite", lambda value: value > 0, null=null, **values)


def not_negative(*, null: str | None = None, **values: Any) -> None:
    """Refuse what is below 0 or not finite; ``null`` as for `must_be`."""
    must_be("finite and not negative", lambda value: value >= 0, null=null, **values)


def share(*, null: str | None = None, **values: Any) -> None:
    """Refuse what is no share of something, above 0 and at most 1; ``null`` as for `must_be`."""
    must_be("above 0 and at most 1", lambda value: 0 < value <= 1, null=null, **values)


def at_least(least: int, /, *, null: str | None = None, **counts: Any) -> None:
    """Refuse what is no whole number, or below the least; ``null`` as for `must_be`."""

    def fits(value: Any) -> bool:
        return isinstance(value, Integral) and int(value) >= least

    must_be(f"a whole number of at least {least}", fits, null=null, **counts)


def no_other(owner: type, unknown: Mapping[str, Any]) -> None:
    """Refuse options that the constructors of a class do not name.

    Raises:
        UsageError: There is one; the nearest that it does take is named.
    """
    for name in unknown:
        makers = [vars(base)["__init__"] for base in owner.__mro__ if "__init__" in vars(base)]
        taken = [p for make in makers for p in list(signature(make).parameters.values())[1:]]
        known = sorted({p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
        raise UsageError(f"{owner.__name__} has no option {name!r}; {hint}")
