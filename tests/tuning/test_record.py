"""Best options in a method's YAML: what is written is what is used, and nothing else changes."""

import pytest
import yaml

from mu.configuration.choices import read_yaml
from mu.configuration.compose import BlockChoices
from mu.configuration.rows import configured
from mu.configuration.settings import Settings
from mu.errors import UsageError
from mu.tuning.record import check_writable, record_of, with_section, write_best
from mu.tuning.study import Search, Tried

TEXT = """# FineTune: mine
_target_: mu.unlearning.finetune.FineTune
epochs: 5  # passes
lr: 0.01
batch_size: 64
momentum: 0.9
weight_decay: 0.0
optimizer: sgd
search:
  lr: {low: 1.0e-3, high: 0.1, log: true}
"""
SPACE = {"lr": {"low": 1e-3, "high": 0.1, "log": True}}
NAMES = {"data": "digits", "model": "small_cnn", "recipe": "digits"}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of configurations of one's own, with a finetune in it."""
    path = tmp_path / "method" / "finetune.yaml"
    path.parent.mkdir()
    path.write_text(TEXT)
    monkeypatch.setenv("MU_CONFIGS", str(tmp_path))
    return path


def found(lr, kind="class", objective=0.1):
    search = Search("finetune", kind, "digits", "small_cnn", {"lr": 0.01}, SPACE)
    search.tried = [Tried({"lr": 0.01}, 0.5), Tried({"lr": lr}, objective)]
    return search


def used(kind):
    row = configured(("finetune", {}), BlockChoices(NAMES, Settings({})), {"mine": kind})
    return row["configs"]["mine"]["lr"], row["tuned"]["mine"]


def test_what_is_written_is_what_runs(own):
    assert used("class") == (0.01, False)
    write_best(found(0.03), {"experiment": "e", "seeds": [1000, 1001]})
    assert used("class") == (0.03, True)
    assert used("random") == (0.01, False), "another kind of request"
    write_best(found(0.002, "random"), {})
    write_best(found(0.05), {})
    assert used("class") == (0.05, True)
    assert used("random") == (0.002, True)


def test_nothing_else_changes(own):
    write_best(found(0.03), {})
    text = own.read_text()
    assert text.startswith(TEXT)
    (entry,) = read_yaml(own)["tuned"]
    assert entry == {
        "data": "digits",
        "model": "small_cnn",
        "request": "class",
        "options": {"lr": 0.03},
        "gap": 0.1,
        "default_gap": 0.5,
        "trials": 2,
    }
    write_best(found(0.03), {})
    assert own.read_text() == text


def test_a_section_in_the_middle_is_moved_to_the_end():
    text = "a: 1\ntuned:\n- {data: x}\n# about b\nb: 2\n"
    new = with_section(text, [{"data": "y"}])
    assert new == "a: 1\n# about b\nb: 2\ntuned:\n- {data: y}\n"
    assert yaml.safe_load(new) == {"a": 1, "b": 2, "tuned": [{"data": "y"}]}


def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(own, monkeypatch):
    check_writable(["finetune"])
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UsageError, match="MU_CONFIGS"):
        check_writable(["finetune"])


def test_the_record_holds_every_trial():
    record = record_of([found(0.03)], {"seeds": [1000]})
    assert record["seeds"] == [1000]
    (one,) = record["searches"]
    assert one["best"] == {"lr": 0.03}
    assert [trial["objective"] for trial in one["trials"]] == [0.5, 0.1]
