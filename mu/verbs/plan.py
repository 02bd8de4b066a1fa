"""``mu plan``: what a run would do and how long it would take, before it starts."""

import asyncio
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from statistics import median
from textwrap import wrap
from typing import Any

from rich.console import Console

from mu.configuration.experiment import Experiment
from mu.configuration.words import spelled_out
from mu.errors import UsageError
from mu.pipeline import run_cells
from mu.reporting.power import FEW, expected
from mu.reporting.progress import Display
from mu.results.card import Card
from mu.results.panel import describe_panels
from mu.results.power import power_of
from mu.results.results import agreed_panel
from mu.running.jobs import Job, transferable
from mu.running.machine import AUTO, workers_of, workers_said
from mu.running.pool import check_compute, make_pool
from mu.running.runner import Runner, Waiting
from mu.running.seen_code import seen_code
from mu.steps import OWN_FIT
from mu.storing.store import Store, default_root
from mu.verbs.cells import cells_of, experiment_of
from mu.verbs.precision import slow_precision

STEPS = [
    "describe",
    "activations",
    "holdout",
    "select",
    "load",
    "start",
    "fit",
    "prepare",
    "unlearn",
    "predict",
    "score",
    "trunk",
    "gallery",
]
WIDTH = 80
RARE = ("activations", "holdout", "load", "start", "prepare", "trunk", "gallery")


def command(words: list[str]) -> int:
    """``mu plan``: what is cached, what is to run, what waits, how many pairs are needed.

    Raises:
        UsageError: A word is wrong.
    """
    pilot = [word.partition("=")[2] for word in words if word.startswith("pilot=")]
    if pilot not in ([], ["true"], ["false"]):
        raise UsageError(f"pilot={pilot[-1]} must be true or false, once")
    words = [word for word in words if not word.startswith("pilot=")]
    experiment, _ = experiment_of(spelled_out(words))
    check_compute(experiment.compute)
    store = Store(default_root())
    failed = run_pilot(experiment, store) if pilot == ["true"] else []
    runner = Runner(store, None)
    waiting = Counter[str]()
    done: dict[tuple[int, str], list[Card]] = {}
    notes: dict[str, None] = {}

    async def look() -> None:
        for cell in cells_of(experiment, runner):
            try:
                cards = await cell.cards()
            except Waiting:
                waiting[cell.request] += 1
                continue
            finally:
                notes.update(dict.fromkeys(cell.notes))
            done.setdefault((cell.steps.index, cell.request), []).extend(cards)

    with seen_code(store):
        asyncio.run(look())
    show_steps(experiment, runner)
    for note in [*slow_precision(experiment), *notes]:
        print(note)
    if waiting:
        print(f"{sum(waiting.values())} cells wait for a selection: {', '.join(waiting)}")
    for line in power_lines(experiment, done):
        print(line)
    for why in failed:
        print(f"mu: pilot: {why}", file=sys.stderr)
    return 1 if failed else 0


def show_steps(experiment: Experiment, runner: Runner) -> None:
    """The table: what is cached, what is to run, and the minutes."""
    print(f"{'step':<12}{'cached':>8}{'to run':>8}{'minutes':>9}")
    total, marks = 0.0, set()
    for step in STEPS:
        cached, to_run = (runner.counts[name][step] for name in ("cached", "run"))
        if step in RARE and not cached + to_run:
            continue
        minutes, mark = expected_minutes(runner, step)
        total += minutes
        marks.add(mark)
        shown = "?" if mark == "?" and not minutes else f"{mark}{minutes:.1f}"
        print(f"{step:<12}{cached:>8}{to_run:>8}{shown:>9}")
    least, used = "at least" if "?" in marks else "about", used_here(experiment.compute)
    print(f"{least} {total / used[0]:.1f} minutes with {used[1]}")
    if "~" in marks:
        print("~ from a few batches timed just now; ", end="")
    if "?" in marks:
        print("? no step like these has run with this store yet", end="")
    if marks - {""}:
        print()
    if "~" in marks and any(stops_early(job) for job in runner.examples.values()):
        print("training that stops at a plateau is counted with all its epochs")


