"""Workers on other machines: how steps come to them, what is lost with them, how they end."""

import asyncio
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_case import MODULE, PATIENCE, STEPS, Processes, busy, job, outcomes
from steps_case import importable, write_steps

from mu.errors import StepFailed, UsageError
from mu.running import cluster as cluster_module
from mu.running.cluster import EVICTIONS, ClusterPool, Loss, names_of_this_machine
from mu.running.full_disk import FULL, DiskFull
from mu.running.joining import KEY, connect
from mu.running.pool import InlinePool, make_pool
from mu.storing.store import Store

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder of steps, first on the path of this process and of its workers."""
    folder = tmp_path_factory.mktemp("modules")
    with importable(folder, MODULE, STEPS) as patch:
        patch.setattr(cluster_module, "LOOK", 0.5)
        yield folder


@pytest.fixture
def cluster(modules, tmp_path):
    return Processes(Store(tmp_path / "store"))


@pytest.fixture
def pool(cluster):
    """Two workers at most, that are found under one name."""
    pool = ClusterPool(Store(cluster.folder.parents[1]), cluster, {"host": "127.0.0.1"})
    yield pool
    pool.close()
    for process in cluster.started.values():
        process.wait(timeout=PATIENCE)  # it leaves when the run does


def test_many_steps_are_few_workers_asked_for_together(pool, cluster):
    seen = []
    found = outcomes(pool, *(job("fine", n) for n in range(20)), progress=lambda *p: seen.append(p))
    assert found == [None] * 20
    assert cluster.asked == [[0, 1]]
    facts = [pool.store.facts("fit", f"fine{n}") for n in range(20)]
    assert [one["n"] for one in facts] == list(range(20))
    assert len({one["pid"] for one in facts} | {os.getpid()}) <= 3
    assert (1, 2) in seen


def test_a_step_that_is_ready_alone_asks_for_one_worker(pool, cluster):
    outcomes(pool, job("fine", 1))
    outcomes(pool, job("fine", 2))
    assert cluster.asked == [[0]]


def test_errors_come_back_as_what_they_are_and_the_worker_stays(pool, cluster):
    (wrong,) = outcomes(pool, job("wrong"))
    assert (type(wrong), str(wrong)) == (UsageError, "no such word")
    assert outcomes(pool, job("fine", 3)) == [None]
    assert cluster.asked == [[0]]


def test_the_step_of_a_worker_that_dies_is_tried_again_once(pool, tmp_path):
    assert outcomes(pool, job("die", 1, tries=str(tmp_path / "once"), deaths=1)) == [None]
    assert (tmp_path / "once").read_text() == "xx"
    (failed,) = outcomes(pool, job("die", 2, tries=str(tmp_path / "tries"), deaths=9))
    assert type(failed) is StepFailed
    assert "its worker died, 2 times; log: " in str(failed)
    assert (tmp_path / "tries").read_text() == "xx"
    assert outcomes(pool, job("fine", 4)) == [None]


def test_a_worker_that_was_taken_away_is_no_fault_of_the_step(pool, cluster, tmp_path):
    cluster.loss = Loss("ended (TIMEOUT)", evicted=True)
    assert EVICTIONS > 5
    assert outcomes(pool, job("die", 5, tries=str(tmp_path / "tries"), deaths=5)) == [None]


def test_a_step_whose_worker_was_cancelled_is_not_tried_again(pool, cluster, tmp_path):
    cluster.loss = Loss("ended (CANCELLED)", cancelled=True)
    (failed,) = outcomes(pool, job("die", 6, tries=str(tmp_path / "tries"), deaths=9))
    assert str(failed).startswith("its worker ended (CANCELLED); log: ")
    assert (tmp_path / "tries").read_text() == "x"


def test_workers_that_have_nothing_to_do_leave_and_come_when_needed(pool, cluster):
    pool.invitation = replace(pool.invitation, idle=0.2)
    outcomes(pool, job("fine", 7))
    cluster.started[0].wait(timeout=PATIENCE)
    assert outcomes(pool, job("fine", 8)) == [None]
    assert cluster.asked == [[0], [1]]


def test_a_refused_worker_is_bad_usage(pool, cluster):
    cluster.refusal = "invalid partition"
    refused = outcomes(pool, job("fine", 9), job("fine", 10))
    assert [(type(r), str(r)) for r in refused] == [(UsageError, "invalid partition")] * 2


def test_a_cluster_that_gives_no_more_is_worked_with_as_it_is(pool, cluster):
    assert outcomes(pool, job("fine", 11)) == [None]
    cluster.refusal = "too many jobs"
    assert outcomes(pool, *(job("fine", n) for n in range(12, 16))) == [None] * 4


def test_a_worker_that_never_comes_is_named_with_its_log(pool, cluster):
    cluster.command = "raise SystemExit(3)"
    (failed,) = outcomes(pool, job("fine", 17))
    assert type(failed) is UsageError
    assert str(failed) == f"a worker ended before it connected; log: {cluster.log(0)}"


def test_another_version_of_mu_is_refused(pool, cluster, monkeypatch):
    monkeypatch.setattr(cluster_module, "digest_of_mu", lambda: "other")
    (failed,) = outcomes(pool, job("fine", 18))
    assert type(failed) is UsageError
    assert "has another version of mu than" in str(failed)


def test_no_step_begins_on_a_full_disk(pool):
    pool.room.gone = f"{FULL}: no space"
    (failed,) = outcomes(pool, job("fine", 19))
    assert type(failed) is DiskFull


def test_a_result_that_is_not_seen_here_is_named(pool, monkeypatch):
    monkeypatch.setattr(cluster_module, "SEEN", 0.3)
    elsewhere = pool.store.root.with_name("elsewhere")
    pool.store = Store(elsewhere)
    (failed,) = outcomes(pool, job("fine", 20))
    assert "which is not here: the store must lie on a file system that all" in str(failed)


def test_stopping_ends_busy_workers_at_once(pool, cluster, tmp_path):
    path = tmp_path / "pid"

    async def stopped() -> float:
        work = await busy(pool, 21, path)
        work.cancel()
        begin = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await work
        pool.close()
        return time.monotonic() - begin

    assert asyncio.run(stopped()) < 5
    assert cluster.stopped
    assert cluster.started[0].wait(timeout=PATIENCE) == 0


LAUNCHER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from cluster_case import Processes, job
from mu.running.cluster import ClusterPool
from mu.storing.store import Store

store = Store(Path(sys.argv[1]))
pool = ClusterPool(store, Processes(store), {"host": "127.0.0.1"})
asyncio.run(pool.run(job("endless", 0, pid=sys.argv[2]), print))
"""


