"""``mu tune``: options of methods from validation forget sets that no table reports."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mu.configuration.choices import choices, read_yaml
from mu.configuration.experiment import Experiment, load_experiment
from mu.configuration.words import count_of, parse_words, spelled_out
from mu.errors import UsageError
from mu.reporting.progress import Display
from mu.running.pool import make_pool
from mu.running.runner import Runner
from mu.storing.store import Store, default_root
from mu.storing.whole_files import write_text
from mu.trust.wrong_shapes import in_one_line
from mu.tuning.record import check_writable, record_of, write_best
from mu.tuning.space import check_space
from mu.tuning.study import Search
from mu.tuning.trial import run_round
from mu.verbs.cells import check_method_options
from mu.verbs.folder import TUNE, folder_for
from mu.verbs.run import commit

OWN = ("experiment", "out", "trials", "write")


def command(words: list[str]) -> int:
    """``mu tune``: search, the table, the record; 1 when nothing could be tuned."""
    words = spelled_out(words)
    given = parse_words(words)
    if "experiment" not in given:
        raise UsageError("name an experiment, as in mu tune baselines_cifar10")
    trials = count_of("trials", given.get("trials", 20))
    if trials < 1:
        raise UsageError("trials=0: at least one is needed")
    write = given.get("write", True)
    if not isinstance(write, bool):
        raise UsageError(f"write={write} must be true or false")
    others = [word for word in words if word.partition("=")[0] not in OWN]
    with in_one_line(f"experiment {given['experiment']}, or what it chooses, holds what"):
        experiment = load_experiment(given["experiment"], others, tuning=True)
        check_method_options(experiment)
        searches = searches_of(experiment)
    if write:
        check_writable(sorted({search.method for search in searches}))
    out = Path(given.get("out") or Path("results") / experiment.name)
    about = {"experiment": experiment.name, "seeds": experiment.blocks[0].seeds}
    path = out / "tuning.json"
    with folder_for(out, TUNE):
        run_trials(experiment, searches, trials)
        record = record_of(searches, about | {"objective": "avg_gap", **commit()})
        show_best(searches)
        write_text(path, json.dumps(record, indent=1) + "\n")
    done = [search for search in searches if search.tried]
    for search in done if write else []:
        write_best(search, about)
    print(f"every trial: {path}")
    return 0 if done else 1


def searches_of(experiment: Experiment) -> list[Search]:
    """One search for each method, data set, model and kind of request.

    Raises:
        UsageError: No method of the experiment has anything to search.
    """
    found: dict[tuple[str, ...], Search] = {}
    for block in experiment.blocks:
        bases = dict.fromkeys(entry["base"] for entry in block.methods.values())
        for name in (base for base in bases if base is not None):
            config = read_yaml(choices("method")[name])
            space = check_space(name, config)
            fixed = [key for key in space if f"method.{key}" in block.settings.values]
            space = {key: given for key, given in space.items() if key not in fixed}
            for kind in dict.fromkeys(block.kinds.values()) if space else ():
                place = (name, kind, block.names["data"], block.names["model"])
                found.setdefault(place, Search(*place, config, space))
    if not found:
        raise UsageError("no method of the experiment has a section 'search' in its YAML")
    return list(found.values())


def run_trials(experiment: Experiment, searches: Sequence[Search], trials: int) -> None:
    """All trials, a round at a time; what is in the store is not run again."""
    errors = Console(stderr=True)
    names = sorted({search.method for search in searches})
    kinds = sorted({search.kind for search in searches})
    errors.print(
        f"{trials} trials of {len(names)} methods on requests of kind {', '.join(kinds)}",
        highlight=False,
    )
    store = Store(default_root())
    pool = make_pool(store, experiment.compute)

    async def rounds(display: Display) -> None:
        runner = Runner(store, pool, display)
        for number in range(1, trials + 1):
            start, before = time.monotonic(), runner.counts["run"].total()
            await run_round(experiment, searches, runner)
            if not display.show:
                continue
            minutes, left = (time.monotonic() - start) / 60, trials - number
            text = f"trial {number} of {trials} done"
            if left and runner.counts["run"].total() > before:
                text += f" in {minutes:.1f} minutes; about {left * minutes:.0f} more"
            errors.print(text, highlight=False)

    with closing(pool), Display(errors, experiment.compute["progress"]) as display:
        asyncio.run(rounds(display))


def show_best(searches: Sequence[Search]) -> None:
    """The table: default and best objective, and the options behind the best."""
    table = Table("method", "request", "default", "best", "options", box=None, pad_edge=False)
    for search in searches:
        if search.tried:
            numbers = [f"{one.objective:.3f}" for one in (search.tried[0], search.best)]
            options = ", ".join(f"{k}={short_value(v)}" for k, v in search.best.options.items())
        else:
            numbers, options = ["–", "–"], search.refused or ""
        table.add_row(search.method, search.kind, *numbers, options)
    Console(highlight=False).print("Average gap to the oracles on the tuning forget sets", table)


def short_value(value: Any) -> str:
    """A value in few characters."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
