"""Trainings that are killed and go on: the same bits, and nothing of anybody else's."""

import logging
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from checkpoint_case import CASES, MOMENTUM, Killed, Secretive, job, until

from mu.running.jobs import execute
from mu.storing.store import Store
from mu.training import checkpoints
from mu.training.checkpoints import Files, read_payload
from mu.training.hidden_state import NotCarried, of_optimizer

ROOT = Path(__file__).parents[2]
KEY = "0" * 32
TIMES = ("seconds_setup", "seconds_request", "memory_setup", "memory_request")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Seen:
    """A progress that remembers where it began."""

    def __init__(self):
        self.first = self.last = 0

    def __call__(self, done, total):
        self.first, self.last = self.first or done, done


def stop():
    raise Killed


def interrupted(store: Store, name: str, part: float = 0.6, **more) -> None:
    with pytest.raises(Killed):
        execute(store, job(name, **more), until(part, stop))


def result(store: Store, name: str):
    """A finished training: what must repeat, and where its progress began."""
    seen = Seen()
    execute(store, job(name), seen)
    found = store.load("fit", KEY)
    facts = dict(found.facts)
    cost = {k: v for k, v in facts.pop("cost").items() if k not in TIMES}
    return (facts, cost, seen.last), found.tensors, seen.first


def same(one: tuple, other: tuple) -> None:
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    for name, tensor in one[1].items():
        assert torch.equal(tensor, other[1][name]), name


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The result of each case that nobody disturbed, made once."""
    made = {}

    def find(name: str):
        if name not in made:
            made[name] = result(Store(tmp_path_factory.mktemp(name)), name)
        return made[name]

    return find


def epochs(store: Store) -> int:
    """Finished epochs in the checkpoint that is there."""
    (path,) = store.scratch(KEY).iterdir()
    return int(path.stem.partition("-")[0])


@pytest.mark.parametrize("name", ["images", "plateau"])
def test_a_worker_killed_by_sigkill_goes_on_after_its_last_epoch(tmp_path, undisturbed, name):
    words = [sys.executable, str(ROOT / "tests" / "checkpoint_case.py"), str(tmp_path), name]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    part = 0.6 if name == "images" else 0.1
    process = subprocess.run([*words, str(part)], env=os.environ | {"PYTHONPATH": paths})
    assert process.returncode == -signal.SIGKILL
    store = Store(tmp_path)
    assert list(store.entries()) == []
    done = epochs(store)
    assert done > 1
    found = result(store, name)
    assert found[2] > 1, "it began anew"
    same(undisturbed(name), found)
    assert not store.scratch(KEY).exists()


@pytest.mark.parametrize("name", CASES)
def test_every_training_goes_on_with_the_same_bits(tmp_path, undisturbed, name, caplog):
    store = Store(tmp_path)
    interrupted(store, name, 0.1 if "plateau" in name else 0.6)
    assert epochs(store) >= 2
    found = result(store, name)
    assert found[2] > 1, "it began anew"
    same(undisturbed(name), found)
    assert not caplog.records


def test_a_training_may_be_killed_twice(tmp_path, undisturbed):
    store = Store(tmp_path)
    interrupted(store, "images", 0.3)
    before = epochs(store)
    interrupted(store, "images", 0.9)
    assert epochs(store) > before
    same(undisturbed("images"), result(store, "images"))


def test_checkpoints_are_as_far_apart_as_asked(tmp_path, undisturbed):
    for seconds in (3600.0, None):
        store = Store(tmp_path / str(seconds))
        interrupted(store, "images", seconds=seconds)
        assert not store.scratch(KEY).exists()
    same(undisturbed("images"), result(store, "images"))


def test_a_training_that_begins_without_a_trainer_writes_the_first_when_it_is_due(tmp_path):
    whole = Store(tmp_path / "whole")
    execute(whole, job("plain", seconds=None))
    store = Store(tmp_path / "killed")
    interrupted(store, "plain", 0.25)
    assert epochs(store) == 1
    *_, tensors, first = result(store, "plain")
    assert first > 1, "it began anew"
    expected = whole.load("fit", KEY).tensors
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def spoilt(path: Path, change) -> None:
    """A checkpoint with other content under the digest of that content."""
    found = torch.load(path, weights_only=True)
    change(found)
    path.unlink()
    Files().save_checkpoint(found, path.with_name("00000004.ckpt"))


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other_torch(path):
    spoilt(path, lambda found: found["mu"]["made"].update(torch="1.0"))


def other_network(path):
    spoilt(path, lambda found: found["state_dict"].update({"network.1.weight": torch.zeros(3, 64)}))


def no_optimizer(path):
    spoilt(path, lambda found: found.update(optimizer_states=[]))


def other_optimizer(path):
    spoilt(path, lambda found: found["mu"].update(optimizers=[{}, {}]))


class Trap:
    """A pickle that leaves a mark where it is read."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return Path.touch, (Path(self.mark),)


