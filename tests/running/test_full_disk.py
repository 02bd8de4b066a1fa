"""A full disk: told from other failures, and the end of all that has not begun."""

import asyncio
import errno

import pytest

from mu.errors import StepFailed
from mu.running.full_disk import DiskFull, is_full
from mu.running.jobs import Job, transferable
from mu.running.pool import InlinePool, LocalPool
from mu.storing.store import Store

STEPS = """
import errno
from pathlib import Path
from mu.artifact import Artifact

def full(config, inputs, progress):
    Path(config["begun"]).open("a").write("x")
    raise OSError(errno.ENOSPC, "No space left on device")
"""


def test_a_full_disk_is_told_from_other_failures():
    wrapped = RuntimeError("the file was not written")
    wrapped.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    library = RuntimeError("I/O error: No space left on device (os error 28)")
    for error in (OSError(errno.ENOSPC, "x"), wrapped, library):
        assert is_full(error)
        assert type(transferable(error)) is DiskFull
        assert str(transferable(error)).startswith("the disk is full: ")
    assert type(transferable(OSError(errno.EACCES, "x"))) is StepFailed


def test_errors_that_are_each_others_cause_are_looked_at_once():
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_full(one)


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_begins_once_the_disk_is_full(tmp_path, monkeypatch, workers):
    (tmp_path / "fullsteps.py").write_text(STEPS)
    (tmp_path / "torch.py").write_text("def set_num_threads(number): pass\n")  # for the worker
    monkeypatch.syspath_prepend(tmp_path)
    store = Store(tmp_path / "store")
    pool = LocalPool(store, [{}] * workers) if workers else InlinePool(store)
    config = {"begun": str(tmp_path / "begun")}

    async def every():
        jobs = [Job("fit", f"k{n}", "fullsteps:full", config) for n in range(3)]
        work = (pool.run(job, lambda done, total: None) for job in jobs)
        return await asyncio.gather(*work, return_exceptions=True)

    failed = asyncio.run(every())
    pool.close()
    assert [type(one) for one in failed] == [DiskFull] * 3
    assert len({str(one) for one in failed}) == 1
    assert (tmp_path / "begun").read_text() == "x"
