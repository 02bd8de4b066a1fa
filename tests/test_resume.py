"""Runs that are killed, runs side by side, and runs that have nothing to do."""

import json
import time

import pytest

from mu.storing.store import Store

HEAVY = ("torch", "pytorch_lightning", "torch_geometric", "torchvision", "torchmetrics", "wandb")
IMPORTED = f"""
import sys
from mu.__main__ import main

code = main(sys.argv[1:])
print(*[name for name in {HEAVY!r} if name in sys.modules])
sys.exit(code)
"""
PATIENCE = 300  # seconds; others may use the machine, so only what never comes is late
WORDS = ["experiment=quickstart", "requests=class", "methods=ssd"]
WORDS += ["recipe.epochs=1", "seeds=1", "oracles=2"]


@pytest.fixture
def whole(mu, tiny_words, tmp_path):
    """The undisturbed run."""
    found = mu("run", *tiny_words, out=tmp_path / "whole")
    assert (found.code, found.steps[0]) == (0, 0)
    return found


def test_a_killed_run_resumes_and_says_the_same(start, mu, whole, tmp_path):
    store = tmp_path / "store"
    words = [*WORDS, "compute.workers=1", f"out={tmp_path / 'killed'}"]
    process = start("-m", "mu", "run", *words, MU_STORE=store)
    deadline = time.monotonic() + PATIENCE
    while len(list(store.glob("fit/*"))) < 2:
        assert time.monotonic() < deadline, "nothing was trained"
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed" / "results.json").exists()
    quiet = ("compute.workers=0", "compute.progress=false")  # a busy machine shows how far it is
    found = mu("run", *WORDS, *quiet, store=store, out=tmp_path / "resumed")
    assert found.code == 0, found.err
    assert found.err == ""
    ran, cached = found.steps
    assert ran > 0
    assert cached >= 3
    assert ran + cached == whole.steps[1]
    assert found.values == whole.values
    time.sleep(0.6)  # a worker looks for its launcher twice a second
    Store(store)
    assert list((store / "tmp").iterdir()) == []


def test_two_runs_at_once_share_a_store(start, mu, whole, tmp_path):
    store = tmp_path / "store"
    words = [*WORDS, "compute.workers=0", "compute.progress=false"]
    both = [
        start("-m", "mu", "run", *words, f"out={tmp_path / name}", MU_STORE=store)
        for name in ("one", "two")
    ]
    for process in both:
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
    one, two = (json.loads((tmp_path / n / "results.json").read_text()) for n in ("one", "two"))
    # Times included: each number was computed once.
    assert one["cards"] == two["cards"]
    found = mu("run", *words, store=store, out=tmp_path / "after")
    assert found.steps == (0, whole.steps[1])
    assert found.values == whole.values


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_cached_run_imports_nothing_heavy(start, tiny, tmp_path, verb):
    words = [verb, *WORDS, *([f"out={tmp_path / 'out'}"] if verb == "run" else [])]
    process = start("-c", IMPORTED, *words, MU_STORE=tiny.store)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == ""


def test_help_imports_nothing_heavy(start):
    process = start("-c", IMPORTED, "--help")
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.splitlines()[-1] == ""
