"""Panels kept before they said everything about their scores, completed when they are read."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from mu.errors import UsageError
from mu.results.card import Facts

FACTS = ("family", "public", "complement", "reads")
MARK = "completed"  # of a panel whose facts are not of its file
Panels = Mapping[str, Facts]


def with_facts(panels: Panels) -> dict[str, Facts]:
    """The same panels, every score with its `FACTS`.

    They come from the panel of that name as it is now, those of a score that has left it from the
    other panels. A score that none has is taken to be plain, and to read every part: no search may
    look at what may be test data.
    """
    found = {}
    for name, panel in panels.items():
        scores = panel.get("scores", {})
        if all("family" in facts for facts in scores.values()):
            found[name] = panel
            continue
        own = _panel(name)
        known = {**_elsewhere(), **own} if own else {}
        full = {s: {**facts, **_facts(s, facts, known.get(s))} for s, facts in scores.items()}
        found[name] = {**panel, "scores": full, MARK: True}
    return found


def original(panels: Panels) -> dict[str, Facts]:
    """What `with_facts` was given."""
    found = {}
    for name, panel in panels.items():
        if panel.get(MARK):
            scores = {
                score: {key: value for key, value in facts.items() if key not in FACTS}
                for score, facts in panel["scores"].items()
            }
            panel = {key: scores if key == "scores" else panel[key] for key in panel if key != MARK}
        found[name] = panel
    return found


@cache
def _elsewhere() -> Mapping[str, Any]:
    """The scores of all panels there are now."""
    from mu.configuration.choices import choices

    return {score: facts for name in choices("evaluation") for score, facts in _panel(name).items()}


@cache
def _panel(name: str) -> Mapping[str, Any]:
    """The scores of a panel as its file describes them now; none without such a file."""
    from mu.configuration.compose import composed
    from mu.results.panel import describe_panels  # NumPy and Hydra

    try:
        found = describe_panels(name, composed({"evaluation": name})["evaluation"])
    except UsageError:  # kept results are read whatever became of their panel
        return {}
    return {score: facts for one in found.values() for score, facts in one["scores"].items()}


def _facts(score: str, facts: Facts, known: Facts | None) -> dict[str, Any]:
    if known:
        return {fact: known[fact] for fact in FACTS}
    from mu.evaluation.signals import PARTS  # NumPy, which few pages need

    family, public = facts.get("kind", "forgetting"), f"score/{score}"
    return {"family": family, "public": public, "complement": False, "reads": list(PARTS)}
