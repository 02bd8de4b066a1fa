"""Tables of the report run as columns and lines: cells, aggregates, classes, pictures."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from mu.results.card import Card
from mu.results.judged import ranks
from mu.results.results import Results
from mu.results.rows import COLUMNS
from mu.results.words import NOT_METHODS, ORACLE, ORIGINAL
from mu.tracking.rows import run_id, summary

Lines = list[list[Any]]
Table = tuple[list[str], Lines]

WHO = ("request", "step", "data", "model", "method", "seed", "pair")


def cells(results: Results, cached: Mapping[str, bool]) -> Table:
    """Columns and lines of all cells: who, run id, cached or not, why it failed, its row."""
    rows = [summary(card, results.scores(card)) for card in results.cards]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = []
    for card, row in zip(results.cards, rows, strict=True):
        run = run_id(card)
        facts = [run, cached.get(run, False), card.failure(results.scores(card)) or None]
        lines.append([*who(card), *facts, *(row.get(key) for key in keys)])
    return [*WHO, "run", "cached", "failure", *keys], lines


def who(card: Card) -> list[Any]:
    """What a line of a table is about, in the order of `WHO`."""
    return [getattr(card, name) for name in WHO]


def aggregates(results: Results) -> Table:
    """Columns and lines of the aggregates: mean, interval, n, gap, verdict, rank and winner.

    Scores have the names of their panel here, as in ``table.md``.
    """
    found = ranks(results)
    lines = []
    for row in results.rows:
        rank = found.get(((row.place, row.method), row.metric))
        lines.append([*(getattr(row, name) for name in COLUMNS), rank, rank == 1])
    return [*COLUMNS, "rank", "winner"], lines


def per_class(results: Results) -> Table:
    """Columns and lines of the test accuracy of each class, one line per cell and class."""
    lines = []
    for card in results.cards:
        found = card.details.get("per_class")
        if found:
            names = class_names(results, card)
            for label, value, n in zip(found["labels"], found["test"], found["n"], strict=True):
                lines.append([*who(card), named(names, label), value, n])
    return [*WHO, "class", "accuracy", "n"], lines


def operating_points(results: Results) -> Table:
    """Columns and lines of the loss attack's operating points, one line per cell and point."""
    lines = []
    for card in results.cards:
        found = card.details.get("roc")
        if found:
            points = zip(found["fpr"], found["tpr"], strict=True)
            lines += [[*who(card), *point] for point in points]
    return [*WHO, "fpr", "tpr"], lines


def forgotten_pictures(results: Results) -> Table:
    """Columns and lines of forgotten pictures: what original, method and oracle say, how surely.

    The column ``image`` holds the bytes of a PNG.
    """
    lines: Lines = []
    for card in results.cards:
        pictures, here = card.gallery, (card.place, card.pair)
        if not pictures:
            continue
        peers = {one.method: one for one in results.cards if (one.place, one.pair) == here}
        names = class_names(results, card)
        for method in (m for m in peers if m not in NOT_METHODS and not peers[m].error):
            said = [predictions(peers.get(m), names) for m in (ORIGINAL, method, ORACLE)]
            for one, png, label in zip(
                pictures["ids"], pictures["png"], pictures["labels"], strict=True
            ):
                words = [word for table in said for word in table.get(one, (None, None))]
                about = [card.request, card.step, method, one]
                lines.append([*about, b64decode(png), named(names, label), *words])
    rows = [f"{one}{what}" for one in (ORIGINAL, "unlearned", ORACLE) for what in ("", " p")]
    return ["request", "step", "method", "id", "image", "label", *rows], lines


def predictions(card: Card | None, names: Sequence[str] | None) -> dict[Any, Any]:
    """Sample id → (class predicted, its probability)."""
    found = (card.details.get("samples") if card else None) or {}
    columns = [found.get(key, []) for key in ("ids", "predicted", "confidence")]
    return {one: (named(names, label), p) for one, label, p in zip(*columns, strict=True)}


def class_names(results: Results, card: Card) -> Sequence[str] | None:
    """Names of the classes of a card's data, None where it has none."""
    return (results.classes or {}).get(card.data)


def named(names: Sequence[str] | None, label: Any) -> str:
    """The name of a class, or its number."""
    return str(names[label]) if names and 0 <= label < len(names) else str(label)
