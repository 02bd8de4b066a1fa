"""How many workers a machine gets, and which card each has; cards are a list: no GPU is needed."""

import pytest

from mu.errors import UsageError
from mu.running import machine
from mu.running.machine import cards, check_workers, memory_gb, workers_of, workers_said
from mu.running.pool import LocalPool, check_compute, make_pool
from mu.storing.store import Store

LOCAL = {"launcher": "local", "workers": "auto", "workers_per_gpu": 2, "device": "cpu"}


@pytest.fixture
def container(tmp_path, monkeypatch):
    """Writes what a container may have."""
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)

    def limit(**files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)

    return limit


@pytest.mark.parametrize(
    ("text", "wanted"), [("max 100000", 4), ("200000 100000", 2), ("50000 100000", 1), ("?", 4)]
)
def test_a_container_limits_the_cores(container, text, wanted):
    container(cpu_max=text)
    assert machine.cores() == wanted


@pytest.mark.parametrize(
    ("memory", "wanted"), [("max", 4), (str(10**9), 1), (str(2 * 10**9), 1), (str(3 * 10**9), 2)]
)
def test_auto_is_a_worker_a_core_as_far_as_memory_goes(container, monkeypatch, memory, wanted):
    monkeypatch.setattr(machine.os, "sysconf", lambda name: 2**20, raising=False)  # 2^40 bytes
    container(memory_max=memory)
    assert workers_of(LOCAL) == wanted
    assert workers_said(LOCAL) == f"{wanted} worker{'s' if wanted > 1 else ''}"
    assert memory_gb() == (2**40 / 1e9 if memory == "max" else int(memory) / 1e9)


def test_a_number_is_what_it_says():
    assert workers_of(LOCAL | {"workers": 7}) == 7
    assert workers_said(LOCAL | {"workers": 0}) == "1 worker, this process"


def test_cards_are_those_of_the_environment():
    assert cards({"CUDA_VISIBLE_DEVICES": "3, 5"}) == ["3", "5"]
    assert cards({"CUDA_VISIBLE_DEVICES": ""}) == []
    assert cards({}) == [], "there is no GPU here" if not machine_has_gpu() else "skipped"


def machine_has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def test_workers_are_dealt_out_to_the_cards(monkeypatch, tmp_path):
    monkeypatch.setattr("mu.running.pool.cards", lambda: ["4", "6", "7"])
    monkeypatch.setattr("mu.running.pool.checked_device", lambda *_: "cuda")
    monkeypatch.setattr(machine, "cards", lambda: ["4", "6", "7"])
    compute = LOCAL | {"device": "cuda"}
    assert workers_said(compute) == "6 workers on 3 GPUs"
    pool = make_pool(Store(tmp_path), compute)
    assert isinstance(pool, LocalPool)
    seen = [worker.environment["CUDA_VISIBLE_DEVICES"] for worker in pool.workers]
    pool.close()
    assert seen == ["4", "6", "7", "4", "6", "7"]
    pool = make_pool(Store(tmp_path), compute | {"workers": 2})
    assert [worker.environment["CUDA_VISIBLE_DEVICES"] for worker in pool.workers] == ["4", "6"]
    pool.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"workers": -1}, r"compute\.workers=-1 is not a number from 0 on, or auto"),
        ({"workers": "many"}, r"compute\.workers='many' is not"),
        ({"workers": 1.5}, r"compute\.workers=1\.5 is not"),
        ({"workers": True}, r"compute\.workers=True is not"),
        ({"workers_per_gpu": 0}, r"compute\.workers_per_gpu=0 is not a number from 1 on"),
    ],
)
def test_what_is_no_number_of_workers_is_named(change, words):
    with pytest.raises(UsageError, match=words):
        check_workers(LOCAL | change)


def test_slurm_wants_a_number():
    with pytest.raises(UsageError, match="say how many jobs SLURM runs"):
        check_compute(LOCAL | {"launcher": "slurm"})
