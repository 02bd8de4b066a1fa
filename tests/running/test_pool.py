"""Where jobs run: errors that cross, workers that die, workers that leave."""

import asyncio
import os
import signal
import time

import pytest
import torch
from steps_case import PATIENCE, gone, importable, write_steps

from mu.artifact import Artifact
from mu.errors import StepFailed, UsageError
from mu.running.fork_server import ForkServer
from mu.running.jobs import Job
from mu.running.pool import InlinePool, LocalPool, Worker, check_compute, make_pool
from mu.storing.store import Store

STEPS = """
import os, signal, time
from mu.artifact import Artifact
from mu.errors import MuError, UsageError

class OwnError(MuError):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")

def fine(config, inputs, progress):
    for done in range(3):
        progress(done, 3)
    return Artifact({"pid": os.getpid(), "group": os.getpgid(0), "n": config.get("n", 0)})

def add(config, inputs, progress):
    return Artifact({"n": sum(a.facts["n"] for a in inputs["many"]) + inputs["one"].facts["n"]})

def wrong(config, inputs, progress):
    raise UsageError("no such word")

def own(config, inputs, progress):
    raise OwnError("this", "that")

def bug(config, inputs, progress):
    return {}["nothing\\nthere"]

def die(config, inputs, progress):
    with open(config["tries"], "a") as file:
        file.write("x")
    if os.path.getsize(config["tries"]) <= config["deaths"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return Artifact({"pid": os.getpid()})

def sleep(config, inputs, progress):
    with open(config["pid"], "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
"""


def job(name: str, key: str = "", inputs=None, **config) -> Job:
    return Job("fit", key or name, f"ownsteps:{name}", config, inputs or {}, name)


