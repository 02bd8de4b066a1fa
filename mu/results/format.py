"""How a number, an interval, a share and a foreign name are written, in every table alike."""

import math
from collections.abc import Sequence

from mu.results.rows import Row

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"

Limits = Sequence[float | None] | None  # least and most a score can be


def finite(value: object) -> float | None:
    """The value as a float, or None where there is no finite number.

    >>> finite(0.5), finite(float("nan")), finite(None)
    (0.5, None, None)
    """
    if value is None or isinstance(value, (str, bool)):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def decimals(value: float) -> int:
    """Decimals that keep a column narrow: three below ten, then fewer."""
    size = abs(value)
    return 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0


def number(value: object, places: int | None = None, sign: bool = False) -> str:
    """One number for people, with a real minus; `NOTHING` where there is none.

    >>> number(0.98274), number(12.3456), number(0.2, sign=True), number(3.2e9)
    ('0.983', '12.35', '+0.200', '3.2e9')
    """
    found = finite(value)
    if found is None:
        return NOTHING
    if abs(found) >= 1e5:
        mantissa, exponent = f"{found:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    text = f"{found:+.{decimals(found) if places is None else places}f}"
    if not float(text) or (text[0] == "+" and not sign):
        text = text[1:]
    return text.replace("-", MINUS)


def interval(low: object, high: object, sign: bool = False) -> str:
    """A 95 % interval in brackets, or nothing where one pair gives none.

    >>> interval(0.1, 0.25), interval(None, None)
    ('[0.100, 0.250]', '')
    """
    if finite(low) is None or finite(high) is None:
        return ""
    return f"[{number(low, sign=sign)}, {number(high, sign=sign)}]"


def shown_interval(row: Row, limits: Limits = None) -> tuple[float | None, float | None]:
    """``low`` and ``high`` of a row, cut to what its score can reach: to print and draw only.

    A t interval of a proportion near 1 passes 1. Files, gaps, tests and half widths keep the uncut
    one, since its width is what is known of the error.

    Args:
        row: An aggregate row.
        limits: The ``range`` of its score; without it nothing is cut.

    >>> from types import SimpleNamespace
    >>> shown_interval(SimpleNamespace(mean=0.99, low=0.95, high=1.03), [0.0, 1.0])
    (0.95, 1.0)
    """
    return clipped(row.mean, row.low, row.high, limits)


def clipped(
    mean: float | None, low: float | None, high: float | None, limits: Limits
) -> tuple[float | None, float | None]:
    """The ends of an interval, not beyond limits that its mean keeps.

    >>> clipped(0.99, 0.95, 1.03, [0.0, 1.0]), clipped(1.2, 1.1, 1.3, [0.0, 1.0])
    ((0.95, 1.0), (1.1, 1.3))
    """
    bottom, top = limits or (None, None)
    if mean is None or low is None or high is None:
        return None, None
    if bottom is not None and bottom <= mean:
        low = max(low, bottom)
    if top is not None and mean <= top:
        high = min(high, top)
    return low, high


def limits_of_difference(limits: Limits) -> Limits:
    """What two values between limits can differ by; None without both limits.

    >>> limits_of_difference([-1.0, 1.0]), limits_of_difference([0.0, None])
    ((-2.0, 2.0), None)
    """
    bottom, top = limits or (None, None)
    return None if bottom is None or top is None else (bottom - top, top - bottom)


def mean_interval(row: Row | None, limits: Limits = None) -> str:
    """``mean [low, high]`` of one aggregate row, the interval as `shown_interval` has it.

    >>> from types import SimpleNamespace
    >>> mean_interval(SimpleNamespace(mean=0.9, low=0.674, high=1.126), [0.0, 1.0])
    '0.900 [0.674, 1.000]'
    """
    if row is None:
        return NOTHING
    return f"{number(row.mean)} {interval(*shown_interval(row, limits))}".rstrip()


def gap_interval(row: Row | None, limits: Limits = None) -> str:
    """``gap [low, high]`` to the oracle of one aggregate row, signed.

    Args:
        row: An aggregate row.
        limits: The ``range`` of its score: the interval is shown as far as a gap can reach.

    >>> from types import SimpleNamespace
    >>> gap_interval(SimpleNamespace(gap=-0.99, gap_low=-1.01, gap_high=-0.97), [0.0, 1.0])
    '−0.990 [−1.000, −0.970]'
    """
    if row is None or row.gap is None:
        return NOTHING
    ends = clipped(row.gap, row.gap_low, row.gap_high, limits_of_difference(limits))
    return f"{number(row.gap, sign=True)} {interval(*ends, sign=True)}".rstrip()


def half_width(row: Row) -> float | None:
    """Half the 95 % interval of a row, None where there is none."""
    return None if row.low is None or row.high is None else (row.high - row.low) / 2


def plus_minus(row: Row | None, sign: str = " ± ") -> str:
    """``mean ± half-width`` with as many decimals on both sides.

    The sign ``"±."`` is for narrow places: it takes the zero before the point of the half-width.

    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(mean=0.5, low=0.4, high=0.6)
    >>> plus_minus(row), plus_minus(row, "±.")
    ('0.500 ± 0.100', '0.500±.100')
    """
    if row is None or row.mean is None:
        return NOTHING
    half = half_width(row)
    if half is None:
        return number(row.mean)
    width = number(half, decimals(row.mean))
    if sign == "±.":
        sign, width = "±", width.removeprefix("0")
    return f"{number(row.mean)}{sign}{width}"


def percent(value: object) -> str:
    """A share of retraining in per cent.

    >>> percent(1.0), percent(0.034), percent(0.0002), percent(0)
    ('100 %', '3.4 %', '<0.1 %', '0 %')
    """
    found = finite(value)
    if found is None:
        return NOTHING
    found *= 100
    if 0 < found < 0.1:
        return "<0.1 %"
    return f"{found:.0f} %" if found >= 10 or found == 0 else f"{found:.1f} %"


def plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "pair"), plural(3, "pair")
    ('1 pair', '3 pairs')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cannot_tell(pairs: int, titles: Sequence[str], enough: int) -> str:
    """That pairs do not tell the original from the oracles by some scores, and how many would.

    >>> cannot_tell(3, ["KL"], 5), cannot_tell(3, ["UA", "KL"], 0)[-9:]
    ('3 pairs cannot tell the original from the oracles by KL; about 5 would', 'by UA, KL')
    """
    names = ", ".join(titles)
    said = f"{plural(pairs, 'pair')} cannot tell the original from the oracles by {names}"
    return f"{said}; about {enough} would" if enough > pairs else said


def printable(text: object) -> str:
    r"""The text on one line, with control characters (a terminal would obey them) replaced.

    >>> printable("a\x1b[31mb\nc")
    'a?[31mb c'
    """
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
