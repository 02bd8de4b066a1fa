"""Workers as tasks of a real Ray cluster of two nodes on this machine."""

import asyncio
import os
import signal
import time

import pytest
from cluster_case import MODULE, PATIENCE, STEPS, busy, job, outcomes
from steps_case import importable

from mu.errors import UsageError
from mu.running.on_ray import same_signals, workers_in
from mu.running.pool import make_pool
from mu.storing.store import Store

ray = pytest.importorskip("ray", reason="ray is not installed")
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder of steps, first on the path of this process and of its workers."""
    folder = tmp_path_factory.mktemp("modules")
    with importable(folder, MODULE, STEPS):
        yield folder


@pytest.fixture(scope="module")
def nodes(modules):
    """A cluster of two nodes, one CPU each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        cluster.add_node(**NODE, include_dashboard=False)
        cluster.other = cluster.add_node(**NODE)
    except Exception as error:  # it gives itself 30 s, which a busy machine may not
        cluster.shutdown()
        pytest.skip(f"Ray does not start here: {error}")
    yield cluster
    cluster.shutdown()


@pytest.fixture
def pool(nodes, tmp_path):
    compute = {"launcher": "ray", "workers": "auto", "address": nodes.address, "host": "127.0.0.1"}
    pool = make_pool(Store(tmp_path / "store"), compute)
    yield pool
    pool.close()


def test_steps_go_to_both_nodes(pool):
    assert pool.most == 2
    assert outcomes(pool, *(job("fine", n) for n in range(8))) == [None] * 8
    assert [pool.store.facts("fit", f"fine{n}")["n"] for n in range(8)] == list(range(8))


def test_stopping_ends_a_busy_worker(pool, tmp_path):
    pid = tmp_path / "pid"

    async def stopped() -> None:
        work = await busy(pool, 1, pid)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(stopped())
    begin = time.monotonic()
    pool.close()
    assert time.monotonic() - begin < 5
    while os.path.exists(f"/proc/{pid.read_text()}"):
        assert time.monotonic() - begin < PATIENCE, "the worker stays"
        time.sleep(0.1)


def test_the_step_of_a_lost_node_is_done_elsewhere(pool, nodes, tmp_path):
    """The last test of the cluster: a node is gone after it."""
    paths = [tmp_path / "a", tmp_path / "b"]

    async def lost() -> None:
        work = await asyncio.gather(*(busy(pool, n, path) for n, path in enumerate(paths)))
        before = {path.read_text() for path in paths}
        await asyncio.to_thread(nodes.remove_node, nodes.other, False)
        deadline = time.monotonic() + PATIENCE
        while all(os.path.exists(f"/proc/{pid}") for pid in before):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        # the one CPU that is left is busy: once it is free, the step of the lost node goes there
        (left,) = (pid for pid in before if os.path.exists(f"/proc/{pid}"))
        os.kill(int(left), signal.SIGKILL)
        while not {path.read_text() for path in paths} - before:
            assert time.monotonic() < deadline, "no step begins again"
            await asyncio.sleep(0.1)
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    asyncio.run(lost())


def test_an_address_where_no_ray_is_is_named(tmp_path):
    compute = {"launcher": "ray", "workers": 0, "address": "127.0.0.1:9"}
    with pytest.raises(UsageError, match=r"compute.address=127.0.0.1:9: no Ray cluster \(Conn"):
        make_pool(Store(tmp_path), compute)


def test_signals_are_answered_as_before():
    before = signal.getsignal(signal.SIGTERM)
    with same_signals():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_share_of_a_gpu_puts_several_workers_on_a_card():
    assert workers_in({"CPU": 16.0, "GPU": 2.0}, 0.25) == 8
    assert workers_in({"CPU": 3.0, "GPU": 2.0}, 0.25) == 3