def test_workers_leave_when_their_launcher_is_killed(start, tmp_path):
    write_steps(tmp_path, MODULE, STEPS)
    path = tmp_path / "pid"
    launcher = start("-c", LAUNCHER, str(tmp_path / "store"), str(path), str(TESTS))
    deadline = time.monotonic() + PATIENCE
    while not path.exists() or not path.read_text():
        assert launcher.poll() is None and time.monotonic() < deadline, "the step did not start"
        time.sleep(0.05)
    launcher.kill()
    worker = Path(f"/proc/{path.read_text()}/stat")
    while worker.exists() and worker.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "the worker stays"
        time.sleep(0.05)


def test_nobody_comes_in_without_the_key_and_a_silent_stranger_keeps_nobody_out(pool, tmp_path):
    address = ("127.0.0.1", pool.invitation.port)
    silent = socket.create_connection(address)
    (tmp_path / KEY).write_bytes(b"another")
    with pytest.raises(StepFailed, match=r"does not reach the launcher .*compute\.host=NAME"):
        connect(replace(pool.invitation, folder=str(tmp_path)))
    assert not pool.members
    assert outcomes(pool, job("fine", 22)) == [None]
    silent.close()


def test_the_key_is_for_its_owner_alone(pool, cluster):
    assert (cluster.folder / KEY).stat().st_mode & 0o077 == 0
    assert cluster.folder.stat().st_mode & 0o077 == 0


def test_a_run_that_finds_all_in_the_store_leaves_no_folder(cluster):
    pool = ClusterPool(Store(cluster.folder.parents[1]), cluster, {})
    assert cluster.folder.is_dir()
    pool.close()
    assert not cluster.folder.exists()


def test_a_store_that_is_not_shared_is_named(pool):
    with pytest.raises(StepFailed, match="must lie on a file system that all machines share"):
        connect(replace(pool.invitation, folder="/nowhere"))


def test_a_store_that_can_only_be_read_is_refused(tmp_path):
    store = Store(tmp_path)
    store.unwritable = "read-only"
    with pytest.raises(UsageError, match="cannot be written"):
        Processes(store)


@pytest.mark.parametrize("launcher", ["local", "ray", "slurm"])
def test_what_a_store_that_can_only_be_read_has_is_shown_without_workers(tmp_path, launcher):
    store = Store(tmp_path)
    store.unwritable = "read-only"
    assert isinstance(make_pool(store, {"launcher": launcher, "workers": 2}), InlinePool)


def test_this_machine_goes_by_the_name_that_is_given():
    assert names_of_this_machine("login1") == ("login1",)
    assert names_of_this_machine(None)[0] == socket.gethostname()
