"""How many pairs are needed, from the pairs there are."""

from typing import Any

import records
from calibration_case import PANEL, cards

from mu.results.power import Power, power_of


def power(found: list[dict[str, Any]], panel: dict = PANEL) -> Power:
    got = power_of([records.card(**one) for one in found], panel)
    assert got is not None
    return got


def without(found: list[dict[str, Any]], *rows: str) -> list[dict[str, Any]]:
    return [one for one in found if one["method"] not in rows]


def test_numbers_are_those_of_the_rule_for_the_decisive_scores():
    got = power(cards(10))
    assert [one.title for one in got.scores] == ["KL", "RMIA"] and got.pairs == 10
    assert all(one.power for one in got.scores) and not got.blind and not got.missing
    assert got.tell == max(got.scores, key=lambda one: one.tell)
    assert got.recognise == max(got.scores, key=lambda one: one.recognise)
    assert 2 <= got.tell.tell <= 4 and 3 <= got.recognise.recognise <= 8


def test_methods_do_not_matter():
    assert power(without(cards(5), "half", "gone")) == power(cards(5))


def test_without_a_null_row_an_oracle_stands_for_it():
    found = cards(10)
    assert power(without(found, "null")).recognise.recognise >= 3
    for one in found:  # a null row that varies a lot
        if one["method"] == "null":
            one["values"] |= {"kl": one["values"]["kl"] + 0.05 * (-1) ** one["pair"]}
    assert power(found).recognise.recognise > power(without(found, "null")).recognise.recognise
    two = power(without(cards(10, oracles=2), "null"))
    assert two.tell and two.recognise is None


def test_a_score_without_a_gap_is_blind_and_never_tells():
    found = cards(6)
    for one in found:
        if one["method"] == "original":
            oracles = one["oracle"]["rmia"]
            one["values"] |= {"rmia": sum(oracles) / len(oracles)}
    got = power(found)
    assert [one.title for one in got.blind] == ["RMIA"]
    assert got.tell is None and got.scores[1].tell is None and got.scores[0].tell


def test_a_decisive_score_without_values_is_named():
    found = [
        one | {"values": {k: v for k, v in one["values"].items() if k != "kl"}} for one in cards(5)
    ]
    got = power(found)
    assert got.missing == ["KL"] and [one.title for one in got.scores] == ["RMIA"]


def test_pairs_that_did_not_finish_do_not_count():
    found = cards(6)
    for one in found[:4]:
        one["values"] = {}
    for one in found[4:8]:
        one["oracle"] = {}
    assert power(found).pairs == 4
    assert power_of([records.card(**one) for one in found[:8]], PANEL) is None
    assert power_of([], PANEL) is None


def test_one_pair_does_not_say_what_recognises():
    got = power(cards(1))
    assert got.pairs == 1 and got.recognise is None
