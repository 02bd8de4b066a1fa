"""Results as a reader meets them: one section per request and step, methods in a fixed order."""

from collections.abc import Iterable, Sequence

from mu.reporting.section import Section
from mu.results.card import Card
from mu.results.format import printable
from mu.results.place import Place
from mu.results.results import Results
from mu.results.rows import Row, Verdict
from mu.results.words import NOT_METHODS, UNLINKED

FIRST = (*NOT_METHODS, UNLINKED)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Method names, each once: original, random_weights, oracle, null, utu, then as they come."""
    found = list(dict.fromkeys(names))
    return (*(n for n in FIRST if n in found), *(n for n in found if n not in FIRST))


def methods_of(cards: Iterable[Card], rows: Iterable[Row]) -> tuple[str, ...]:
    """Every method of some records in the order of tables."""
    return ordered([*(card.method for card in cards), *(row.method for row in rows)])


def sections(results: Results) -> list[Section]:
    """The sections of an experiment, one per block, request and step.

    Blocks come in order, requests as they come, steps upwards.
    """
    records: list[Card | Row | Verdict] = [*results.cards, *results.rows, *results.verdicts]
    places = dict.fromkeys(one.place for one in records)
    arrival: dict[tuple[int, str], int] = {}
    for block, request, _ in places:
        arrival.setdefault((block, request), len(arrival))
    keys = sorted(places, key=lambda one: (one.block, arrival[one.block, one.request], one.step))
    return [_section(results, place) for place in keys]


def _section(results: Results, place: Place) -> Section:
    cards = tuple(card for card in results.cards if card.place == place)
    rows = [row for row in results.rows if row.place == place]
    known = results.classes or {}
    classes = next((names for card in cards if (names := known.get(card.data))), ())
    return Section(
        *place,
        methods=methods_of(cards, rows),
        cards=cards,
        rows={(row.method, row.metric): row for row in rows},
        verdicts={one.method: one for one in results.verdicts if one.place == place},
        scores=results.scores(cards[0]) if cards else {},
        classes=tuple(map(printable, classes)),
        compare=results.compare,
    )


def shown(sections: list[Section]) -> list[Section]:
    """The sections for a short table: of a sequence longer than three, the first and the last."""
    return [s for s in sections if s.steps <= 3 or s.step in (0, s.steps - 1)]


def sequences(sections: list[Section]) -> dict[tuple[int, str], list[Section]]:
    """Sections that follow one another, by block and request, where there is more than one."""
    groups: dict[tuple[int, str], list[Section]] = {}
    for section in sections:
        groups.setdefault((section.block, section.request), []).append(section)
    return {key: group for key, group in groups.items() if len(group) > 1}


def shared_notes(sections: Sequence[Section]) -> list[str]:
    """Notes that hold for every one of several sections, to be said once."""
    if len(sections) < 2:
        return []
    first, *others = sections
    return [note for note in first.notes if all(note in other.notes for other in others)]
