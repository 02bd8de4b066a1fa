"""Running what is asynchronous to its end, wherever it is called."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

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
    tasks: list[asyncio.Task[Any]] = []

    async def noted() -> Result:
        tasks.extend(filter(None, [asyncio.current_task()]))
        return await work

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, noted())
        try:
            return running.result()
        except KeyboardInterrupt:  # reaches the main thread alone
            for task in tasks:
                task.get_loop().call_soon_threadsafe(task.cancel)
            raise
