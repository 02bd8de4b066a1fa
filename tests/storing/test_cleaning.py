"""What steps leave to go on from: kept while somebody may, and swept afterwards."""

import os
import time

import pytest

from mu.artifact import Artifact
from mu.storing.cleaning import DAY, logs, unfinished, written
from mu.storing.store import Store

OLD, YOUNG, DONE = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def store(tmp_path):
    """A store with scratch of a step long dead, of a young one, and of a finished one."""
    made = Store(tmp_path / "store")
    for key in (OLD, YOUNG, DONE):
        folder = made.scratch(key) / "deep"
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"x" * 1000)
    made.write("fit", DONE, Artifact({"n": 1}))
    then = time.time() - 8 * DAY
    for path in (made.scratch(OLD), *made.scratch(OLD).rglob("*")):
        os.utime(path, (then, then))
    return made


def left(store):
    return {path.name for path in (store.root / "scratch").iterdir()}


def test_what_is_old_or_of_a_finished_step_can_go(store):
    week = time.time() - 7 * DAY
    assert {p.name for p in unfinished(store.root, week, {DONE})} == {OLD, DONE}
    assert {p.name for p in unfinished(store.root)} == {OLD, YOUNG, DONE}
    (store.scratch(OLD) / "deep" / "half").write_bytes(b"y")  # deep below, and written just now
    assert written(store.scratch(OLD)) > week
    assert {p.name for p in unfinished(store.root, week, {DONE})} == {DONE}


def test_gc_says_what_is_left_and_removes_it_when_told(mu, store):
    said = mu("store", "gc", store=store.root)
    assert "what 2 steps that never ended left to go on from, 2.0 kB" in said.out
    assert "add --yes" in said.out
    assert left(store) == {OLD, YOUNG, DONE}
    assert mu("store", "gc", "--yes", store=store.root).code == 0
    assert left(store) == {YOUNG}
    assert mu("store", "gc", "--yes", "--older-than", "0", store=store.root).code == 0
    assert left(store) == set()


def test_nothing_is_removed_while_a_run_computes(mu, store):
    with store.lock(YOUNG):
        assert mu("store", "gc", "--yes", store=store.root).code == 2
    assert left(store) == {OLD, YOUNG, DONE}


def test_scratch_is_no_artifact(mu, store):
    assert [entry.key for entry in store.entries()] == [DONE]
    found = mu("store", "verify", store=store.root)
    assert (found.code, found.out) == (0, "1 of 1 artifacts are whole\n")
    assert "scratch" not in mu("store", "ls", store=store.root).out


def test_logs_of_a_cluster_can_go_after_a_week(mu, store):
    old, young = (store.root / "cluster" / name for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "worker.log").write_text("what it said")
    ago = time.time() - 8 * DAY
    for path in (old / "worker.log", old):
        os.utime(path, (ago, ago))
    assert logs(store.root, time.time() - 7 * DAY) == [old]
    assert "logs of 1 run on a cluster" in mu("store", "gc", "--yes", store=store.root).out
    assert not old.exists()
    assert young.exists()
