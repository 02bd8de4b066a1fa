"""What a run says while it goes: bars where there is a terminal, lines elsewhere."""

import time
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from mu.results.format import printable
from mu.running.jobs import Job
from mu.running.runner import Watcher

QUIET_SECONDS = 5.0
NOTEBOOK_SECONDS = 0.5


class Display(Watcher):
    """Progress of a run.

    Args:
        console: Where to say it (standard error, so that tables can be piped).
        show: Whether to show anything but messages.
    """

    def __init__(self, console: Console, show: bool = True) -> None:
        self.console, self.show = console, show
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self.tasks: dict[str, TaskID] = {}
        self.done = self.open = 0
        self.last = time.monotonic()
        self.total: TaskID | None = None
        self.shown: Any = None  # the line in a notebook
        self.quiet = NOTEBOOK_SECONDS if console.is_jupyter else QUIET_SECONDS

    def __enter__(self) -> "Display":
        # A notebook shows bars by ipywidgets; without them it gets lines, as a file does.
        widgets = self.console.is_jupyter and find_spec("ipywidgets") is not None
        if self.show and (self.console.is_terminal or widgets):
            self.bars.start()
            self.total = self.bars.add_task("steps", total=None, note="")
        return self

    def __exit__(self, *_error: object) -> None:
        if self.total is not None:
            self.bars.stop()
        if self.shown is not None:
            self._line(f"{self.done} steps done")

    def started(self, job: Job) -> None:
        self.open += 1
        if self.total is not None:
            task = self.bars.add_task(printable(job.label)[:40], total=None, note="", visible=False)
            self.tasks[job.key] = task
        self._tick(job)

    def progressed(self, job: Job, done: int, total: int) -> None:
        if job.key in self.tasks:
            self.bars.update(
                self.tasks[job.key],
                completed=done,
                total=total or None,
                note=f"{done}/{total}" if total else str(done),
                visible=True,
            )
        else:
            self._tick(job, f", {100 * done // total} %" if total else "")

    def finished(self, job: Job) -> None:
        self.open -= 1
        self.done += 1
        if job.key in self.tasks:
            self.bars.remove_task(self.tasks.pop(job.key))
        self._tick(job)

    def say(self, message: str) -> None:
        self.console.print(Text(printable(message), "yellow"), soft_wrap=True)

    def _tick(self, job: Job, note: str = "") -> None:
        if self.total is not None:
            text = f"{self.done} done, {self.open} waiting or running"
            self.bars.update(self.total, note=text)
        elif self.show and time.monotonic() - self.last > self.quiet:
            self._line(f"{self.done} steps done, {self.open} open: {printable(job.label)}{note}")

    def _line(self, text: str) -> None:
        """One more line; in a notebook the same one, written anew."""
        self.last = time.monotonic()
        if not self.console.is_jupyter:
            self.console.print(Text(text), soft_wrap=True)
            return
        from IPython.display import display

        shown = {"text/plain": text}
        if self.shown is None:
            self.shown = display(shown, raw=True, display_id=True)
        else:
            self.shown.update(shown, raw=True)
