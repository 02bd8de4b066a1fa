"""Tables of the report run as columns and lines: cells, aggregates, classes, pictures."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from mu.reporting.section import REFERENCES
from mu.results.judged import place, ranks
from mu.tracking.rows import failure, run_id, summary

Results = Mapping[str, Any]
Lines = list[list[Any]]
Table = tuple[list[str], Lines]

WHO = ("request", "step", "data", "model", "method", "seed", "pair")
ROW = ("request", "step", "data", "model", "method", "metric", "mean", "low", "high", "n", "oracle",
       "gap", "gap_low", "gap_high", "verdict")  # fmt: skip


def cells(results: Results, cached: Mapping[str, bool]) -> Table:
    """Columns and lines of all cells: who, run id, cached or not, why it failed, its row."""
    rows = [summary(card, results["panel"][card["panel"]]) for card in results["cards"]]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = []
    for card, row in zip(results["cards"], rows, strict=True):
        run, panel = run_id(card), results["panel"].get(card.get("panel"), {})
        facts = [run, cached.get(run, False), failure(card, panel) or None]
        lines.append([*(card.get(k) for k in WHO), *facts, *(row.get(key) for key in keys)])
    return [*WHO, "run", "cached", "failure", *keys], lines


def aggregates(results: Results) -> Table:
    """Columns and lines of the aggregates: mean, interval, n, gap, verdict, rank and winner.

    Scores have the names of their panel here, as in ``table.md``.
    """
    found = ranks(results)
    lines = []
    for row in results["rows"]:
        rank = found.get((place(row), row["metric"]))
        lines.append([*(row.get(key) for key in ROW), rank, rank == 1])
    return [*ROW, "rank", "winner"], lines


def per_class(results: Results) -> Table:
    """Columns and lines of the test accuracy of each class, one line per cell and class."""
    lines = []
    for card in results["cards"]:
        found = (card.get("details") or {}).get("per_class")
        if found:
            names = class_names(results, card)
            for label, value, n in zip(found["labels"], found["test"], found["n"], strict=True):
                lines.append([*(card.get(k) for k in WHO), named(names, label), value, n])
    return [*WHO, "class", "accuracy", "n"], lines


def roc(results: Results) -> Table:
    """Columns and lines of the loss attack's operating points, one line per cell and point."""
    lines = []
    for card in results["cards"]:
        found = (card.get("details") or {}).get("roc")
        if found:
            points = zip(found["fpr"], found["tpr"], strict=True)
            lines += [[*(card.get(k) for k in WHO), *point] for point in points]
    return [*WHO, "fpr", "tpr"], lines


def gallery(results: Results) -> Table:
    """Columns and lines of forgotten pictures: what original, method and oracle say, how surely.

    The column ``image`` holds the bytes of a PNG.
    """
    lines: Lines = []
    for card in results["cards"]:
        pictures, peers = card.get("gallery"), siblings(results, card)
        if not pictures:
            continue
        names = class_names(results, card)
        for method in (m for m in peers if m not in REFERENCES and not peers[m].get("error")):
            said = [predictions(peers.get(m), names) for m in ("original", method, "oracle")]
            for one, png, label in zip(
                pictures["ids"], pictures["png"], pictures["labels"], strict=True
            ):
                words = [word for table in said for word in table.get(one, (None, None))]
                who = [card["request"], card.get("step"), method, one]
                lines.append([*who, b64decode(png), named(names, label), *words])
    rows = [f"{who}{what}" for who in ("original", "unlearned", "oracle") for what in ("", " p")]
    return ["request", "step", "method", "id", "image", "label", *rows], lines


def siblings(results: Results, card: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Cards of the same block, request, step and pair, by method."""
    same = ("block", "request", "step", "pair")
    return {
        other["method"]: other
        for other in results["cards"]
        if all(other.get(key) == card.get(key) for key in same)
    }


def predictions(card: Mapping[str, Any] | None, names: Sequence[str] | None) -> dict[Any, Any]:
    """Sample id → (class predicted, its probability)."""
    found = ((card or {}).get("details") or {}).get("samples") or {}
    columns = [found.get(key, []) for key in ("ids", "predicted", "confidence")]
    return {one: (named(names, label), p) for one, label, p in zip(*columns, strict=True)}


def class_names(results: Results, card: Mapping[str, Any]) -> Sequence[str] | None:
    """Names of the classes of a card's data, None where it has none."""
    found: Sequence[str] | None = (results.get("classes") or {}).get(card.get("data"))
    return found


def named(names: Sequence[str] | None, label: Any) -> str:
    """The name of a class, or its number."""
    return str(names[label]) if names and 0 <= label < len(names) else str(label)
