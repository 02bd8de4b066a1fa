"""Which artifacts of a store the results in a folder rest on."""

import asyncio
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from mu.configuration.words import spelled_out
from mu.errors import MuError, UsageError
from mu.results.results import Results, read_results
from mu.storing.inventory import KEY, Entry
from mu.storing.store import Store

MADE = ("describe", "select", "fit", "unlearn")  # named by cards; all else is derived from these


def needed(store: Store, folder: Path) -> set[str]:
    """Keys of everything the results of a folder rest on.

    Those its cards name, those their command leads to with the code as it is now, and of artifacts
    that note their inputs whatever those were made from, or was computed from nothing else. What
    is left out are signals and scores that older code made and that note no inputs.

    Raises:
        UsageError: The folder holds no results, or neither its cards nor its command lead to the
            models they were made with.
    """
    results = read_results(folder)
    cards = [card for card in results.cards if not card.error]
    planned = planned_keys(store, results)
    found = set(_keys([[asdict(card.keys), card.learner] for card in cards]))
    silent = {card.learner for card in cards if card.learner and not card.keys.learner}
    if silent - planned:
        raise UsageError(
            f"the cards of {folder} name neither their oracles nor their signals, and "
            f"{results.command!r} leads to other models now; run it again"
        )
    return closure(found | planned, list(store.entries()))


def _keys(value: object) -> Iterator[str]:
    """Every store key anywhere in a value."""
    if isinstance(value, str) and KEY.fullmatch(value):
        yield value
    elif isinstance(value, dict):
        yield from _keys(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _keys(one)


def words_of_command(results: Results) -> list[str]:
    """The words after ``mu run`` in the command that results were made by.

    Raises:
        UsageError: They do not say how they were made.
    """
    try:
        words = shlex.split(results.command if isinstance(results.command, str) else "")
    except ValueError:
        words = []
    if words[:2] != ["mu", "run"]:
        raise UsageError(f"the results do not say by which 'mu run' (command: {words})")
    return [word for word in words[2:] if not word.startswith("out=")]


def planned_keys(store: Store, results: Results) -> set[str]:
    """Keys of the finished steps of the command of results; none where it cannot be followed."""
    from mu.running.runner import Runner, Waiting
    from mu.verbs.cells import cells_of, experiment_of

    runner = Runner(store, None)
    runner.plan = None  # not even the cheap steps are run

    async def look() -> None:
        words = spelled_out(words_of_command(results))
        experiment, _ = experiment_of(words, source="the command of the results")
        for cell in cells_of(experiment, runner):
            with suppress(Waiting):
                await cell.cards()

    with suppress(MuError):
        asyncio.run(look())
    return set(runner.steps) - runner.missing


def closure(keys: Iterable[str], known: Sequence[Entry]) -> set[str]:
    """Add what the keys were made from, and what was derived from nothing but them.

    Follows the ``inputs`` that manifests note; artifacts without are left out.
    """
    inputs = {entry.key: set(_keys(entry.manifest.get("inputs"))) for entry in known}
    derived = {entry.key for entry in known if entry.step not in MADE and inputs[entry.key]}
    found: set[str] = set()
    new = set(keys)
    while new:
        found |= new
        new = {parent for key in new for parent in inputs.get(key, ())}
        new |= {key for key in derived if inputs[key] <= found}
        new -= found
    return found
