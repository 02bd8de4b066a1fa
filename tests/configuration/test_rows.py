"""Rows of a block: methods with options of their own, and what tuning found."""

import pytest
import yaml

from mu.configuration.experiment import load_experiment
from mu.configuration.rows import TAKEN, listed_rows
from mu.errors import UsageError
from mu.results.words import NOT_METHODS

BLOCK = {
    "data": "digits",
    "model": "small_cnn",
    "recipe": "digits",
    "seeds": 2,
    "methods": ["finetune", {"finetune_long": {"method": "finetune", "epochs": 9}}],
    "requests": {
        "class": {"request": "class", "label": 3},
        "random": {"request": "random", "share": 0.1},
    },
    "tuning": {"seeds": [1000], "requests": {"class": {"label": 7}}},
}
TUNED = [{"data": "digits", "model": "small_cnn", "request": "class", "options": {"lr": 0.5}}]


@pytest.fixture
def blocks(tmp_path, monkeypatch):
    method = tmp_path / "configs" / "method"
    method.mkdir(parents=True)
    options = {
        "_target_": "mu.unlearning.finetune.FineTune", "epochs": 5, "lr": 0.01, "batch_size": 64,
        "search": {"lr": {"low": 0.1, "high": 1.0}}, "tuned": TUNED,
        "stored": {"x": {"_target_": "a.B", "size": "${method.batch_size}"}},
    }  # fmt: skip
    (method / "finetune.yaml").write_text(yaml.safe_dump(options))
    monkeypatch.setenv("MU_CONFIGS", str(tmp_path / "configs"))

    def load(*words, tuning=False, **changes):
        path = tmp_path / "e.yaml"
        path.write_text(yaml.safe_dump({"blocks": [BLOCK | changes]}))
        return load_experiment(str(path), words, tuning=tuning).blocks[0]

    return load


def test_a_row_names_a_method_and_options(blocks):
    rows = blocks().methods
    assert list(rows) == ["finetune", "finetune_long"]
    assert rows["finetune_long"]["base"] == "finetune"
    assert rows["finetune_long"]["config"]["epochs"] == 9
    assert rows["finetune_long"]["changed"] == ["method.epochs"]
    assert list(blocks("methods=finetune_long").methods) == ["finetune_long"]


def test_a_checkpoint_is_looked_for_whatever_its_row_is_called(blocks):
    theirs = {"theirs": {"method": "external", "weights": "/nowhere/{request}_{pair}.pt"}}
    with pytest.raises(UsageError, match=r"no weights file /nowhere/class_0\.pt"):
        blocks(methods=["finetune", theirs])


def test_what_the_row_names_wins_over_the_command_line(blocks):
    rows = blocks("method.epochs=2").methods
    assert [row["config"]["epochs"] for row in rows.values()] == [2, 9]


def test_only_options_reach_the_method_and_stored_ones_follow_them(blocks):
    config = blocks("method.batch_size=16").methods["finetune"]["config"]
    assert set(config) == {"_target_", "epochs", "lr", "batch_size", "stored"}
    assert config["stored"] == {"x": {"_target_": "a.B", "size": 16}}


def test_tuned_options_hold_for_their_data_model_and_request_and_yield_to_words(blocks):
    row = blocks().methods["finetune"]
    assert row["tuned"] == {"class": True, "random": False}
    assert [row["configs"][name]["lr"] for name in ("class", "random")] == [0.5, 0.01]
    assert blocks("method.lr=0.2").methods["finetune"]["configs"]["class"]["lr"] == 0.2
    other = blocks("model=lenet5").methods["finetune"]
    assert other["tuned"]["class"] is False
    assert other["configs"]["class"]["lr"] == 0.01


def test_tuning_takes_other_seeds_and_forget_sets(blocks):
    block = blocks(tuning=True)
    assert block.seeds == [1000]
    assert block.names["evaluation"] == "tuning"
    assert block.requests["class"][0]["label"] == 7
    with pytest.raises(UsageError, match="has 1000, a seed that the table reports"):
        blocks(tuning=True, seeds=[1000])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["a", "a"], "twice"),
        ([{"a": 3}], "must be a name or"),
        ([{"a": {"epochs": 3}}], "must be a name or"),
        (["null"], "null is a row of every table"),
        ([None], "null is a row of every table"),
        ([{"oracle": {"method": "ssd"}}], "oracle is a row of every table"),
    ],
)
def test_wrong_rows_are_named(entries, message):
    with pytest.raises(UsageError, match=message):
        listed_rows(entries)


def test_the_names_that_are_taken_are_those_of_the_record():
    assert TAKEN == NOT_METHODS


def test_no_row_is_asked_for_by_the_name_of_a_reference(blocks):
    with pytest.raises(UsageError, match="null is a row of every table"):
        blocks("methods=null")


def test_the_null_row_can_be_turned_off(blocks, tmp_path):
    assert blocks().null
    assert not blocks("null=false").null
    assert not blocks(null=False).null and blocks("null=true", null=False).null
    unquoted = tmp_path / "unquoted.yaml"
    text = yaml.safe_dump({"blocks": [BLOCK], "scales": {"small": {"seeds": 1}}})
    unquoted.write_text(text.replace("- data:", "- null: false\n  data:"))
    assert "null: false" in unquoted.read_text()
    assert not load_experiment(str(unquoted)).blocks[0].null
    scaled = tmp_path / "scaled.yaml"
    scaled.write_text(text.replace("small:", "small:\n    null: false"))
    assert load_experiment(str(scaled)).blocks[0].null
    assert not load_experiment(str(scaled), ["scale=small"]).blocks[0].null
    with pytest.raises(UsageError, match="null=some must be true or false"):
        blocks("null=some")


def test_an_option_that_the_method_lacks_is_named(blocks):
    with pytest.raises(UsageError, match="option of finetune 'epoch'; did you mean epochs"):
        blocks(methods=[{"a": {"method": "finetune", "epoch": 3}}])
