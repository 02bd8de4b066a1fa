"""Which panel a request is judged by: one that takes whole classes away has scores of its own."""

from collections.abc import Mapping
from typing import Any

from mu.errors import UsageError

OF_CLASS = "of_class"  # the section of a panel for such requests
ADDED, REPLACED = ("scores", "margins"), ("headline", "decisive")
LINKS = {"mu.evaluation.graph", "mu.evaluation.attacks.links"}  # rooms of scores of link predictors
CLASSES = "mu.evaluation.accuracy"  # that of scores that count classes
Evaluation = Mapping[str, Any]


def judges_links(evaluation: Evaluation) -> bool:
    """Whether a panel has scores of link predictors."""
    return bool(_rooms(evaluation) & LINKS)


def counts_classes(evaluation: Evaluation) -> bool:
    """Whether a panel has accuracies of classes."""
    return CLASSES in _rooms(evaluation)


def _rooms(evaluation: Evaluation) -> set[str]:
    named = (evaluation.get("scores") or {}).values()
    return {str(score.get("_target_", "")).rpartition(".")[0] for score in named}


def panel_of(evaluation: Evaluation, whole_classes: bool) -> dict[str, Any]:
    """The panel for one kind of request, without the section ``of_class``.

    Where no sample of any forgotten class is retained, ``scores`` and ``margins`` of that section
    are added, and ``headline`` and ``decisive`` stand in place of the panel's own.

    Args:
        evaluation: The configuration of a panel.
        whole_classes: Whether the request leaves no sample of any class of D_f.

    Raises:
        UsageError: The section has another key.

    Example:
        >>> panel = {"scores": {"ua": 1}, "headline": ["ua"], "of_class": {"scores": {"s": 2}}}
        >>> panel_of(panel, False)
        {'scores': {'ua': 1}, 'headline': ['ua']}
        >>> panel_of(panel, True)
        {'scores': {'ua': 1, 's': 2}, 'headline': ['ua']}
    """
    own = evaluation.get(OF_CLASS) or {}
    for key in own:
        if key not in (*ADDED, *REPLACED):
            known = ", ".join((*ADDED, *REPLACED))
            raise UsageError(f"{OF_CLASS} of a panel has no key {key!r}; it may have {known}")
    base = {key: value for key, value in evaluation.items() if key != OF_CLASS}
    if not whole_classes:
        return base
    added = {key: {**(base.get(key) or {}), **own[key]} for key in ADDED if key in own}
    return base | {key: own[key] for key in REPLACED if key in own} | added


def panel_name(name: str, evaluation: Evaluation, whole_classes: bool) -> str:
    """What `panel_of` is called on cards and in results.

    Args:
        name: Of the panel.
        evaluation: Its configuration.
        whole_classes: As for `panel_of`.
    """
    return f"{name}, a class" if whole_classes and evaluation.get(OF_CLASS) else name


def panels_of(name: str, evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """All panels that a configuration holds, by what they are called.

    Raises:
        UsageError: As `panel_of`.
    """
    return {panel_name(name, evaluation, w): panel_of(evaluation, w) for w in (False, True)}