def nothing(done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder of steps, first on the path of this process and of its workers."""
    folder = tmp_path_factory.mktemp("modules")
    with importable(folder, "ownsteps", STEPS):
        yield folder


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def pool(modules, store):
    """One worker for all tests; some of them end its process."""
    pool = LocalPool(store, [{}])
    yield pool
    pool.close()


def run(pool, *jobs: Job) -> None:
    async def every() -> None:
        for one in jobs:
            await pool.run(one, nothing)

    asyncio.run(every())


def test_a_worker_outlives_its_job_in_the_launchers_group(pool, store, modules):
    run(pool, job("fine", "a", n=1, threads=3), job("fine", "b", n=2))
    a, b = store.facts("fit", "a"), store.facts("fit", "b")
    assert a["pid"] == b["pid"] != os.getpid()
    assert a["group"] == os.getpgid(0)
    assert (modules / "threads").read_text() == "1"
    run(pool, job("fine", "c", threads=3))
    assert (modules / "threads").read_text() == "3"


def test_inputs_are_handed_over_by_reference(pool, store):
    run(pool, job("fine", "x", n=1), job("fine", "y", n=2))
    run(pool, job("add", inputs={"many": [("fit", "x"), ("fit", "y")], "one": ("fit", "y")}))
    assert store.facts("fit", "add") == {"n": 5}


def test_progress_comes_back(pool):
    seen = []

    async def watched() -> None:
        await pool.run(job("fine", "watched"), lambda done, total: seen.append((done, total)))

    asyncio.run(watched())
    assert seen[0] == (0, 3)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("wrong", UsageError, "no such word"),
        ("own", StepFailed, "this and that"),
        ("bug", StepFailed, r"KeyError: 'nothing\nthere'"),
    ],
)
def test_an_error_crosses_with_its_reason(pool, store, name, kind, message):
    with pytest.raises(kind) as caught:
        run(pool, job(name))
    assert type(caught.value) is kind
    assert str(caught.value) == message
    assert not store.has("fit", name)


def test_the_step_of_a_worker_that_dies_is_tried_again(pool, store, tmp_path):
    run(pool, job("die", "once", tries=str(tmp_path / "once"), deaths=1))
    assert store.facts("fit", "once")["pid"] == pool.workers[0].started.pid
    assert (tmp_path / "once").read_text() == "xx"


def test_a_step_that_kills_its_worker_fails_and_costs_no_other(pool, store, tmp_path):
    with pytest.raises(StepFailed, match=r"worker process died \(exit code -9\), 2 times"):
        run(pool, job("die", tries=str(tmp_path / "tries"), deaths=9))
    assert (tmp_path / "tries").read_text() == "xx"
    run(pool, job("fine", "after"))
    assert store.has("fit", "after")


def test_a_worker_killed_while_idle_costs_nothing(pool, store):
    run(pool, job("fine", "before"))
    os.kill(store.facts("fit", "before")["pid"], signal.SIGKILL)
    assert gone(store.facts("fit", "before")["pid"])
    run(pool, job("fine", "next"))
    assert store.facts("fit", "next")["pid"] != store.facts("fit", "before")["pid"]


def test_closing_ends_a_busy_worker(modules, store, tmp_path):
    pool = LocalPool(store, [{}])
    path = tmp_path / "pid"

    async def busy() -> None:
        task = asyncio.ensure_future(pool.run(job("sleep", pid=str(path)), nothing))
        while not path.exists() or not path.read_text():
            await asyncio.sleep(0.05)
        pool.close()
        with pytest.raises(StepFailed):
            await task

    asyncio.run(busy())
    assert gone(int(path.read_text()))
    server = ForkServer(store.root)
    server.close()
    worker = Worker(server, {})
    with pytest.raises(StepFailed, match="stopped"):
        worker.run(job("fine", "late"), nothing)


LAUNCHER = """
import asyncio, sys
from pathlib import Path
from mu.running.jobs import Job
from mu.running.pool import LocalPool
from mu.storing.store import Store

async def main():
    pool = LocalPool(Store(Path(sys.argv[1])), [{}, {}])
    jobs = [Job("fit", f"s{n}", "ownsteps:sleep", {"pid": sys.argv[2 + n]}) for n in range(2)]
    await asyncio.gather(*(pool.run(job, print) for job in jobs))

asyncio.run(main())
"""


def test_workers_leave_when_their_launcher_is_killed(start, tmp_path, store):
    write_steps(tmp_path, "ownsteps", STEPS)
    paths = [tmp_path / "pid0", tmp_path / "pid1"]
    launcher = start("-c", LAUNCHER, str(store.root), *map(str, paths))
    deadline = time.monotonic() + PATIENCE
    while not all(p.exists() and p.read_text() for p in paths):
        assert time.monotonic() < deadline, "the jobs did not start"
        time.sleep(0.05)
    workers = [int(path.read_text()) for path in paths]
    assert len({*workers, launcher.pid}) == 3
    launcher.kill()
    assert all(gone(pid) for pid in workers)


def test_inline_errors_read_like_a_workers(modules, store):
    pool = InlinePool(store)
    with pytest.raises(UsageError, match="no such word"):
        run(pool, job("wrong"))
    with pytest.raises(StepFailed, match="KeyError: 'nothing"):
        run(pool, job("bug"))


def test_inline_steps_get_the_threads_of_the_recipe(store, monkeypatch):
    seen = []

    def look(config, inputs, progress):
        seen.append(torch.get_num_threads())
        return Artifact()

    monkeypatch.setattr("mu.data.describe.step", look)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(InlinePool(store), Job("describe", "t1", "mu.data.describe:step", {"threads": 1}))
        assert torch.get_num_threads() == 2
        run(InlinePool(store), Job("describe", "t2", "mu.data.describe:step", {"threads": 3}))
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 3]


@pytest.mark.parametrize(
    "compute",
    [
        {"launcher": "local", "workers": -1},
        {"launcher": "nosuch", "workers": 1},
        {"launcher": "local", "workers": 1.5},
        {"launcher": "local", "workers": "two"},
        {"launcher": "local", "workers": 1, "checkpoint_seconds": "soon"},
    ],
)
def test_a_pool_that_cannot_be_is_refused(store, compute):
    with pytest.raises(UsageError, match=r"-1|nosuch|1\.5 is not|'two' is not|soon is no"):
        make_pool(store, compute)


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    compute = {"launcher": "local", "workers": 0, "device": "cuda"}
    with pytest.raises(UsageError, match=r"compute.device='cuda': torch finds no such GPU"):
        check_compute(compute)
    slurm = compute | {"launcher": "slurm"}
    check_compute(slurm | {"gpus": 1})  # its machines may have one
    check_compute(slurm | {"parameters": {"slurm_gres": "gpu:1"}})
    with pytest.raises(UsageError, match=r"compute.device=cuda with compute.gpus=0: say how many"):
        check_compute(slurm | {"gpus": 0})
    with pytest.raises(UsageError, match=r"compute.device='cpu0' is neither 'cpu' nor 'cuda'"):
        check_compute(compute | {"launcher": "slurm", "device": "cpu0"})


ENDLESS = """
import sys, time
from mu.artifact import Artifact

def step(config, inputs, progress):
    print("begun", flush=True)
    while True:  # as a training does, it reports and goes on
        progress(1, 2)
        time.sleep(0.01)
"""
INLINE = """
import asyncio, sys
from pathlib import Path
from mu.running.jobs import Job
from mu.running.loop import to_the_end
from mu.running.pool import make_pool
from mu.storing.store import Store

async def main():
    pool = make_pool(Store(Path(sys.argv[1])), {"launcher": "local", "workers": 0})
    jobs = [Job("fit", f"s{n}", "endless:step", {}) for n in range(2)]
    await asyncio.gather(*(pool.run(job, lambda done, total: None) for job in jobs))

async def cell():
    to_the_end(main())

if sys.argv[2] == "notebook":
    asyncio.run(cell())
to_the_end(main())
"""


def test_ctrl_c_ends_what_is_imported_for_a_step(start, tmp_path):
    """Which takes seconds where it is the first step of a process."""
    slow = 'import time\nprint("begun", flush=True)\nwhile True:\n    time.sleep(0.1)\n'
    (tmp_path / "endless.py").write_text(ENDLESS)
    (tmp_path / "torch.py").write_text(slow)
    process = start("-c", INLINE, str(tmp_path / "store"), "script")
    assert process.stdout.readline() == "begun\n"
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < 5
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("where", ["script", "notebook"])
def test_ctrl_c_ends_the_step_that_runs_in_this_process(start, tmp_path, where):
    (tmp_path / "endless.py").write_text(ENDLESS)
    process = start("-c", INLINE, str(tmp_path / "store"), where)
    assert process.stdout.readline() == "begun\n"
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < 5
    assert out == "", "the next step was begun"
    assert process.returncode == -signal.SIGINT
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert "never retrieved" not in err
