"""``mu run``: an experiment from its words to its folder of results."""

import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from subprocess import run as run_process
from typing import Any

from rich.console import Console
from rich.text import Text

from mu.configuration.experiment import Experiment
from mu.configuration.words import spelled_out
from mu.forget_sets.files import write_selection
from mu.pipeline import run_cells
from mu.reporting.progress import Display
from mu.results.card import Card
from mu.results.format import printable
from mu.results.panel import describe_panels
from mu.results.results import Results, tabulated
from mu.results.words import ORIGINAL
from mu.running.full_disk import FULL
from mu.running.loop import to_the_end
from mu.running.pool import check_compute, make_pool
from mu.running.runner import Runner
from mu.running.seen_code import seen_code
from mu.storing.request_log import NAME, RequestLog
from mu.storing.store import Store, default_root
from mu.storing.whole_files import whole_file
from mu.verbs.cells import cells_of, experiment_of, warnings_of
from mu.verbs.folder import folder_for
from mu.verbs.overlap import overlaps
from mu.verbs.precision import slow_precision


@dataclass(frozen=True)
class Finished:
    """A run of an experiment that came to its end.

    Attributes:
        results: Its cards, rows and verdicts.
        warnings: What makes some of it doubtful.
        ran, cached: How many steps were run, and found in the store.
    """

    results: Results
    warnings: Sequence[str]
    ran: int
    cached: int

    @property
    def failed(self) -> list[Card]:
        """Rows that should have a result and have none."""
        return [card for card in self.results.cards if card.error and not card.refused]


def command(words: list[str], source: str = "") -> int:
    """``mu run``: every step, the table, the report; 1 when a cell failed.

    Args:
        words: After ``mu run``.
        source: Where they come from if they are somebody else's; see `experiment_of`.
    """
    words = spelled_out(words)
    experiment, out = experiment_of(words, source=source)
    sender, errors = sender_of(experiment), Console(stderr=True)
    for message in slow_precision(experiment):
        errors.print(Text(f"warning: {message}", "yellow"), soft_wrap=True)
    found = run_experiment(experiment, command_of(words), out, errors, tables=Console())
    for message in found.warnings:
        text = Text(f"warning: {printable(message)}", "yellow")  # no markup: it may be a stranger's
        errors.print(text, soft_wrap=True)
    if sender is not None:
        ids = sender(found.results, experiment.track, out)
        print(f"{len(ids)} W&B runs written")
    print(
        f"{found.ran} steps run, {found.cached} found in the store; report: {out / 'report.html'}"
    )
    if found.failed:
        full = next((f": {e}" for c in found.failed if (e := c.error or "").startswith(FULL)), "")
        few = f"mu: {len(found.failed)} of {len(found.results.cards)} rows failed"
        print(few + printable(full), file=sys.stderr)
    return 1 if found.failed else 0


def command_of(words: Sequence[str]) -> str:
    """What is typed to compute the same numbers; where they go and run is left out."""
    return "mu run " + shlex.join(w for w in words if not w.startswith(("out=", "compute")))


def run_experiment(
    experiment: Experiment,
    command: str,
    out: Path | None,
    console: Console,
    tables: Console | None = None,
) -> Finished:
    """Run all steps of an experiment that the store does not have, and write what it leaves.

    The command line and Python run experiments by this one function.

    Args:
        experiment: What to run.
        command: How it is run again, for the cards.
        out: Where results go; None writes no file but those of the store.
        console: Where progress is shown.
        tables: Where the tables are printed, before a file of results is written.

    Raises:
        UsageError: A word or value is wrong, or the folder cannot be written.
    """
    from mu.reporting.drawn import drawn_page
    from mu.reporting.pictures.tuning import with_tuning
    from mu.reporting.report import print_report, write_report

    check_compute(experiment.compute)
    with folder_for(out) if out else nullcontext():
        store = Store(default_root())
        pool = make_pool(store, experiment.compute)
        with closing(pool), Display(console, experiment.compute["progress"]) as display:
            runner = Runner(store, pool, display, RequestLog(out / NAME) if out else None)
            with seen_code(store):
                cards = to_the_end(run_cells(cells_of(experiment, runner)))
        made_by = {"command": command, **commit()}
        cards = [replace(card, **made_by) for card in cards]
        results = collect(experiment, cards, command, store)
        if out:
            results = with_tuning(results, out)
        if tables:
            print_report(results, tables)
            tables.file.flush()
        if out:
            write_forget_sets(store, cards, out / "forget_sets")
            write_report(results, out, partial(drawn_page, store=store))
    warnings = [*warnings_of(experiment), *(w for card in cards for w in card.warnings)]
    ran, cached = (sum(runner.counts[name].values()) for name in ("run", "cached"))
    return Finished(results, list(dict.fromkeys(warnings)), ran, cached)


def collect(experiment: Experiment, cards: Sequence[Card], command: str, store: Store) -> Results:
    """The content of results.json: an experiment's cards, its panels, rows and verdicts."""
    found = Results(
        experiment=experiment.name,
        title=experiment.title,
        description=experiment.description,
        command=command,
        panels={
            name: panel
            for block in experiment.blocks
            for name, panel in describe_panels(
                block.names["evaluation"], block.config["evaluation"]
            ).items()
        },
        cards=cards,
        classes=classes_of(store, cards),
        overlaps=overlaps(experiment.blocks, store, cards),
        compare=experiment.compare,
    )
    return tabulated(found)


def sender_of(experiment: Experiment) -> Callable[..., list[str]] | None:
    """What mirrors the cards once they are there; None without tracking.

    Raises:
        UsageError: Tracking is asked for and wandb is not installed: said before anything runs.
    """
    if experiment.track["service"] is None:
        return None
    from mu.tracking.track import require, send

    require(experiment.track)
    return send


def commit() -> dict[str, Any]:
    """The commit of this checkout of mu, and whether files differ from it; None outside git."""
    here = Path(__file__).parents[1]

    def git(*words: str) -> str | None:
        try:
            found = run_process(["git", *words], cwd=here, capture_output=True, text=True)
        except OSError:
            return None
        return found.stdout.strip() if found.returncode == 0 else None

    if not git("ls-files", "__init__.py"):  # installed, perhaps inside somebody else's checkout
        return {"commit": None, "dirty": False}
    return {
        "commit": git("rev-parse", "--short", "HEAD"),
        "dirty": bool(git("status", "--short", "--untracked-files=no")),
    }


def classes_of(store: Store, cards: Sequence[Card]) -> dict[str, list[str] | None]:
    """Names of the classes of each data set, where it has names."""
    described = {card.data: card.keys.data for card in cards if card.keys.data}
    return {
        name: store.facts("describe", key).get("class_names") for name, key in described.items()
    }


def write_forget_sets(store: Store, cards: Sequence[Card], folder: Path) -> None:
    """One text file of ids for each selection, to be requested again or handed to others."""
    several = len({card.block for card in cards}) > 1
    for card in cards:
        key = card.keys.selection
        if card.method != ORIGINAL or key is None:
            continue
        block = f"{card.block}_" if several else ""
        step = f"_{card.step + 1}" if card.steps > 1 else ""
        path = folder / f"{block}{card.request}_{card.pair}{step}.txt"
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            write_selection(store.load("select", key), card.fingerprint or "", partial)
