"""Jobs: run once, errors in a form that crosses process borders, nothing left in a worker."""

import gc
import threading
from importlib import import_module
from multiprocessing import Pipe

import pytest

from mu.errors import MuError, NotApplicable, StepFailed, UsageError
from mu.running.jobs import Job, execute, one_line, serve, transferable
from mu.storing.store import CorruptArtifact, Store

STEPS = """
import weakref

from mu.artifact import Artifact

LEFT = []

class Ring:
    def __init__(self):
        self.own = self
        LEFT.append(weakref.ref(self))

def ring(config, inputs, progress):
    Ring()
    return Artifact({})

def step(config, inputs, progress):
    return Artifact({"n": config["n"] + sum(a.facts["n"] for a in inputs.get("many", []))})
"""


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    (tmp_path / "jobsteps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    return Store(tmp_path / "store")


def job(key: str, n: int, *many: str) -> Job:
    inputs = {"many": [("fit", name) for name in many]} if many else {}
    return Job("fit", key, "jobsteps:step", {"n": n}, inputs, family="f")


def test_a_job_runs_once(store):
    execute(store, job("a", 1))
    execute(store, job("a", 2))
    assert store.facts("fit", "a") == {"n": 1}
    manifest = store.manifest("fit", "a")
    assert {"versions", "device", "seconds", "family"} <= set(manifest)
    assert store.seconds("fit") == {"f": [manifest["seconds"]]}


def test_a_job_gets_its_inputs(store):
    execute(store, job("a", 1))
    execute(store, job("b", 2))
    execute(store, job("c", 3, "a", "b"))
    assert store.facts("fit", "c") == {"n": 6}
    with pytest.raises(CorruptArtifact, match="not in the store"):
        execute(store, job("d", 3, "nowhere"))
    assert not store.has("fit", "d")


def test_errors_are_one_line():
    assert one_line(ValueError("a\n  b")) == "ValueError: a b"
    assert one_line(MuError("a\nb")) == "a b"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt: KeyboardInterrupt"
    assert len(one_line(ValueError("x" * 10_000))) == 500


def test_a_reason_keeps_its_notes():
    for error in (ValueError("x" * 10_000), MuError("no")):
        error.add_note("while computing\n the score 'x'")
        assert one_line(error).endswith(" (while computing the score 'x')")
        assert str(transferable(error)) == one_line(error)


def test_errors_that_cannot_cross_become_their_reason():
    class Local(MuError):
        pass

    assert type(transferable(Local("why"))) is StepFailed
    assert str(transferable(Local("why"))) == "why"
    for kind in (UsageError, NotApplicable):
        assert type(transferable(kind("word"))) is kind
        assert str(transferable(kind("word"))) == "word"


def test_a_worker_keeps_nothing_of_a_job(store):
    ours, theirs = Pipe()
    worker = threading.Thread(target=serve, args=(theirs, store))
    gc.disable()
    try:
        worker.start()
        for key in ("a", "b", "c"):
            ours.send(Job("fit", key, "jobsteps:ring", {}))
            assert ours.recv() == ("done", None)
        ours.close()
        worker.join(timeout=300)
        assert not worker.is_alive()
        assert [ring() for ring in import_module("jobsteps").LEFT] == [None] * 3
    finally:
        gc.enable()
        gc.unfreeze()


SCRATCH = """
from pathlib import Path

from mu.artifact import Artifact

def step(config, inputs, progress):
    folder = Path(config["scratch"])
    before = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "large").write_text("x")
    if config["fails"]:
        raise ValueError("no")
    return Artifact({"before": before})
"""


def test_a_step_has_a_folder_of_its_own_until_it_is_done(tmp_path, monkeypatch):
    (tmp_path / "scratching.py").write_text(SCRATCH)
    monkeypatch.syspath_prepend(tmp_path)
    store = Store(tmp_path / "store")
    fails, works = (Job("fit", "k" * 32, "scratching:step", {"fails": f}) for f in (True, False))
    with pytest.raises(ValueError, match="no"):
        execute(store, fails)
    assert (store.scratch("k" * 32) / "large").read_text() == "x"
    execute(store, works)
    assert store.facts("fit", "k" * 32) == {"before": True}
    assert not store.scratch("k" * 32).exists()
