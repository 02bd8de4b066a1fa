"""The audit of one model: what can be said of it without pairs, and what cannot."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from mu.auditing.exact import exact_interval
from mu.auditing.verdict import Case, answer, asked, how_sure, place_of
from mu.errors import UsageError
from mu.results.format import NOTHING, interval, number, plural
from mu.storing.whole_files import write_text

WIDTH = 80


@dataclass(frozen=True)
class ScoreRow:
    """One score of the model beside the oracles.

    Attributes:
        score, title, kind: As a panel says.
        value: Of the model.
        low, high: Exact 95 % interval of a share; None where it is none.
        n: Samples that a share is counted over.
        original: Of the model before the request.
        oracles: Of the retrained models, each held against the others.
        p: Chance that another retrained model lies as far out; None for distances, whose law is
            another one, and with fewer than three oracles. One score alone, not adjusted.
        request: 0 for what is audited, 1, 2, … for what an earlier request forgot.
    """

    score: str
    title: str
    kind: str
    value: float
    low: float | None
    high: float | None
    n: int | None
    original: float | None
    oracles: Sequence[float]
    p: float | None
    request: int = 0

    def titled(self) -> str:
        """Its title; of an earlier request with its number."""
        return f"{self.title}, request {self.request}" if self.request else self.title


@dataclass(frozen=True)
class Alarm:
    """How many forgotten samples are found while few unseen ones are.

    Attributes:
        false, unseen: False alarms that are allowed, of how many unseen samples.
        hits, forgotten: Forgotten samples above the threshold, of how many.
    """

    false: int
    unseen: int
    hits: int
    forgotten: int

    def said(self) -> str:
        """Both shares with their intervals."""
        found = exact_interval(self.hits, self.forgotten)
        return (
            f"{self.hits} of {self.forgotten} found {interval(*found)} at {self.false} of "
            f"{plural(self.unseen, 'unseen sample')}"
        )


@dataclass(frozen=True)
class Audit:
    """What can be said of one model; shows itself in a terminal, in a notebook and as a page.

    Attributes:
        case: What the verdict rests on.
        scores: Every score beside the oracles'.
        alarms: Hits at few false alarms; none where D_f was not drawn at random.
        epsilon: The least ε that is possible, with 95 % confidence; nan where it cannot be said.
        notes: What was found of the parts and models themselves.
        untested: What was not looked at.
        digests: Of models and data, by name.
        repeat: The call or command that repeats it.
        subject: What was to be forgotten, in the words of who asked.
    """

    case: Case
    scores: Sequence[ScoreRow]
    alarms: Sequence[Alarm]
    epsilon: float
    notes: Sequence[str]
    untested: Sequence[str]
    digests: Mapping[str, str]
    repeat: str
    subject: str = ""

    @property
    def verdict(self) -> str:
        """What was found, and how sure it is, in words."""
        return f"{self.case.word}: {answer(self.case)}. {how_sure(self.case)}"

    def earlier(self) -> list[str]:
        """Of each earlier request, whether what it forgot is still forgotten."""
        return [
            f"Earlier request {place} ({plural(one.forgotten, 'sample')}): "
            f"{self.case.word_of(place)}"
            for place, one in enumerate(self.case.earlier, start=1)
        ]

    @property
    def asked(self) -> str:
        """The question."""
        return asked(self.case)

    def frame(self) -> Any:
        """The scores as a pandas data frame, one row a score; of earlier requests one for each.

        ``request`` is 0 for what is audited and 1, 2, … for earlier requests, ``verdict`` what was
        found of what that request forgot.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UsageError("audit.frame() needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The scores as plain data, one dictionary a score."""
        return [
            {name: value for name, value in asdict(one).items() if name != "oracles"}
            | {
                "verdict": self.case.word_of(one.request),
                "oracle_low": min(one.oracles, default=None),
                "oracle_mean": float(np.mean(one.oracles)) if one.oracles else None,
                "oracle_high": max(one.oracles, default=None),
                "oracles": list(one.oracles),
            }
            for one in self.scores
        ]

    def plain(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        found = {
            "schema": 1,
            "subject": self.subject,
            "asked": self.asked,
            "word": self.case.word,
            "verdict": self.verdict,
            "rank": place_of(self.case),
            "case": asdict(self.case),
            "scores": self.rows(),
            "alarms": [asdict(one) for one in self.alarms],
            "epsilon_at_least": self.epsilon,
            "notes": list(self.notes),
            "untested": list(self.untested),
            "digests": dict(self.digests),
            "repeat": self.repeat,
        }
        cleaned: dict[str, Any] = _writable(found)
        return cleaned

    def json(self) -> str:
        """`plain` as text; numbers that are infinite are words, those that are none are null."""
        return json.dumps(self.plain(), indent=1, ensure_ascii=False) + "\n"

    def page(self, path: str | Path) -> Path:
        """Write one page that needs nothing else, for a person who is no researcher.

        Args:
            path: Of the file; an older one is replaced.

        Returns:
            ``path``.

        Raises:
            UsageError: The folder is not there or cannot be written.
        """
        from mu.auditing.page import audit_page

        path = Path(path)
        try:
            write_text(path, audit_page(self))
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror})") from error
        return path

    def _repr_html_(self) -> str:
        from mu.auditing.page import audit_fragment

        return audit_fragment(self)

    def __str__(self) -> str:
        parts = [
            f"Asked: {self.asked}",
            f"Found: {self.case.word}: {answer(self.case)}.",
            f"How sure: {how_sure(self.case)}",
            *self.earlier(),
            place_of(self.case),
            *(f"Note: {note}" for note in self.notes),
        ]
        text = "\n".join(fill(part, WIDTH, subsequent_indent="  ") for part in parts if part)
        lines = [f"{'score':<16}{'model':>9}  {'oracles':<19}{'original':>9}"]
        for one in self.scores:
            lines.append(
                f"{one.titled()[:15]:<16}{number(one.value):>9}  {oracle_range(one):<19}"
                f"{number(one.original):>9}"
            )
        untested = "\n".join(
            fill(f"- {one}", WIDTH, subsequent_indent="  ") for one in self.untested
        )
        return f"{text}\n\n" + "\n".join(lines) + f"\n\nNot tested:\n{untested}"


def oracle_range(one: ScoreRow) -> str:
    """The least and the largest value of the oracles."""
    if not one.oracles:
        return NOTHING
    ends = [number(end) for end in (min(one.oracles), max(one.oracles))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _writable(value: Any) -> Any:
    """Plain data without numbers that JSON has not."""
    if isinstance(value, Mapping):
        return {str(key): _writable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
