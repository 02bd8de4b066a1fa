"""Pools on a cluster, with stand-ins for the libraries that reach one."""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import pytest

from mu.errors import StepFailed, UsageError
from mu.running.jobs import Job
from mu.running.pool import make_pool
from mu.storing.store import Store

STEPS = """
from mu.artifact import Artifact
from mu.errors import UsageError

def fine(config, inputs, progress):
    return Artifact({"n": config["n"]})

def wrong(config, inputs, progress):
    raise UsageError("no such word")
"""


class Ray(ModuleType):
    """Runs a task at once, in this process."""

    def __init__(self):
        super().__init__("ray")
        self.started: dict = {}
        self.asked: dict = {}
        self.broken = self.endless = False
        self.cancelled = 0

    def cancel(self, task, force):
        self.cancelled += int(force)

    def is_initialized(self):
        return bool(self.started)

    def init(self, **options):
        self.started = options | {"on": True}

    def shutdown(self):
        self.started = {}

    def remote(self, **options):
        self.asked = options

        def task(function):
            async def call(*arguments):
                if self.endless:
                    await asyncio.sleep(600)
                if self.broken:
                    raise ConnectionError("the node is\ngone")
                return function(*arguments)

            return SimpleNamespace(remote=call)

        return task


class Submitit(ModuleType):
    """Runs submitted jobs in threads and counts how many at a time."""

    def __init__(self):
        super().__init__("submitit")
        self.parameters: dict = {}
        self.running = self.most = 0
        self.threads = ThreadPoolExecutor(8)
        self.broken = self.endless = self.partition = False
        self.cancelled = 0

    def AutoExecutor(self, **options):
        return SimpleNamespace(update_parameters=self.update, submit=self.submit)

    def update(self, **parameters):
        self.parameters = parameters

    def submit(self, function, *arguments):
        self.running += 1
        self.most = max(self.most, self.running)

        def result():
            time.sleep(0.05)
            self.running -= 1
            if self.broken:
                raise TimeoutError("preempted")
            return self.threads.submit(function, *arguments).result()

        def cancel():
            self.cancelled += 1

        if self.partition:
            raise RuntimeError("sbatch: error: invalid partition\nspecified")
        return SimpleNamespace(result=result, done=lambda: not self.endless, cancel=cancel)


def job(name: str, n: int = 0) -> Job:
    return Job("fit", f"{name}{n}", f"clustersteps:{name}", {"n": n})


@pytest.fixture(params=["ray", "slurm"])
def cluster(request, tmp_path, monkeypatch):
    """(pool, stand-in, store) of each launcher."""
    (tmp_path / "clustersteps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    library = Ray() if request.param == "ray" else Submitit()
    monkeypatch.setitem(sys.modules, library.__name__, library)
    store = Store(tmp_path / "store")
    compute = {"launcher": request.param, "workers": 2, "gpus": 0.5, "parameters": {"mem": 4}}
    return make_pool(store, compute), library, store


def run(pool, *jobs):
    async def every():
        return await asyncio.gather(*(pool.run(j, print) for j in jobs), return_exceptions=True)

    return asyncio.run(every())


def test_jobs_run_and_their_results_are_in_the_store(cluster):
    pool, _, store = cluster
    assert run(pool, *(job("fine", n) for n in range(4))) == [None] * 4
    assert [store.facts("fit", f"fine{n}")["n"] for n in range(4)] == [0, 1, 2, 3]
    pool.close()


def test_errors_come_back_as_what_they_are(cluster):
    pool, library, _ = cluster
    (wrong,) = run(pool, job("wrong"))
    assert (type(wrong), str(wrong)) == (UsageError, "no such word")
    library.broken = True
    (lost,) = run(pool, job("fine", 9))
    assert type(lost) is StepFailed
    assert "\n" not in str(lost)
    assert str(lost).startswith(("ConnectionError: the node is gone", "TimeoutError: preempted"))


def test_a_cluster_is_asked_for_what_the_configuration_says(cluster):
    pool, library, _ = cluster
    if isinstance(library, Ray):
        assert library.started["num_cpus"] == 2
        assert library.asked == {"num_cpus": 1, "num_gpus": 0.5}
        pool.close()
        assert library.started == {}
    else:
        assert library.parameters == {"mem": 4}
        run(pool, *(job("fine", n) for n in range(6)))
        assert library.most == 2


@pytest.mark.parametrize("launcher", ["ray", "slurm"])
def test_a_library_that_is_not_there_is_named(launcher, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UsageError, match=rf"pip install 'mu\[{launcher}\]'"):
        make_pool(Store(tmp_path), {"launcher": launcher, "workers": 1})


def test_jobs_that_run_are_cancelled_when_the_run_is_stopped(cluster):
    pool, library, _ = cluster
    library.endless = True

    async def stopped() -> None:
        work = asyncio.gather(*(pool.run(job("fine", n), print) for n in range(3)))
        await asyncio.sleep(0.2)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    begin = time.monotonic()
    asyncio.run(stopped())
    assert time.monotonic() - begin < 5
    assert library.cancelled == (3 if isinstance(library, Ray) else 2)  # two at a time


def test_a_refused_job_is_bad_usage_at_the_start_alone(tmp_path, monkeypatch):
    library = Submitit()
    monkeypatch.setitem(sys.modules, "submitit", library)
    pool = make_pool(Store(tmp_path), {"launcher": "slurm", "workers": 2})
    library.partition = True
    (refused,) = run(pool, job("fine"))
    assert type(refused) is UsageError
    assert "compute.parameters (RuntimeError: sbatch: error: invalid partition" in str(refused)
    pool.accepted = True
    (failed,) = run(pool, job("fine"))
    assert type(failed) is StepFailed


def test_an_address_where_no_ray_is_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", Ray())
    compute = {"launcher": "ray", "workers": 0, "address": "127.0.0.1:9"}
    with pytest.raises(UsageError, match=r"compute.address=127.0.0.1:9: no Ray cluster \(Conn"):
        make_pool(Store(tmp_path), compute)