def trapped(path):
    spoilt(path, lambda found: found.update(trap=Trap(path.parents[2] / "mark")))


def plain_pickle(path):
    path.unlink()
    content = pickle.dumps(Trap(path.parents[2] / "mark"))
    half = path.with_name("half")
    half.write_bytes(content)
    half.rename(path.with_name(f"00000004-{checkpoints.digest_of_file(half)}.ckpt"))


SPOILERS = [half, flipped, other_torch, other_network, no_optimizer, other_optimizer]


@pytest.mark.parametrize("spoil", [*SPOILERS, trapped, plain_pickle])
def test_what_is_broken_or_foreign_is_ignored_with_a_word(tmp_path, undisturbed, caplog, spoil):
    store = Store(tmp_path)
    interrupted(store, "images")
    (path,) = store.scratch(KEY).iterdir()
    spoil(path)
    with caplog.at_level(logging.WARNING, "mu"):
        found = result(store, "images")
    assert [record.name for record in caplog.records] == ["mu"]
    assert "checkpoint" in caplog.text
    assert found[2] == 1
    same(undisturbed("images"), found)
    assert not (tmp_path / "mark").exists()


def test_a_fault_of_the_training_itself_is_not_taken_for_the_checkpoints(tmp_path):
    store = Store(tmp_path)
    interrupted(store, "images")

    def fails():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        execute(store, job("images"), until(0.9, fails))
    assert epochs(store) > 4


def test_an_optimiser_that_nobody_can_write_down_has_no_checkpoints(tmp_path, monkeypatch, caplog):
    secret = {"_target_": "checkpoint_case.Secretive", "lr": 0.1}
    monkeypatch.setitem(CASES, "secret", (*CASES["images"][:2], {"optimizer": secret}))
    store = Store(tmp_path)
    with caplog.at_level(logging.WARNING, "mu"):
        result(store, "secret")
    assert "no checkpoints: Secretive keeps drawn, a Generator" in caplog.text
    assert len(caplog.records) == 1
    weights = [torch.zeros(2, requires_grad=True)]
    assert of_optimizer(torch.optim.SGD(weights, lr=1.0)) == {}
    with pytest.raises(NotCarried):
        of_optimizer(Secretive(weights, 0.1))


def test_a_full_disk_does_not_end_a_training(tmp_path, monkeypatch, undisturbed, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with caplog.at_level(logging.WARNING, "mu"):
        found = result(Store(tmp_path), "images")
    same(undisturbed("images"), found)
    assert len(caplog.records) == 1


def test_seconds_of_all_processes_count_and_writing_does_not(tmp_path, monkeypatch):
    store = Store(tmp_path)
    interrupted(store, "images")
    (path,) = store.scratch(KEY).iterdir()
    spoilt(path, lambda found: found["mu"].update(seconds=1000.0))
    execute(store, job("images"))
    assert store.facts("fit", KEY)["cost"]["seconds_request"] > 1000
    assert store.manifest("fit", KEY)["seconds"] > 1000
    slow = Files.save_checkpoint

    def save(self, checkpoint, path, storage_options=None):
        clock[0] += 500
        slow(self, checkpoint, path)

    clock, now = [0.0], checkpoints.time.perf_counter
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now() + clock[0])
    monkeypatch.setattr(Files, "save_checkpoint", save)
    execute(store, job("images", key="1" * 32))
    assert clock[0] >= 2500
    assert store.facts("fit", "1" * 32)["cost"]["seconds_request"] < 400


def test_the_last_checkpoint_is_the_only_one(tmp_path):
    files = Files()
    for number in (1, 2, 10):
        files.save_checkpoint({"mu": {"n": number}}, tmp_path / f"{number:08d}.ckpt")
    (path,) = tmp_path.iterdir()
    assert read_payload(path)["mu"] == {"n": 10}
    assert MOMENTUM["momentum"] == 0.9
