"""One round: a trial of every search, run as ordinary cells of the pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mu.configuration.compose import BlockChoices
from mu.configuration.experiment import Block, Experiment
from mu.configuration.rows import configured
from mu.pipeline import Cell, run_cells
from mu.results.card import Card
from mu.running.runner import Runner
from mu.tuning.study import WORST, Search, Tried


async def run_round(experiment: Experiment, searches: Sequence[Search], runner: Runner) -> None:
    """Ask every search for options, run them side by side, tell what came of it."""
    open_ = [search for search in searches if search.refused is None]
    asked = {id(search): search.ask() for search in open_}
    cells = []
    for index, block in enumerate(experiment.blocks):
        for request in block.requests:
            methods = {
                search.method: trial_row(block, search.method, asked[id(search)])
                for search in open_
                if serves(search, block, request)
            }
            if not methods:
                continue
            own = replace(block, methods=methods, null=False)
            pairs = range(len(block.seeds))
            cells += [Cell(runner, index, own, request, pair) for pair in pairs]
    cards = await run_cells(cells)
    for search in open_:
        own_cards = [
            card
            for card in cards
            if card.method == search.method
            and serves(search, experiment.blocks[card.block], card.request)
        ]
        failed = next((card for card in own_cards if card.error), None)
        if failed and failed.refused:
            search.refused = failed.error
        else:
            search.tell(tried(asked[id(search)], own_cards))


def serves(search: Search, block: Block, request: str) -> bool:
    """Whether a search is about this request of a block."""
    place = search.kind, search.data, search.model
    return place == (block.kinds[request], block.names["data"], block.names["model"])


def trial_row(block: Block, method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a method with the options of a trial."""
    groups = BlockChoices(block.names, block.settings)
    return configured((method, dict(options)), groups, block.kinds)


def tried(options: dict[str, Any], cards: Sequence[Card]) -> Tried:
    """The objective: mean of the average gap over all requests and pairs."""
    errors = [card.error for card in cards if card.error]
    gaps = [gap for card in cards if (gap := card.number("avg_gap")) is not None]
    if errors or not gaps or len(gaps) < len(cards):
        return Tried(options, WORST, errors[0] if errors else "no score")
    return Tried(options, sum(gaps) / len(gaps))
