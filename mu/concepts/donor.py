"""Which class lends its concept to the one that is forgotten."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from mu.concepts.ranking import top_concepts
from mu.errors import UsageError

Rule = Literal["confusion", "shared", "next"]


@dataclass(frozen=True)
class Donor:
    """A class and the concepts it is chosen by.

    Attributes:
        label: The class that lends.
        concept: Column of the concept that is looked for in images of the target.
        own: Column of the concept that is looked for in images of the donor: its first one.
        rule: The rule that chose it.
    """

    label: int
    concept: int
    own: int
    rule: Rule


def choose_donor(
    weights: NDArray[Any], target: int, allowed: Iterable[int] | None = None, top: int = 5
) -> Donor:
    """The donor class of a target by the weights of its concepts c₁ … c_top.

    *confusion*: a class whose first concept is c_i, lowest i first (ties: the larger weight);
    else *shared*: the class with the largest weight on c₁, where that is positive;
    else *next*: the next class in the list.

    Args:
        weights: (C, k) of `mu.concepts.ranking.bottleneck`.
        target: The class that is forgotten.
        allowed: Classes that may lend; None for all others.
        top: How many concepts of the target are looked at.

    Raises:
        UsageError: There is no such class, or no class may lend.

    Example:
        >>> import numpy as np
        >>> weights = np.array([[0.2, 0.9, 0.5], [0.1, 0.4, 0.8], [0.7, 0.3, 0.1]])
        >>> choose_donor(weights, target=0)
        Donor(label=1, concept=2, own=2, rule='confusion')
    """
    classes = len(weights)
    if not 0 <= target < classes:
        raise UsageError(f"target={target} is not one of the {classes} classes")
    others = sorted(set(range(classes) if allowed is None else allowed) - {target})
    if not others or others[0] < 0 or others[-1] >= classes:
        raise UsageError(f"donors {others} of class {target}: need some of the {classes} classes")
    first = top_concepts(weights, 1)[:, 0]
    own = top_concepts(weights[[target]], top)[0]
    for concept in own:
        same = [label for label in others if first[label] == concept]
        if same:
            label = max(same, key=lambda one: weights[one, concept])
            return Donor(label, int(concept), int(concept), "confusion")
    concept = int(own[0])
    label = max(others, key=lambda one: weights[one, concept])
    if weights[label, concept] > 0:
        return Donor(label, concept, int(first[label]), "shared")
    label = min(others, key=lambda one: (one - target) % classes)
    return Donor(label, concept, int(first[label]), "next")
