"""Workers as SLURM jobs: submitit's own executor on this machine and, where it is, a real SLURM."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster_case import MODULE, PATIENCE, STEPS, busy, job, outcomes
from steps_case import importable

from mu.errors import StepFailed, UsageError
from mu.running import on_slurm
from mu.running.on_slurm import Slurm, in_job, parameters_of, refusal, state_in_words
from mu.running.pool import make_pool
from mu.storing.store import Store

submitit = pytest.importorskip("submitit", reason="submitit is not installed")
sys.path.append(str(Path(__file__).parents[2] / "experiments" / "clusters"))
import one_node  # noqa: E402

COMPUTE = {"launcher": "slurm", "workers": 2, "parameters": {"timeout_min": 30}}
COMPUTE |= {"host": "127.0.0.1"}


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder of steps, first on the path of this process and of its workers."""
    folder = tmp_path_factory.mktemp("modules")
    with importable(folder, MODULE, STEPS) as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, sys.path)))
        yield folder


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A SLURM of one node with two CPUs."""
    if not one_node.there():
        pytest.skip("SLURM and munge are not installed: apt-get install slurm-wlm munge")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PATH", "SLURM_CONF"):
            patch.setenv(name, os.environ.get(name, ""))  # as it was, afterwards
        with one_node.one_node(tmp_path_factory.mktemp("slurm"), 2):
            yield


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def run(pool, *jobs):
    try:
        return outcomes(pool, *jobs)
    finally:
        pool.close()


def queue(*words: str) -> list[str]:
    command = ["squeue", "--noheader", "--array", "--format=%i", *words]
    return subprocess.check_output(command, text=True).split()


def until(true, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_steps_go_through_submitit_where_there_is_no_slurm(modules, store):
    found = run(make_pool(store, COMPUTE | {"cluster": "local"}), *(job("fine", n) for n in (1, 2)))
    assert found == [None, None]
    assert [store.facts("fit", f"fine{n}")["n"] for n in (1, 2)] == [1, 2]


def test_steps_go_through_slurm_in_one_array(modules, real, store):
    pool = make_pool(store, COMPUTE)
    assert run(pool, *(job("fine", n) for n in range(8))) == [None] * 8
    numbers = {one.job_id for one in pool.cluster.jobs.values()}
    first = min(numbers).partition("_")[0]
    assert numbers == {f"{first}_0", f"{first}_1"}
    until(lambda: not queue(), "jobs stay in the queue")


def test_the_step_of_a_requeued_job_is_tried_again(modules, real, store, tmp_path, monkeypatch):
    pid = tmp_path / "pid"
    pool = make_pool(store, COMPUTE | {"workers": 1})

    async def requeued() -> None:
        work = await busy(pool, 1, pid)
        first = pid.read_text()
        (number,) = queue("--states=running")
        await asyncio.to_thread(one_node.requeue, number)
        await asyncio.to_thread(
            until, lambda: pid.read_text() not in (first, ""), "the step does not begin again"
        )
        subprocess.run(["scancel", number], check=True)
        with pytest.raises(StepFailed, match=r"ended \(CANCELLED\), 2 times; log: .*_log.err"):
            await work

    asyncio.run(requeued())
    pool.close()


def test_stopping_empties_the_queue(modules, real, store, tmp_path):
    pid = tmp_path / "pid"
    pool = make_pool(store, COMPUTE)

    async def stopped() -> None:
        work = await busy(pool, 1, pid)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(stopped())
    begin = time.monotonic()
    pool.close()
    assert time.monotonic() - begin < 5
    until(lambda: not queue(), "jobs stay in the queue")


def test_a_wrong_partition_is_one_line(modules, real, store):
    (refused,) = run(make_pool(store, COMPUTE | {"partition": "nowhere"}), job("fine", 1))
    assert type(refused) is UsageError
    assert "(invalid partition specified: nowhere)" in str(refused)
    assert "\n" not in str(refused)


def test_a_job_that_cannot_begin_is_named_with_its_log(modules, real, store, monkeypatch):
    monkeypatch.setattr("mu.running.cluster.LOOK", 0.5)
    parameters = COMPUTE["parameters"] | {"slurm_setup": ["exit 3"]}
    (failed,) = run(make_pool(store, COMPUTE | {"parameters": parameters}), job("fine", 1))
    assert type(failed) is UsageError
    assert str(failed).startswith("a worker ended (FAILED) before it connected; log: ")


def test_what_is_asked_of_slurm_stands_in_the_options():
    asked = parameters_of(
        {"workers": 300, "gpus": 1, "partition": "p", "account": "a", "parameters": {"mem_gb": 4}}
    )
    assert asked == {
        "slurm_array_parallelism": 300, "gpus_per_node": 1, "slurm_partition": "p",
        "slurm_account": "a", "mem_gb": 4,
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"compute.gpus=0.5: SLURM gives whole GPUs"):
        parameters_of({"workers": 1, "gpus": 0.5})


def test_an_option_that_submitit_does_not_know_is_one_line(store):
    compute = COMPUTE | {"cluster": "local", "parameters": {"nosuch": 1}}
    with pytest.raises(UsageError, match=r"compute: no SLURM jobs \(.*nosuch") as caught:
        Slurm(store, compute)
    assert "\n" not in str(caught.value)


def test_states_are_said_in_words():
    assert state_in_words("TIMEOUT") == "ended (TIMEOUT)"
    assert state_in_words(on_slurm.UNKNOWN) == on_slurm.UNKNOWN
    assert refusal(ValueError("no\nsuch")) == "ValueError: no such"
    assert in_job.__module__ == "mu.running.on_slurm"  # what a node imports by name
