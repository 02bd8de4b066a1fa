"""Overlap of selections, from cards and a store."""

from types import SimpleNamespace

import numpy as np
import pytest
from records import card, read

from mu.artifact import Artifact
from mu.reporting.overlap import overlap_maps, overlap_tables
from mu.verbs.overlap import mean_overlap, overlaps

LOSS = {"order": "lowest", "share": 0.5, "count": None, "models": 1}


def problem(requests, sets, method="original"):
    """Blocks, a store and cards of a run that made these sets of ids."""
    made = {
        f"{name}{pair}": Artifact({}, {"elements": np.array(ids)})
        for (name, pair), ids in sets.items()
    }
    cards = [
        card(
            **{"request": name, "pair": pair, "method": method},
            **{"n_forget": len(ids), "n_retain": 10 - len(ids)},
            keys={"selection": f"{name}{pair}"},
        )
        for (name, pair), ids in sets.items()
    ]
    store = SimpleNamespace(load=lambda step, key: made[key])
    return [SimpleNamespace(requests=requests)], store, cards


def test_sets_of_models_are_compared_over_seeds_and_between_requests():
    sets = {("a", 0): [1, 2], ("a", 1): [2, 3], ("b", 0): [1, 2, 3], ("b", 1): [7, 8, 9]}
    requests = {"a": [LOSS], "b": [{"share": 0.3}]}
    (found,) = overlaps(*problem(requests, sets))
    assert found["names"] == ["a", "b"]
    assert found["values"] == [[0.5, 0.5], [0.5, 0.0]]
    assert found["chance"] == [[0.2, 0.3], [0.3, 0.3]]


def test_nothing_is_said_where_no_model_selects():
    assert overlaps(*problem({"a": [{"share": 0.3}]}, {("a", 0): [1]})) == []


def test_sequences_are_left_out():
    assert overlaps(*problem({"a": [LOSS, LOSS]}, {("a", 0): [1]})) == []


def test_one_pair_says_nothing_of_seeds():
    assert mean_overlap({("a", 0): frozenset({1})}, "a", "a") is None
    (found,) = overlaps(*problem({"a": [LOSS]}, {("a", 0): [1]}))
    assert found["values"] == [[None]]


def test_the_report_has_a_map_and_a_table():
    sets = {("a", 0): [1, 2], ("a", 1): [2, 3], ("b", 0): [4], ("b", 1): [4]}
    results = read({"overlaps": overlaps(*problem({"a": [LOSS], "b": [LOSS]}, sets))})
    (heat,) = overlap_maps(results)
    assert heat.columns == ["a", "b"] and heat.last == "chance"
    (rows,) = overlap_tables(results)
    assert rows[0] == ["overlap of sets, set", "a", "b", "chance"]
    assert rows[1] == ["a", "50", "0", "20"] and rows[2] == ["b", "0", "100", "10"]
    assert overlap_maps(read({})) == []


@pytest.mark.parametrize("method", ["finetune", "oracle"])
def test_each_selection_is_read_once(method):
    found = overlaps(*problem({"a": [LOSS]}, {("a", 0): [1]}, method))
    assert found == []
