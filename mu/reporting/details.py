"""What cards hold beside scores: vectors over classes and samples, read with nothing assumed."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from mu.reporting.section import Section
from mu.results.card import Card, Facts
from mu.results.format import finite, printable
from mu.results.words import NOT_METHODS, ORACLE, ORIGINAL

Forgotten = tuple[int, ...]
Found = TypeVar("Found")


class Details:
    """The details of one section's cards, by pair and method.

    Old cards have none of them: every look-up then gives an empty mapping.

    Args:
        section: One step of one request.
    """

    def __init__(self, section: Section) -> None:
        self.section = section
        self._cards = {(card.pair, card.method): card for card in section.cards if not card.error}

    @cached_property
    def pairs(self) -> list[int]:
        """Numbers of the pairs with a result, upwards."""
        return sorted({pair for pair, _ in self._cards})

    @property
    def methods(self) -> list[str]:
        """Rows of pictures: the original, the oracle, then what was tried; no random weights."""
        tried = [m for m in self.section.methods if m not in NOT_METHODS]
        return [m for m in (ORIGINAL, ORACLE) if m in self.section.methods] + tried

    def card(self, pair: int, method: str) -> Card | None:
        """A card, None where there is none or it failed."""
        return self._cards.get((pair, method))

    def of(self, pair: int, method: str, name: str) -> Facts:
        """One entry of a card's ``details``, empty where there is none."""
        card = self.card(pair, method)
        return (card.details.get(name) if card else None) or {}

    def by_method(self, read: Callable[[Card], Found]) -> dict[str, list[Found]]:
        """What is read from the cards of each method, pair by pair, where there is anything."""
        found: dict[str, list[Found]] = {}
        for method in self.methods:
            cards = [card for pair in self.pairs if (card := self.card(pair, method))]
            if own := [one for card in cards if (one := read(card))]:
                found[method] = own
        return found

    def forgotten(self, pair: int) -> Forgotten:
        """Labels of the classes that one pair forgot entirely.

        Cards name them as ``gone`` beside the destinations. Where they do not, they are the labels
        of the forgotten samples, given that test images of forgotten classes were counted at all.
        """
        found: set[int] = set()
        for method in self.section.methods:
            where = self.of(pair, method, "destinations")
            if isinstance(where.get("gone"), Sequence):
                return tuple(sorted(where["gone"]))
            if where.get("test"):
                found.update(self.of(pair, method, "samples").get("labels") or ())
        return tuple(sorted(found))

    def source(self, pair: int) -> int | None:
        """The one class that all forgotten samples of a pair come from; None if from several."""
        found: set[int] = set()
        for method in self.section.methods:
            found.update(self.of(pair, method, "samples").get("labels") or ())
        return found.pop() if len(found) == 1 else None

    def class_name(self, label: int) -> str:
        """The name of a class, or ``class 3`` where classes have none."""
        known = self.section.classes
        return known[label] if 0 <= label < len(known) else f"class {label}"

    def class_names(self, labels: Sequence[int]) -> str:
        """Names of several classes in a row of words."""
        return ", ".join(map(self.class_name, labels))


def by_label(entry: Facts, name: str) -> dict[int, float]:
    """Numbers of one vector of an entry by their label; labels without a number are left out.

    >>> by_label({"labels": [3, 5], "test": [0.5, None]}, "test")
    {3: 0.5}
    """
    values = zip(entry.get("labels") or (), entry.get(name) or (), strict=False)
    return {int(c): number for c, value in values if (number := finite(value)) is not None}


def mean_by_label(found: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean of each label over the mappings that have it.

    >>> mean_by_label([{0: 1.0, 1: 0.5}, {0: 0.0}])
    {0: 0.5, 1: 0.5}
    """
    labels = sorted({label for one in found for label in one})
    values = {label: [one[label] for one in found if label in one] for label in labels}
    return {label: sum(known) / len(known) for label, known in values.items()}


def pair_title(pair: int) -> str:
    """How one pair is called where its own numbers are shown.

    >>> pair_title(0)
    'pair 0'
    """
    return f"pair {printable(pair)}"
