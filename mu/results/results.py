"""Everything known of an experiment: its cards, what its scores are, and the rows made of them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from mu.errors import UsageError
from mu.results.card import SCHEMA, Card, Facts
from mu.results.legacy import original, with_facts
from mu.results.place import Place
from mu.results.rows import Row, Verdict
from mu.results.words import ORACLE, RANDOM
from mu.trust.wrong_shapes import in_one_line

FIELDS: dict[str, type] = {
    "experiment": str,
    "title": str,
    "panel": dict,
    "cards": list,
    "rows": list,
    "verdicts": list,
}


class ResultsError(UsageError, ValueError):
    """A folder holds no results that this version can read."""


class UnreadableRecord(ResultsError):
    """Results have the right fields, and something else in them than mu writes."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What ``results.json`` holds.

    Attributes:
        experiment, title, description, command: What was run, in words, and how.
        panels: What each panel says of its scores, by name; old ones are completed when read.
        cards: One a row, pair and request.
        rows, verdicts: What `tabulated` makes of them.
        classes: Names of the classes by data set, where they are known.
        overlaps: How far selected sets agree, an entry a block in which models select.
        tuning: The record of ``mu tune`` that lay beside the results.
        compare: Name of a row that is compared with every other.
    """

    experiment: str
    title: str
    description: str = ""
    command: str = ""
    panels: Mapping[str, Facts]
    cards: Sequence[Card]
    rows: Sequence[Row] = ()
    verdicts: Sequence[Verdict] = ()
    classes: Mapping[str, Sequence[str] | None] | None = None
    overlaps: Sequence[Facts] | None = None
    tuning: Facts | None = None
    compare: str | None = None

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """The results that `plain` wrote.

        Raises:
            ResultsError: A field is missing or unknown, or a record has other fields than such a
                record has.
        """
        schema = plain.get("schema")
        if schema != SCHEMA:
            raise ResultsError(f"schema {schema!r}; this version reads schema {SCHEMA}")
        for name, wanted in FIELDS.items():
            if not isinstance(plain.get(name), wanted):
                raise ResultsError(f"no {name} ({wanted.__name__} expected)")
        made = ("schema", "panel", "cards", "rows", "verdicts")
        about = {name: value for name, value in plain.items() if name not in made}
        try:
            return cls(
                panels=with_facts(plain["panel"]),
                cards=[Card.read(one) for one in plain["cards"]],
                rows=[Row(**one) for one in plain["rows"]],
                verdicts=[Verdict(**one) for one in plain["verdicts"]],
                **about,
            )
        except TypeError as error:
            raise ResultsError(f"a record of another kind: {error}") from error

    def plain(self) -> dict[str, Any]:
        """The results as they are written."""
        last = {name: getattr(self, name) for name in ("classes", "overlaps", "tuning", "compare")}
        return {
            "schema": SCHEMA,
            "experiment": self.experiment,
            "title": self.title,
            "description": self.description,
            "command": self.command,
            "panel": original(self.panels),
            "cards": [card.plain() for card in self.cards],
            "rows": [asdict(row) for row in self.rows],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            **{name: value for name, value in last.items() if value is not None},
        }

    @cached_property
    def by_place(self) -> dict[Place, list[Card]]:
        """The cards of each step of each request, block by block."""
        found: dict[Place, list[Card]] = {}
        for card in sorted(self.cards, key=lambda card: card.block):
            found.setdefault(card.place, []).append(card)
        return found

    @cached_property
    def _scores(self) -> dict[Place, Mapping[str, Facts]]:
        named = {place: agreed_panel(cards) for place, cards in self.by_place.items()}
        return {at: self.panels.get(name, {}).get("scores", {}) for at, name in named.items()}

    def scores(self, one: Card | Row | Verdict) -> Mapping[str, Facts]:
        """What the panel of a record's request says of its scores."""
        return self._scores.get(one.place, {})


def agreed_panel(cards: Sequence[Card]) -> str:
    """Name of the panel of cards of one step: that on which finished ones agree.

    Where a request takes whole classes in some pairs only, they are judged like any samples: by the
    panel that all have, whose name is the shortest.
    """
    names = {card.panel for card in cards if not card.error} or {card.panel for card in cards}
    return min(names, key=len)


def tabulated(results: Results) -> Results:
    """The same results with rows and verdicts computed anew from their cards."""
    from mu.results.verdicts import tabulate  # SciPy, which no cached run needs

    rows, verdicts = list[Row](), list[Verdict]()
    for cards in results.by_place.values():
        own, words = tabulate(cards, results.panels[agreed_panel(cards)])
        rows += own
        verdicts += words
    return replace(results, rows=rows, verdicts=verdicts)


def comparing(results: Results, row: str | None) -> Results:
    """The same results with one row compared with every other; None compares none.

    Raises:
        UsageError: There is no such row.
    """
    names = dict.fromkeys(c.method for c in results.cards if c.method not in (ORACLE, RANDOM))
    if row is not None and row not in names:
        raise UsageError(f"compare={row} is no row; there are: {', '.join(names)}")
    return replace(results, compare=row)


def json_text(results: Results) -> str:
    """The results as strict JSON, a line a card, row and verdict.

    What is not a finite number becomes null.
    """
    parts = [f" {json.dumps(key)}: {_written(value)}" for key, value in results.plain().items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _written(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n  " + ",\n  ".join(map(_strict_json, value)) + "\n ]"
    return _strict_json(value, indent=1).replace("\n", "\n ")


def _strict_json(value: object, indent: int | None = None) -> str:
    def text(value: object) -> str:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)

    try:
        return text(value)
    except (TypeError, ValueError):  # an array, a number that is not finite: few records have one
        return text(_strict(value))


def _strict(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _strict(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(entry) for entry in value]
    if hasattr(value, "tolist"):  # numpy, which need not be imported for that
        return _strict(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def folder_of(path: Path) -> Path:
    """The folder that results lie in, which `read_results` takes as well as their file."""
    return path if path.is_dir() else path.parent


def read_results(path: Path) -> Results:
    """Read what a run left.

    Args:
        path: The folder of an experiment, or its ``results.json``.

    Raises:
        ResultsError: When there is no such file, it is not JSON, or this version cannot read it.
    """
    file = path / "results.json" if path.is_dir() or path.suffix != ".json" else path
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except RecursionError:
        raise ResultsError(f"{file} is nested too deep") from None
    except FileNotFoundError:
        kind = "no results.json in" if path.is_dir() else "no such folder or file:"
        raise ResultsError(f"{kind} {path}") from None
    except OSError as error:
        raise ResultsError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise ResultsError(f"{file} is not JSON: {error}") from None
    try:
        with readable(file):
            return Results.read(plain if isinstance(plain, dict) else {})
    except UnreadableRecord:
        raise
    except ResultsError as error:
        raise ResultsError(f"{file} has {error}") from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in one line that results hold what this version cannot show; they may be anybody's.

    Raises:
        UnreadableRecord: In place of the error of whoever met the record; with ``MU_DEBUG`` in the
            environment that error goes through.
    """
    with in_one_line(f"{path} holds a record that", UnreadableRecord):
        yield
