"""Smaller versions of an experiment: ``scale=`` from its own file, ``mode=`` for any."""

import pytest

from mu.configuration.choices import choices
from mu.configuration.experiment import load_experiment
from mu.errors import UsageError

EXPERIMENT = """
title: Mine
scales:
  small: {data: digits, seeds: 2, oracles: 1, set: {recipe.epochs: 2, data.n_train: 5}}
blocks:
  - data: digits_nodes
    model: small_cnn
    recipe: digits
    seeds: 7
    methods: [finetune]
    set: {recipe.epochs: 50}
    requests: {class: {request: class, label: 3}}
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(EXPERIMENT)
    return str(path)


def test_a_scale_replaces_choices_and_settings(mine):
    whole, small = load_experiment(mine), load_experiment(mine, ["scale=small"])
    assert (whole.name, whole.blocks[0].names["data"], len(whole.blocks[0].seeds)) == (
        "mine",
        "digits_nodes",
        7,
    )
    block = small.blocks[0]
    assert (small.name, small.title) == ("mine_small", "Mine (small)")
    assert (block.names["data"], len(block.seeds), block.oracles) == ("digits", 2, 1)
    assert block.config["recipe"]["epochs"] == 2, "wins over the block's own setting"


def test_a_word_wins_over_the_variant(mine):
    block = load_experiment(mine, ["scale=small", "recipe.epochs=9", "seeds=3"]).blocks[0]
    assert (block.config["recipe"]["epochs"], len(block.seeds)) == (9, 3)


def test_scale_and_mode_together(mine):
    experiment = load_experiment(mine, ["scale=small", "mode=smoke"])
    assert experiment.name == "mine_small_smoke"
    assert experiment.blocks[0].config["recipe"]["epochs"] == 1
    assert len(experiment.blocks[0].seeds) == 1


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_has_a_smoke_mode(name):
    for block in load_experiment(name, ["mode=smoke"]).blocks:
        assert len(block.seeds) == 1
        assert block.config["recipe"]["epochs"] == 1
        backbone = (block.config["recipe"].get("fit") or {}).get("backbone")
        if backbone:  # a training of its own, on data of its own
            assert backbone["recipe"]["epochs"] == 1
            assert backbone["data"]["n_train"] == 200
        for name_of_row, row in block.methods.items():
            assert row["config"].get("epochs", 1) <= 2, f"{name_of_row}: a row's own options win"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("scale=smal", "did you mean small"),
        ("mode=smok", "did you mean smoke"),
    ],
)
def test_unknown_variants_are_named(mine, word, said):
    with pytest.raises(UsageError, match=said):
        load_experiment(mine, [word])


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ("{small: {modle: gcn}}", "did you mean model"),
        ("{small: 3}", "a variant is a mapping"),
        ("{small: {set: 3}}", "set must be a mapping"),
        ("3", "scales must map"),
    ],
)
def test_a_wrong_variant_is_named(tmp_path, scales, said):
    path = tmp_path / "mine.yaml"
    own = EXPERIMENT[EXPERIMENT.index("scales") : EXPERIMENT.index("blocks")].rstrip()
    path.write_text(EXPERIMENT.replace(own, f"scales: {scales}"))
    with pytest.raises(UsageError, match=said):
        load_experiment(str(path), ["scale=small"])
