"""The whole path as one fold: fit → select → unlearn → predict → score → card.

Nothing here asks which modality the data have: elements, views and signals are all it knows. What
decides the result of each step is in `mu.steps`.
"""

from asyncio import gather
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

from mu.card import Card, make_card
from mu.config import Block
from mu.errors import CellFailed
from mu.runner import Runner
from mu.steps import State, Steps

Result = TypeVar("Result")


class Cell:
    """One (block, request, pair): every method on the same sequence of requests.

    Args:
        run: Decides and runs steps.
        index: Number of the block.
        block: What to do.
        request: Name of the request; its configuration is a list, one entry a request in a row.
        pair: Number of the pair; ``block.seeds[pair]`` is its training seed.
    """

    def __init__(self, run: Runner, index: int, block: Block, request: str, pair: int) -> None:
        self.index, self.block, self.request, self.pair = index, block, request, pair
        self.steps = Steps(run, block, request, pair)
        self.rows = ["original", "random_weights", "oracle", *block.methods]

    async def cards(self) -> list[Card]:
        """Cards of every row after every request; where the fold stops, rows with the reason."""
        cards: list[Card] = []
        try:
            async for found in self.fold():
                cards += found
        except CellFailed as error:
            number = len(cards) // len(self.rows)
            cards += [make_card(self, row, number, failure=error) for row in self.rows]
        return cards

    async def fold(self) -> AsyncIterator[list[Card]]:
        """Forget one request after the other; cards of all rows after each."""
        do = self.steps
        await do.describe()
        original = State(await do.fit([], do.seed))
        untrained = await do.fit([], do.seed, epochs=0)
        states: dict[str, State | CellFailed] = dict.fromkeys(self.block.methods, original)
        removed: tuple[Any, ...] = ()
        for number, request in enumerate(self.block.requests[self.request]):
            selection = await do.select(request, removed)
            after = (*removed, selection)
            fits = await gather(*(do.fit(after, seed) for seed in do.oracle_seeds))
            oracles = [State(fit, after) for fit in fits]
            results = await gather(
                *(attempt(do.unlearn(m, s, removed, selection)) for m, s in states.items())
            )
            states = dict(zip(states, results, strict=True))
            rows = {"original": original, "random_weights": State(untrained, after), **states}
            yield await self.scored(number, rows, oracles, original, selection)
            removed = after

    async def scored(
        self,
        number: int,
        rows: dict[str, State | CellFailed],
        oracles: Sequence[State],
        original: State,
        selection: Any,
    ) -> list[Card]:
        """Cards of all rows; each oracle is scored against the others, all else against all."""
        floor = await gather(
            *(
                self.steps.score(one, [o for o in oracles if o is not one], original, selection)
                for one in oracles
            )
        )
        values = await gather(
            *(attempt(self.steps.score(s, oracles, original, selection)) for s in rows.values())
        )

        def card(name: str, state: State | CellFailed, found: Any) -> Card:
            failure = next((x for x in (state, found) if isinstance(x, CellFailed)), None)
            if failure is not None or isinstance(state, CellFailed):
                return make_card(self, name, number, selection, failure=failure)
            return make_card(self, name, number, selection, state, found, floor, oracles)

        cards = [card(n, s, v) for (n, s), v in zip(rows.items(), values, strict=True)]
        return [*cards, card("oracle", oracles[0], mean(floor))]


async def attempt(work: Awaitable[Result]) -> Result | CellFailed:
    """The result, or the reason why there is none, so that one row's failure stays in its row."""
    try:
        return await work
    except CellFailed as error:
        return error


def mean(values: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    """Mean of each score over the oracles for which it is a number."""
    found: dict[str, float | None] = {}
    for name in values[0]:
        known = [v for one in values if (v := one[name]) is not None]
        found[name] = sum(known) / len(known) if known else None
    return found


async def run_cells(cells: Sequence[Cell]) -> list[Card]:
    """Cards of all cells, run side by side; a usage error ends everything at once."""
    return [card for cards in await gather(*(cell.cards() for cell in cells)) for card in cards]
