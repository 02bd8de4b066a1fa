"""One card of many, by what it is about."""

from collections.abc import Sequence

from mu.errors import UsageError
from mu.results.card import Card


def card_of(
    cards: Sequence[Card],
    method: str,
    pair: int = 0,
    request: str | None = None,
    step: int | None = None,
    block: int | None = None,
) -> Card:
    """The card of one row of one pair.

    Args:
        cards: All of them.
        method: Name of the row.
        pair: Its number, from 0.
        request: Name of the forget set; by default the first that the row has.
        step: Of requests in a row, from 0; by default the last.
        block: Number of the block of the experiment; by default the first that the row has.

    Raises:
        UsageError: There is no such card; the message has those that there are.
    """
    asked = {"method": method, "request": request, "block": block, "pair": pair}
    found = list(cards)
    for name, value in asked.items():
        known = list(dict.fromkeys(getattr(card, name) for card in found))
        if value is None and known:
            value = known[0]
        if value not in known:
            raise UsageError(f"no card has {name}={value!r}; there are {known}")
        found = [card for card in found if getattr(card, name) == value]
    steps = {card.step: card for card in found}
    if step is not None and step not in steps:
        raise UsageError(f"no card has step={step}; there are {sorted(steps)}")
    return steps[max(steps) if step is None else step]
