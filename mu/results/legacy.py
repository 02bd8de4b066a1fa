"""Results kept before a panel said everything about its scores, completed when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mu.configuration.choices import choices, read_yaml
from mu.errors import UsageError

FACTS = ("family", "public", "complement", "reads")
MARK = "completed"  # of a panel whose facts are not of its file


def complete(results: dict[str, Any]) -> dict[str, Any]:
    """The same results, every score of every panel with its `FACTS`.

    They come from the panel of that name as it is now. A score it lacks is taken to be plain, and
    to read every part: no search may look at what may be test data.
    """
    panels = {}
    for name, panel in results["panel"].items():
        scores = panel.get("scores", {})
        if all("family" in facts for facts in scores.values()):
            panels[name] = panel
            continue
        known = _panel(name)
        full = {s: facts | _facts(s, facts, known.get(s)) for s, facts in scores.items()}
        panels[name] = panel | {"scores": full, MARK: True}
    return results | {"panel": panels}


def original(results: Mapping[str, Any]) -> dict[str, Any]:
    """What `complete` was given."""
    panels = {}
    for name, panel in results["panel"].items():
        if panel.get(MARK):
            scores = {
                score: {key: value for key, value in facts.items() if key not in FACTS}
                for score, facts in panel["scores"].items()
            }
            panel = {key: scores if key == "scores" else panel[key] for key in panel if key != MARK}
        panels[name] = panel
    return {**results, "panel": panels}


def _panel(name: str) -> Mapping[str, Any]:
    """The scores of a panel as its file describes them now; none without such a file."""
    from mu.results.panel import describe_panel  # NumPy and Hydra, which few pages need

    try:
        file = choices("evaluation")[name]
        scores: Mapping[str, Any] = describe_panel(read_yaml(file))["scores"]
    except (KeyError, UsageError):  # kept results are read whatever became of their panel
        return {}
    return scores


def _facts(score: str, facts: Mapping[str, Any], known: Mapping[str, Any] | None) -> dict[str, Any]:
    if known:
        return {fact: known[fact] for fact in FACTS}
    from mu.evaluation.signals import PARTS

    family, public = facts.get("kind", "forgetting"), f"score/{score}"
    return {"family": family, "public": public, "complement": False, "reads": list(PARTS)}
