"""Where in an experiment a card, a row or a verdict belongs."""

from typing import NamedTuple


class Place(NamedTuple):
    """One step of one request of one block."""

    block: int
    request: str
    step: int
