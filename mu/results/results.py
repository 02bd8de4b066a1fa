"""From cards to what tables, pictures and pages are made of."""

from collections.abc import Sequence
from typing import Any

from mu.card import Card
from mu.configuration.experiment import Experiment
from mu.reporting.report import SCHEMA
from mu.results.panel import describe_panel
from mu.results.verdicts import aggregate, verdicts


def collect(experiment: Experiment, cards: Sequence[Card], command: str) -> dict[str, Any]:
    """The content of results.json: an experiment's cards, its panels, rows and verdicts."""
    panels = {
        block.names["evaluation"]: describe_panel(block.config["evaluation"])
        for block in experiment.blocks
    }
    return tabulated(
        {
            "schema": SCHEMA,
            "experiment": experiment.name,
            "title": experiment.title,
            "description": experiment.description,
            "command": command,
            "panel": panels,
            "cards": list(cards),
        }
    )


def tabulated(results: dict[str, Any]) -> dict[str, Any]:
    """The same results with rows and verdicts computed anew from their cards."""
    rows: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for index in sorted({card["block"] for card in results["cards"]}):
        cards = [card for card in results["cards"] if card["block"] == index]
        panel = results["panel"][cards[0]["panel"]]
        own = aggregate(cards, panel)
        rows += [row | {"block": index} for row in own]
        words += [word | {"block": index} for word in verdicts(own, panel, cards)]
    return results | {"rows": rows, "verdicts": words}
