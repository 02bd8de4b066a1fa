"""A card says what it was given, and nothing that no card has."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import pytest
import records

from mu.results.card import Card, Keys
from mu.results.place import Place

SCORES = {"ua": {"title": "UA", "headline": True}, "kl": {"title": "KL", "headline": False}}


def test_a_card_of_an_older_version_is_written_without_what_it_lacked():
    old = records.CARD | {"values": {"ua": 0.5}}
    read = Card.read(old)
    assert (read.tuned, read.oracle_recipe, read.keys, read.details) == (False, "same", Keys(), {})
    assert read.plain() == old and list(read.plain()) == list(old)
    new = old | {"tuned": True, "keys": {"learner": "k", "oracles": ["a"]}}
    assert Card.read(new).keys == Keys(learner="k", oracles=["a"])
    assert Card.read(new).plain()["tuned"] is True


def test_pictures_are_written_where_there_are_some():
    new = records.card()
    assert "gallery" not in new.plain()
    assert replace(new, gallery={"ids": [1]}).plain()["gallery"] == {"ids": [1]}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"set_shared": True}, "set_shared"),
        ({"absent": []}, "absent"),
        ({"keys": {"lerner": "k"}}, "lerner"),
        ({"seeds": {"train": 0}}, "select"),
    ],
)
def test_what_no_card_has_is_refused_by_name(given, named):
    with pytest.raises(TypeError, match=named):
        Card.read(records.CARD | given)


def test_what_every_card_has_is_asked_for():
    with pytest.raises(TypeError, match="'method'"):
        Card.read({name: value for name, value in records.CARD.items() if name != "method"})


def test_a_field_that_nobody_declared_cannot_be_set():
    with pytest.raises(TypeError, match="set_shared"):
        Card(**records.CARD, set_shared=True)
    with pytest.raises(FrozenInstanceError):
        records.card().tuned = True


def test_numbers_are_finite_or_none():
    values = {"ua": math.nan, "kl": math.inf, "ta": 1, "word": "x"}
    one = records.card(values=values, oracle={"ua": [0.5, None, math.nan]})
    assert [one.number(name) for name in (*values, "gone")] == [None, None, 1.0, None, None]
    assert (one.oracle_values("ua"), one.oracle_values("ta")) == ([0.5], [])
    assert one.oracles == 3
    assert one.place == Place(0, "random", 0)
    assert [one.infinite(name) for name in (*values, "gone")] == [False, True, False, False, False]


def test_infinite_values_are_written_in_strict_json_and_read_again():
    one = records.card(values={"kl": math.inf, "ua": 0.5}, oracle={"kl": [0.1, math.inf, None]})
    text = json.dumps(one.plain(), allow_nan=False)
    assert json.loads(text)["values"] == {"kl": "inf", "ua": 0.5}
    again = Card.read(json.loads(text))
    assert again.values == one.values and again.oracle == one.oracle
    assert again.infinite("kl") and again.number("kl") is None
    assert again.oracle_values("kl") == [0.1]
    assert again.plain() == one.plain()


def test_a_headline_score_that_is_no_number_fails_a_card_where_it_applies():
    one = records.card(values={"ua": None, "kl": None}, oracle={"ua": [0.5], "kl": [0.5]})
    assert one.failure() == "" and one.failure(SCORES) == "UA is not a number"
    assert replace(one, oracle={}).failure(SCORES) == ""
    assert replace(one, values={"ua": math.inf}).failure(SCORES) == "", "far off, and known"
    broken = replace(one, error="StepFailed: no\nmemory")
    assert broken.failure() == broken.failure(SCORES) == "StepFailed: no memory"
    assert not broken.refused and not one.refused
    assert replace(one, error="not applicable: one logit").refused
