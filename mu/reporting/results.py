"""From cards to what tables, pictures and pages are made of."""

from collections.abc import Sequence
from typing import Any

from mu.config import Experiment
from mu.evaluation.scoring import describe_panel
from mu.evaluation.statistics import aggregate, verdicts

SCHEMA = 1


def collect(
    experiment: Experiment, cards: Sequence[dict[str, Any]], command: str
) -> dict[str, Any]:
    """Rows, verdicts and panels of an experiment's cards; the content of results.json."""
    panels = {
        block.names["evaluation"]: describe_panel(block.config["evaluation"])
        for block in experiment.blocks
    }
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "experiment": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "command": command,
        "panel": panels,
        "cards": list(cards),
        "rows": [],
        "verdicts": [],
    }
    for index, block in enumerate(experiment.blocks):
        own = [card for card in cards if card["block"] == index]
        panel = panels[block.names["evaluation"]]
        rows = aggregate(own, panel)
        results["rows"] += [row | {"block": index} for row in rows]
        results["verdicts"] += [v | {"block": index} for v in verdicts(rows, panel, own)]
    return results
