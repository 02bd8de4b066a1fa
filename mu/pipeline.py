"""The whole path as one fold: fit → select → unlearn → predict → score → card.

Nothing here asks which modality the data have: elements, views and signals are all it knows. What
decides the result of each step is in `mu.steps`.
"""

from asyncio import gather
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from mu.card import Values, make_card
from mu.configuration.experiment import Block
from mu.errors import CellFailed, UsageError
from mu.evaluation.derived import derived_values, oracle_mean, reads_twin
from mu.results.card import Card
from mu.results.words import NULL, ORACLE, ORIGINAL, RANDOM
from mu.running.jobs import Ref
from mu.running.runner import Runner
from mu.steps import Comparison, Scored, State, Steps

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
        self.block, self.request, self.pair = block, request, pair
        self.steps = Steps(run, block, request, pair, index)
        self.rows = [ORIGINAL, RANDOM, ORACLE, *([NULL] if block.null else []), *block.methods]
        self.number = 0  # of the request that the fold is at
        self.notes: list[str] = []  # on where training starts

    async def cards(self) -> list[Card]:
        """Cards of every row after every request; where the fold stops, rows with the reason."""
        cards: list[Card] = []
        try:
            async for found in self.fold():
                cards += found
        except CellFailed as error:
            cards += [make_card(self.steps, row, self.number, failure=error) for row in self.rows]
        return cards

    async def fold(self) -> AsyncIterator[list[Card]]:
        """Forget one request after the other; cards of all rows after each that has oracles.

        Each request starts from the state that the last one left (``sequence: chain``) or from the
        original, with everything asked so far (``cumulative``).
        """
        do = self.steps
        await do.describe()
        await self.ask()
        original = State(await do.original())
        untrained = await do.fit([], do.seed, epochs=0)
        states: dict[str, State | CellFailed] = dict.fromkeys(self.block.methods, original)
        removed: tuple[Ref, ...] = ()
        scored = self.block.scored_steps(self.request)
        for number, request in enumerate(self.block.requests[self.request]):
            self.number = number
            selection = await do.select(request, removed)
            after = (*removed, selection)
            judged = after if number in scored else ()
            oracles, twin, null, results = await gather(
                do.oracles(judged, number + 1),
                self.retrained(judged, [do.seed] if self.asks_twin else []),
                attempt(self.retrained(judged, [do.null_seed] if self.block.null else [])),
                gather(
                    *(
                        attempt(self.unlearned(m, s, removed, selection, original))
                        for m, s in states.items()
                    )
                ),
            )
            states = dict(zip(states, results, strict=True))
            removed = after
            if number not in scored:
                continue
            random = State(untrained, after)
            rows: dict[str, State | CellFailed] = {ORIGINAL: original, RANDOM: random}
            if self.block.null:
                rows[NULL] = null if isinstance(null, CellFailed) else null[0]
            peers = Comparison(number, selection, original, random, oracles, *twin)
            yield await self.scored(peers, rows | states)

    @property
    def asks_twin(self) -> bool:
        """Whether something is held against the retrained model of the original's own seed."""
        asked = reads_twin(self.block.config["evaluation"]) and not self.block.oracle_files
        return asked or self.steps.analytic

    async def retrained(self, removed: Sequence[Ref], seeds: Sequence[int]) -> list[State]:
        """A model of each seed, trained without what was removed; none where nothing was."""
        fits = await gather(*(self.steps.fit(removed, seed) for seed in seeds if removed))
        return [State(fit, tuple(removed)) for fit in fits]

    async def unlearned(
        self,
        method: str,
        state: State | CellFailed,
        removed: Sequence[Ref],
        selection: Ref,
        original: State,
    ) -> State:
        """The state after a request, from the last one or from the original."""
        do = self.steps
        if isinstance(state, CellFailed):
            raise state
        if self.block.sequence == "chain" or not removed:
            found = await do.unlearn(method, state, removed, selection, original)
        else:
            both = await do.union((*removed, selection))
            found = await do.unlearn(method, original, (), both, original)
            found = replace(found, removed=(*removed, selection), past=(*state.past, found.learner))
        do.log(method, state if self.block.sequence == "chain" else original, selection, found)
        return found

    async def ask(self) -> None:
        """Select what needs no model, and read the user's files, before anything is trained.

        A wrong request, or a checkpoint that does not fit, then costs nothing.
        """
        before: tuple[Ref, ...] = ()
        requests = self.block.requests[self.request]
        self.notes = await self.steps.start()
        for file in self.block.checkpoints():
            for step in range(len(requests)):
                await self.steps.load(file, step + 1)
        await self.check_oracles()
        for request in requests:
            if self.steps.reads_models(request):
                return
            found = await attempt(self.steps.select(request, before))
            if isinstance(found, CellFailed):  # the fold comes to it, after what can be done
                return
            before = (*before, found)

    async def check_oracles(self) -> None:
        """Read the oracles that come from files.

        Raises:
            UsageError: Two of one forget set, or one of them and the original, are the same model.
        """
        first = {(await self.steps.original())[1]: "the original"} if self.block.original else {}
        for step in self.block.scored_steps(self.request) if self.block.oracle_files else ():
            seen = dict(first)
            for path in self.steps.oracle_paths(step + 1):
                _, key = await self.steps.load(path, step + 1)
                if key in seen:
                    raise UsageError(f"oracles: {path} holds the same model as {seen[key]}")
                seen[key] = path

    async def scored(
        self, request: Comparison, rows: Mapping[str, State | CellFailed]
    ) -> list[Card]:
        """Cards of all rows; each oracle is scored against the others, all else against all."""
        oracles, score = request.oracles, self.steps.score
        floor, same = await gather(
            gather(
                *(
                    score(request, one, [o for o in oracles if o is not one], left_out=True)
                    for one in oracles
                )
            ),
            self.twin_values(request),
        )
        if not all(one.values for one in floor):  # a plan, after a run that was stopped midway
            floor = [Scored({}) for _ in floor]
        found = await gather(*(attempt(score(request, s, oracles)) for s in rows.values()))
        values = [one.values for one in floor]
        for one in floor:
            others = [v for v in values if v is not one.values]
            one.values.update(self.derived(one, others, same, is_oracle=True))
        pictures = await self.steps.gallery(request.selection) if self.pair == 0 else {}

        def card(name: str, state: State | CellFailed, one: Scored | CellFailed) -> Card:
            failure = next((x for x in (state, one) if isinstance(x, CellFailed)), None)
            if isinstance(state, CellFailed) or isinstance(one, CellFailed):
                return make_card(self.steps, name, request.number, request, failure=failure)
            if name != ORACLE:
                one.values.update(self.derived(one, values, same))
            made = make_card(self.steps, name, request.number, request, state, one, values)
            return replace(made, gallery=pictures) if pictures and name == ORIGINAL else made

        cards = [card(n, s, v) for (n, s), v in zip(rows.items(), found, strict=True)]
        return [*cards, card(ORACLE, oracles[0], mean_of_oracles(floor))]

    async def twin_values(self, request: Comparison) -> Values | None:
        """Scores of the twin, where the panel asks for them."""
        if request.twin is None or not reads_twin(self.block.config["evaluation"]):
            return None
        return (await self.steps.score(request, request.twin, request.oracles)).values

    def derived(
        self,
        found: Scored,
        oracles: Sequence[Values],
        twin: Values | None,
        is_oracle: bool = False,
    ) -> Values:
        """Scores made of other scores; none in a plan, where there are no others."""
        panel = self.block.config["evaluation"]
        return derived_values(panel, found.values, oracles, is_oracle, twin) if found.values else {}


async def attempt(work: Awaitable[Result]) -> Result | CellFailed:
    """The result, or the reason why there is none, so that one row's failure stays in its row."""
    try:
        return await work
    except CellFailed as error:
        return error


def mean_of_oracles(floor: Sequence[Scored]) -> Scored:
    """Mean of each score over the oracles for which it is a number; details of the first."""
    values = [one.values for one in floor]
    return replace(floor[0], values={name: oracle_mean(name, values) for name in values[0]})


async def run_cells(cells: Sequence[Cell]) -> list[Card]:
    """Cards of all cells, run side by side; a usage error ends everything at once."""
    return [card for cards in await gather(*(cell.cards() for cell in cells)) for card in cards]
