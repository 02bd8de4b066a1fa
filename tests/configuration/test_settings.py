"""What is set beside the choices: into configurations that have the key, noted when used."""

import pytest
import yaml

from mu.configuration.choices import choices
from mu.configuration.experiment import load_experiment
from mu.configuration.settings import Settings
from mu.errors import UsageError

CONFIG = {"recipe": {"epochs": 3, "optimizer": {"lr": 0.1}}, "model": {"width": "???"}}


def test_values_go_where_the_key_is_and_the_configuration_given_stays():
    settings = Settings({"recipe.optimizer.lr": 0.2, "model.width": 5, "model.depth": 1})
    found = settings.into(CONFIG)
    assert found == {"recipe": {"epochs": 3, "optimizer": {"lr": 0.2}}, "model": {"width": 5}}
    assert CONFIG["recipe"]["optimizer"]["lr"] == 0.1
    assert settings.used == {"recipe.optimizer.lr", "model.width"}
    assert settings.unused() == ["model.depth"]


def test_words_win_over_variants_and_variants_over_the_block():
    key = "recipe.epochs"
    for given, epochs in (
        (({key: 4},), 4),
        (({key: 4}, {key: 5}), 5),
        (({key: 4}, {key: 5}, {key: 6}), 6),
    ):
        assert Settings(*given).into(CONFIG)["recipe"]["epochs"] == epochs
    more = {"under": {key: 7, "recipe.optimizer.lr": 7.0}, "over": {"model.width": 8}}
    found = Settings({key: 4, "model.width": 4}).into(CONFIG, **more)
    assert found == {"recipe": {"epochs": 4, "optimizer": {"lr": 7.0}}, "model": {"width": 8}}


def test_only_what_the_block_itself_sets_must_be_used():
    settings = Settings({}, {"recipe.nosuch": 1}, {"recipe.neither": 1})
    settings.into(CONFIG)
    assert (settings.used, settings.unused()) == (set(), [])


def test_a_value_of_another_type_is_refused_whatever_it_replaces():
    with pytest.raises(UsageError, match="epochs='x' is a word"):
        Settings({"recipe.epochs": "x"}).into(CONFIG)
    shown = {"recipe": {"epochs": "${recipe.passes}", "passes": 3}}
    assert Settings({"recipe.epochs": 4}).into(shown)["recipe"]["epochs"] == 4
    with pytest.raises(UsageError, match="epochs='x' is a word; it takes a whole number"):
        Settings({"recipe.epochs": "x"}).into(shown)


def test_options_are_set_whole():
    settings = Settings({"request.label": 3, "request.lower.epochs": 2, "recipe.label": 4})
    assert settings.options("request", {"label": 1, "lower": {"epochs": 1}}) == {
        "label": 3,
        "lower": {"epochs": 1},
    }
    assert settings.used == {"request.label"}


def test_what_another_block_has_excuses_no_block(tmp_path):
    raw = yaml.safe_load(choices("experiment")["quickstart"].read_text())
    images, links = raw["blocks"]
    key, value = "data.neighbours", 4
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"blocks": [links | {"set": {key: value}}, images]}))
    assert load_experiment(str(path)).blocks[0].config["data"]["neighbours"] == value
    both = [links | {"set": {key: value}}, images | {"set": {key: value}}]
    path.write_text(yaml.safe_dump({"blocks": both}))
    with pytest.raises(UsageError, match=r"set: data\.neighbours is a key that the block does not"):
        load_experiment(str(path))
