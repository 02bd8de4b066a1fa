"""A bar for what takes longer than a moment; lines where there is no terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 5.0

Advance = Callable[[float], None]


@contextmanager
def bar(label: str, total: float) -> Iterator[Advance]:
    """Show how far something is; call what it yields with what was done since the last call.

    Args:
        label: What is going on.
        total: What the calls sum up to.
    """
    console = Console(stderr=True)  # so that tables can be piped
    if console.is_terminal:
        columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TimeRemainingColumn()
        with Progress(*columns, console=console, transient=True) as bars:
            task = bars.add_task(label, total=total or None)
            yield lambda amount: bars.advance(task, amount)
        return
    done, last = 0.0, time.monotonic()

    def advance(amount: float) -> None:
        nonlocal done, last
        done += amount
        if time.monotonic() - last > QUIET_SECONDS:
            last = time.monotonic()
            share = f" {100 * done / total:.0f} %" if total else ""
            console.print(f"{label}:{share}", highlight=False, soft_wrap=True)

    yield advance
