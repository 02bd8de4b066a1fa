"""A fast part of `make faults`: of each operation some calls fail, and every fault is found."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import archives, fuzz
from faults.injection import Faults, injected
from faults.store_faults import ERRORS, OPERATIONS, Operation, tally
from faults.tally import ELSEWHERE, OTHER, TRACEBACK, Tally, Wrong, table

from mu.storing.store import Store

TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_store(monkeypatch, tmp_path):
    monkeypatch.setenv("MU_STORE", str(tmp_path / "none"))  # what the cases set is forgotten


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_of_each_operation_some_calls_fail(operation, tmp_path):
    found = tally(operation, list(ERRORS), tmp_path, every=23)
    assert found.cases >= 5
    assert not found.notes


def test_an_operation_that_loses_what_was_there_is_found(tmp_path):
    def careless(place):
        """Away first, written then: whatever fails between the two is lost."""
        store = Store(place / "store")
        kept = store.load("fit", "a" * 32)
        store.discard("fit", "a" * 32)
        store.write("fit", "a" * 32, kept, label="x", seconds=1.0)

    found = tally(Operation("careless", careless), ["ENOSPC"], tmp_path)
    assert found.faults["lost"] > 3


def test_the_call_whose_turn_it_is_fails_and_half_a_write_is_done(tmp_path):
    faults = Faults(tmp_path / "in", turn=3, error=errno.ENOSPC)
    with injected(faults):
        (tmp_path / "in").mkdir()
        (tmp_path / "out").write_text("elsewhere: not counted")
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "in" / "file").write_bytes(b"abcd")
    assert faults.met[:3] == ["mkdir", "open", "write"] and faults.fired
    assert (tmp_path / "in" / "file").read_bytes() == b"ab"
    assert os.open.__module__ == "posix"


def test_hostile_archives_are_found_where_their_tests_are():
    assert len(list(archives.hostile())) > 50


def test_a_run_that_is_killed_and_one_beside_another(tmp_path):
    """In a process of its own, which forks and has trained nothing."""
    words = ["--share", "0.02", "--seed", "1", "--only", "runs killed", "--jobs", "1"]
    made = subprocess.run(
        [sys.executable, "-m", "faults", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "runs killed at any moment" in made.stdout


@pytest.mark.parametrize("kind", ["words", "archives: forged"])
def test_fuzz_draws_as_many_as_it_says_and_the_same_again(kind):
    one, other = (fuzz.tally(kind, {}, seed=3, share=0.04) for _ in range(2))
    assert one.cases == other.cases == int(0.04 * fuzz.COUNTS[kind])
    assert not one.notes


def test_what_does_not_hold_is_counted_and_shown():
    found = Tally("a part")
    found.add("fine")
    for error in (Wrong(ELSEWHERE, "x"), AssertionError("x"), KeyError("x")):
        found.add("case", error)
    assert found.held == 1
    assert found.faults == {ELSEWHERE: 1, OTHER: 1, TRACEBACK: 1}
    assert table([found]).splitlines()[-1].split() == ["all", "4", "1", "1", "1", "0", "1"]


def test_cases_are_as_many_as_promised():
    assert sum(fuzz.COUNTS.values()) >= 4000
