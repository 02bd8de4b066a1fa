"""What each verb of the command line does."""

import asyncio
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from rich.console import Console

from mu.choices import choices, read_yaml, summary, unknown
from mu.config import Experiment, load_experiment
from mu.errors import UsageError
from mu.pipeline import Cell, run_cells
from mu.pool import check_compute, make_pool
from mu.reporting.progress import Display
from mu.runner import Runner, Waiting
from mu.store import Store, default_root
from mu.words import parse_words

KINDS = {
    "methods": "method",
    "metrics": "evaluation",
    "datasets": "data",
    "models": "model",
    "experiments": "experiment",
}


def experiment_of(words: list[str]) -> tuple[Experiment, Path]:
    """The experiment the words describe, and where its results go.

    Raises:
        UsageError: No experiment named, or a word is wrong.
    """
    given = parse_words(words)
    if "experiment" not in given:
        names = ", ".join(choices("experiment"))
        raise UsageError(f"name an experiment: experiment=NAME; there are: {names}")
    others = [w for w in words if w.partition("=")[0] not in ("experiment", "out")]
    experiment = load_experiment(given["experiment"], others)
    return experiment, Path(given.get("out") or Path("results") / experiment.name)


def cells_of(experiment: Experiment, runner: Runner) -> list[Cell]:
    """Every (block, request, pair) of an experiment."""
    return [
        Cell(runner, index, block, request, pair)
        for index, block in enumerate(experiment.blocks)
        for request in block.requests
        for pair in range(len(block.seeds))
    ]


def run(words: list[str]) -> int:
    """``mu run``: every step, the table, the report; 1 when a cell failed."""
    from mu.reporting.report import print_report, write_report
    from mu.reporting.results import collect

    experiment, out = experiment_of(words)
    command = "mu run " + shlex.join(w for w in words if not w.startswith(("out=", "compute")))
    errors = Console(stderr=True)
    with folder_for(out):
        store = Store(default_root())
        pool = make_pool(store, experiment.compute)
        try:
            with Display(errors, experiment.compute["progress"]) as display:
                runner = Runner(store, pool, display)
                cards = asyncio.run(run_cells(cells_of(experiment, runner)))
        finally:
            pool.close()
    for card in cards:
        card["command"] = command
    results = collect(experiment, cards, command)
    write_report(results, out)
    print_report(results, Console())
    said = [*warnings_of(experiment), *(w for card in cards for w in card["warnings"])]
    for message in dict.fromkeys(said):
        errors.print(f"warning: {message}", style="yellow", highlight=False, soft_wrap=True)
    ran, cached = (sum(runner.counts[name].values()) for name in ("run", "cached"))
    print(f"{ran} steps run, {cached} found in the store; report: {out / 'report.html'}")
    failed = [card for card in cards if card["error"]]
    if failed:
        print(f"mu: {len(failed)} of {len(cards)} rows failed", file=sys.stderr)
    return 1 if failed else 0


def warnings_of(experiment: Experiment) -> list[str]:
    """What the configuration itself makes doubtful."""
    if not any(block.config["recipe"].get("checkpoint") for block in experiment.blocks):
        return []
    return [
        "recipe.checkpoint starts the oracles too: they are oracles only if what the checkpoint "
        "was trained on holds none of the forgotten data"
    ]


@contextmanager
def folder_for(out: Path) -> Iterator[None]:
    """Make the folder of results before anything is computed; bad usage leaves no new folder.

    Raises:
        UsageError: It cannot be made or written.
    """
    new = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".probe").touch()
        (out / ".probe").unlink()
    except OSError as error:
        raise UsageError(f"out={out} cannot be written ({error.strerror})") from error
    try:
        yield
    except UsageError:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise


def plan(words: list[str]) -> int:
    """``mu plan``: what is cached, what is to run, what waits for a selection."""
    experiment, _ = experiment_of(words)
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
    total, known = 0.0, True
    for step in ("describe", "select", "fit", "unlearn", "predict", "score"):
        minutes, complete = expected_minutes(runner, step)
        total, known = total + minutes, known and complete
        shown = f"{minutes:.1f}" if complete else "?"
        print(
            f"{step:<10}{runner.counts['cached'][step]:>8}{runner.counts['run'][step]:>8}{shown:>9}"
        )
    if known:
        workers = max(experiment.compute["workers"], 1)
        print(f"about {total / workers:.1f} minutes with {workers} workers")
    else:
        print("? no step like these has run with this store yet")
    if waiting:
        print(f"{sum(waiting.values())} cells wait for a selection: {', '.join(waiting)}")
    return 0


def expected_minutes(runner: Runner, step: str) -> tuple[float, bool]:
    """Minutes the missing jobs of a step should take, and whether all were ever timed."""
    timed = runner.store.seconds(step)
    missing = {f: n for (name, f), n in runner.families.items() if name == step}
    minutes = sum(n * median(timed[f]) / 60 for f, n in missing.items() if f in timed)
    return minutes, all(family in timed for family in missing)


def list_choices(what: str) -> int:
    """``mu list``: names with one line each.

    Raises:
        UsageError: Not something that can be listed.
    """
    if what not in KINDS:
        raise unknown("list", what, KINDS)
    if what == "metrics":
        return list_metrics()
    found = choices(KINDS[what])
    width = max(map(len, found), default=0)
    for name, path in found.items():
        text = summary(path)
        print(f"{name:<{width}}  {text.removeprefix(f'{name}: ')}")
    return 0


def list_metrics() -> int:
    """The scores of each panel, with what they are called in tables."""
    from mu.evaluation.scoring import describe_panel

    for panel, path in choices("evaluation").items():
        print(f"{panel}: {summary(path)}")
        config = read_yaml(path)
        for name, facts in describe_panel(config)["scores"].items():
            star = "*" if facts["headline"] else " "
            print(f"  {star} {name:<20} {facts['kind']:<11} {facts['title']}")
    print("* decides the verdict")
    return 0


def report(folder: str) -> int:
    """``mu report DIR``: tables and page from the cards of an earlier run.

    Raises:
        UsageError: No folder named, or it holds no results.
    """
    from mu.reporting.report import print_report, read_results, write_report
    from mu.reporting.results import tabulated

    if not folder:
        raise UsageError("name the folder of a run: mu report DIR")
    results = tabulated(read_results(Path(folder)))
    write_report(results, Path(folder))
    print_report(results, Console())
    return 0
