"""Cards and results for tests: what a test says, with the rest filled in."""

import math
from typing import Any

from mu.results.card import Card
from mu.results.results import Results
from mu.results.rows import COLUMNS, Row

CARD = {
    "schema": 1,
    "block": 0,
    "data": "digits",
    "model": "cnn",
    "recipe": "short",
    "evaluation": "p",
    "compute": "local",
    "panel": "p",
    "title_data": "",
    "request": "random",
    "step": 0,
    "steps": 1,
    "request_kind": "samples",
    "n_forget": None,
    "n_retain": None,
    "forget_digest": None,
    "method": "ssd",
    "seed": 0,
    "pair": 0,
    "defaults": False,
    "values": {},
    "oracle": {},
    "facts": {},
    "warnings": [],
    "error": None,
    "method_config": None,
    "recipe_config": {},
    "versions": {},
    "device": None,
    "learner": None,
    "command": "",
}
ROW = dict.fromkeys(COLUMNS) | {"request": "random", "step": 0, "n": 0, "verdict": ""}
RESULTS = {"schema": 1, "experiment": "made", "title": "Made", "panel": {}}


def card(**given: Any) -> Card:
    """A card; a key that no card has is refused."""
    return Card.read(CARD | given)


def row(**given: Any) -> Row:
    """An aggregate row."""
    return Row(**ROW | given)


def comparable(results: dict[str, Any]) -> dict[str, Any]:
    """What of results.json two runs of the same cells must agree on."""
    loose = ("versions", "device", "command")
    cards = [
        {k: v for k, v in card.items() if k not in loose}
        | {"values": {k: v for k, v in card["values"].items() if not k.startswith("cost/")}}
        for card in results["cards"]
    ]
    rows = [row for row in results["rows"] if not row["metric"].startswith("cost/")]
    return {"cards": cards, "rows": rows, "verdicts": results["verdicts"]}


def read(plain: dict[str, Any] | Results) -> Results:
    """Results as they are read from a file, of which cards may say only what a test needs."""
    if isinstance(plain, Results):
        return plain
    lists = {name: plain.get(name, []) for name in ("cards", "rows", "verdicts")}
    lists["cards"] = [CARD | one for one in lists["cards"]]
    found: Any = finite(RESULTS | plain | lists)
    return Results.read(found)


def finite(value: object) -> object:
    """The value with None for what is no finite number, as in a file."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
