"""``mu plan``: what a run would do and how long it would take, before it starts."""

import asyncio
from collections import Counter
from statistics import median

from rich.console import Console

from mu.configuration.words import spelled_out
from mu.running.jobs import Job
from mu.running.pool import check_compute
from mu.running.runner import Runner, Waiting
from mu.storing.store import Store, default_root
from mu.verbs.cells import cells_of, experiment_of

STEPS = [
    "describe",
    "holdout",
    "select",
    "load",
    "fit",
    "prepare",
    "unlearn",
    "predict",
    "score",
    "trunk",
    "gallery",
]
RARE = ("holdout", "load", "prepare", "trunk", "gallery")


def command(words: list[str]) -> int:
    """``mu plan``: what is cached, what is to run, what waits for a selection."""
    experiment, _ = experiment_of(spelled_out(words))
    check_compute(experiment.compute)
    runner = Runner(Store(default_root()), None)
    waiting = Counter[str]()

    async def look() -> None:
        for cell in cells_of(experiment, runner):
            try:
                await cell.cards()
            except Waiting:
                waiting[cell.request] += 1

    asyncio.run(look())
    print(f"{'step':<10}{'cached':>8}{'to run':>8}{'minutes':>9}")
    total, marks = 0.0, set()
    for step in STEPS:
        cached, to_run = (runner.counts[name][step] for name in ("cached", "run"))
        if step in RARE and not cached + to_run:
            continue
        minutes, mark = expected_minutes(runner, step)
        total += minutes
        marks.add(mark)
        shown = "?" if mark == "?" and not minutes else f"{mark}{minutes:.1f}"
        print(f"{step:<10}{cached:>8}{to_run:>8}{shown:>9}")
    workers = max(experiment.compute["workers"], 1)
    least = "at least" if "?" in marks else "about"
    print(f"{least} {total / workers:.1f} minutes with {workers} workers")
    if "~" in marks:
        print("~ from a few batches timed just now; ", end="")
    if "?" in marks:
        print("? no step like these has run with this store yet", end="")
    if marks - {""}:
        print()
    if "~" in marks and any(stops_early(job) for job in runner.examples.values()):
        print("training that stops at a plateau is counted with all its epochs")
    if waiting:
        print(f"{sum(waiting.values())} cells wait for a selection: {', '.join(waiting)}")
    return 0


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
        elif step == "fit":
            each, mark = fit_seconds(runner.examples[name, family]), mark or "~"
        else:
            each, mark = 0.0, "?"
        minutes += count * each / 60
    return minutes, mark


def stops_early(job: Job) -> bool:
    """Whether a job trains until a validation loss no longer falls."""
    return job.step == "fit" and bool((job.config.get("recipe") or {}).get("plateau"))


def fit_seconds(job: Job) -> float:
    """Seconds of a fit that never ran, from a few of its batches."""
    from mu.training.timing import expected_seconds

    with Console(stderr=True).status(f"timing a few batches: {job.label}"):
        return expected_seconds(job.config)
