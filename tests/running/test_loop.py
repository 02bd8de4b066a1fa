"""Asynchronous work ends wherever it is called."""

import asyncio
import threading

import pytest

from mu.running.loop import to_the_end


async def work(value):
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value, threading.current_thread() is threading.main_thread()


def test_without_a_loop_it_runs_here():
    assert to_the_end(work(3)) == (3, True)


def test_inside_a_loop_it_runs_beside_it():
    async def cell():
        return to_the_end(work(3))

    assert asyncio.run(cell()) == (3, False)


def test_what_fails_inside_a_loop_is_raised():
    async def cell():
        to_the_end(work(ZeroDivisionError("why")))

    with pytest.raises(ZeroDivisionError, match="why"):
        asyncio.run(cell())
