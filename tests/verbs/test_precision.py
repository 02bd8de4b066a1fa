"""What is said where a recipe asks for bfloat16 and the machine is slow in it."""

import json

import pytest

from mu.verbs import precision

WORDS = ("quickstart", "requests=class", "methods=ssd", "recipe.epochs=1", "seeds=1", "oracles=2")
INLINE = ("compute.workers=0", "compute.progress=false")
BF16 = "recipe.precision=bf16-mixed"


@pytest.fixture
def measured(monkeypatch):
    """A machine of known speed; how often it was measured."""
    found = {"ratio": 8.0, "times": 0}

    def probe():
        found["times"] += 1
        return {"ratio": found["ratio"], "verdict": ""}

    monkeypatch.setattr(precision, "bf16_probe", probe)
    return found


def test_a_plan_says_it_in_a_line_and_measures_once(mu, tmp_path, measured):
    store = tmp_path / "store"
    found = mu("plan", *WORDS, BF16, *INLINE, store=store)
    assert found.code == 0, found.err
    (line,) = [line for line in found.out.splitlines() if "bf16" in line]
    assert line.startswith("recipe digits asks for bf16-mixed, which is emulated here (8.0 times")
    again = mu("plan", *WORDS, BF16, *INLINE, store=store)
    assert line in again.out.splitlines()
    assert measured["times"] == 1


def test_a_run_says_it_before_anything_else(mu, tmp_path, measured):
    found = mu("run", *WORDS, BF16, *INLINE, "null=false", store=tmp_path / "store")
    assert found.code == 0, found.err
    assert found.err.startswith("warning: recipe digits asks for bf16-mixed")


@pytest.mark.parametrize("word", ["recipe.precision=32-true", "compute=ray"])
def test_nothing_is_measured_where_nobody_asks_or_others_compute(mu, tmp_path, measured, word):
    words = [BF16] if word.startswith("compute") else []
    assert "bf16" not in mu("plan", *WORDS, *words, word, store=tmp_path / "store").out
    assert measured["times"] == 0


def test_a_fast_machine_needs_no_word(mu, tmp_path, measured):
    measured["ratio"] = 0.4
    assert "bf16" not in mu("plan", *WORDS, BF16, *INLINE, store=tmp_path / "store").out
    assert measured["times"] == 1


@pytest.mark.parametrize(
    "content", ["{", "[]", "null", '{"MACHINE": 3}', '{"MACHINE": {"bf16": "fast"}}',
                '{"MACHINE": {"bf16": -1}}', '{"MACHINE": {"bf16": NaN}}']
)  # fmt: skip
def test_what_a_strange_store_says_is_measured_anew(tmp_path, measured, content):
    path = tmp_path / precision.FILE
    path.write_text(content.replace("MACHINE", precision.machine()))
    assert precision.bf16_ratio(tmp_path) == 8.0
    assert json.loads(path.read_text())[precision.machine()] == {"bf16": 8.0}


def test_machines_of_one_store_know_nothing_of_each_other(tmp_path, measured, monkeypatch):
    assert precision.bf16_ratio(tmp_path) == 8.0
    measured["ratio"] = 0.3
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(precision, "HOST", "another")
        assert precision.bf16_ratio(tmp_path) == 0.3
    assert precision.bf16_ratio(tmp_path) == 8.0
    assert measured["times"] == 2
