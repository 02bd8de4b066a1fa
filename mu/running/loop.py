"""Running what is asynchronous to its end, wherever it is called."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mu.doors.interrupts import Interrupted, interrupt, interruptible

Result = TypeVar("Result")


def to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run`; where a loop runs already, as in a notebook, in a thread of its own.

    Example:
        >>> async def inner():
        ...     return 3
        >>> async def outer():
        ...     return to_the_end(inner())
        >>> asyncio.run(outer())
        3
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    begun: list[tuple[asyncio.Task[Any] | None, int]] = []

    async def noted() -> Result:
        begun.append((asyncio.current_task(), threading.get_ident()))
        return await work

    with interruptible(), ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, noted())
        try:
            return running.result()
        except (KeyboardInterrupt, Interrupted):  # reaches the main thread alone
            for task, beside in begun:
                interrupt(beside)  # a step that runs there in this moment
                if task:
                    task.get_loop().call_soon_threadsafe(task.cancel)
            raise