def run_pilot(experiment: Experiment, store: Store) -> list[str]:
    """Run the first two pairs of every request without methods.

    Returns:
        Why rows failed.
    """
    blocks = [
        replace(block, methods={}, seeds=block.seeds[:FEW], places=block.places[:FEW])
        for block in experiment.blocks
    ]
    small = replace(experiment, blocks=blocks)
    pool = make_pool(store, experiment.compute)
    console = Console(stderr=True)
    with closing(pool), Display(console, experiment.compute["progress"]) as display:
        cards = asyncio.run(run_cells(cells_of(small, Runner(store, pool, display))))
    return list(dict.fromkeys(card.error for card in cards if card.error))


def power_lines(
    experiment: Experiment, done: Mapping[tuple[int, str], Sequence[Card]]
) -> list[str]:
    """How many pairs each request needs, from the pairs that are finished.

    Args:
        experiment: What is planned.
        done: Cards by block and request, without values where steps are missing.
    """
    lines, unknown = [], []
    for index, block in enumerate(experiment.blocks):
        panels = describe_panels(block.names["evaluation"], block.config["evaluation"])
        for request in block.requests:
            cards = done.get((index, request), [])
            finished = [card for card in cards if card.values and card.oracle]
            last = max((card.step for card in finished), default=0)
            finished = [card for card in finished if card.step == last]
            power = power_of(finished, panels[agreed_panel(finished)]) if finished else None
            if power is None:
                unknown.append(request)
                continue
            step = f", step {last + 1}" if len(block.requests[request]) > 1 else ""
            lines.append(f"power: {request}{step}: {expected(power, len(block.seeds))}")
    if unknown:
        names = ", ".join(dict.fromkeys(unknown))
        lines.append(
            f"power: nothing known of {names}; pilot=true runs two pairs without methods to say "
            "about how many are needed"
        )
    return [part for line in lines for part in wrap(line, WIDTH, subsequent_indent="  ")]


def used_here(compute: Mapping[str, Any]) -> tuple[int, str]:
    """How many processes a run will have, and in words; of a cluster as many as are asked for."""
    if compute["launcher"] != "local":
        asked = compute["workers"] if compute["workers"] != AUTO else 0
        return max(asked, 1), f"{asked or 'all'} workers on {compute['launcher']}"
    return max(workers_of(compute), 1), workers_said(compute)


def expected_minutes(runner: Runner, step: str) -> tuple[float, str]:
    """Minutes the missing jobs of a step should take.

    Returns:
        The minutes, and "" where jobs like all of these were timed, "~" where fits never run
        before had a few batches timed now, "?" where the time of some is unknown and left out.
    """
    timed = runner.store.seconds(step)
    minutes, mark = 0.0, ""
    for (name, family), count in runner.families.items():
        if name != step:
            continue
        if family in timed:
            each = median(timed[family])
        elif step == "activations":
            each, mark = seconds_of_trunk(runner.examples[name, family]), mark or "~"
        elif step == "fit" and runner.examples[name, family].call != OWN_FIT:
            each, mark = fit_seconds(runner.examples[name, family]), mark or "~"
        else:
            each, mark = 0.0, "?"
        minutes += count * each / 60
    return minutes, mark


def seconds_of_trunk(job: Job) -> float:
    """Seconds that a trunk should take on all images, from a few of them."""
    from mu.training.timing import trunk_seconds

    with timing(f"timing a few images: {job.label}"):
        return trunk_seconds(job.config)


def stops_early(job: Job) -> bool:
    """Whether a job trains until a validation loss no longer falls."""
    return job.step == "fit" and bool((job.config.get("recipe") or {}).get("plateau"))


def fit_seconds(job: Job) -> float:
    """Seconds of a fit that never ran, from a few of its batches."""
    from mu.training.timing import expected_seconds

    with timing(f"timing a few batches: {job.label}"):
        return expected_seconds(job.config)


@contextmanager
def timing(what: str) -> Iterator[None]:
    """Says what is timed, and nothing of what libraries warn of.

    Raises:
        MuError: It fails, as it would in a run, with the reason in one line.
    """
    with Console(stderr=True).status(what), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as error:
            raise transferable(error) from error
