"""Halves and folds: balanced, complementary, drawn anew; selections that `fit` trains without."""

import json

import numpy as np
import pytest
from forget_sets.problems import links, model, nodes, table
from hypothesis import given
from hypothesis import strategies as st

from mu.artifact import Artifact
from mu.data.base import removed_elements
from mu.data.build import build_data
from mu.errors import UsageError
from mu.forget_sets import partition, select
from mu.forget_sets.partition import fold, other_half, sample_kind

DATA = {"table": table(), "nodes": nodes(), "links": links()}
KIND = {"table": "samples", "nodes": "nodes", "links": "edges"}
NOTHING: dict = {"removed": [], "signals": [], "holdouts": []}
DIGITS = {"_target_": "mu.data.digits_graph.DigitsLinks"}


def trained(data, before, half, seed) -> set:
    """Samples that a model of this half is trained on."""
    taken = other_half(data, before, half, seed)
    both = np.union1d(before.get(taken.kind, np.empty(0, np.int64)), taken.ids)
    return set(data.without(before | {taken.kind: both}).ids.tolist())


@pytest.mark.parametrize("name", DATA)
@given(pair=st.integers(0, 3), seed=st.integers(0, 99), gone=st.integers(0, 5))
def test_two_halves_are_complements_and_balanced(name, pair, seed, gone):
    data, kind = DATA[name], KIND[name]
    before = {kind: data.elements(kind)[:gone]} if gone else {}
    kept = set(data.without(before).ids.tolist())
    one, two = (trained(data, before, half, seed) for half in (2 * pair, 2 * pair + 1))
    assert one | two == kept
    assert not one & two
    assert abs(len(one) - len(two)) <= 1


@pytest.mark.parametrize("name", DATA)
@given(folds=st.integers(2, 6), seed=st.integers(0, 99), gone=st.integers(0, 5))
def test_folds_deal_out_what_is_kept(name, folds, seed, gone):
    data, kind = DATA[name], KIND[name]
    before = {kind: data.elements(kind)[:gone]} if gone else {}
    parts = [fold(data, before, number, folds, seed).ids for number in range(folds)]
    kept = np.setdiff1d(data.elements(kind), before.get(kind, []))
    assert sorted(np.concatenate(parts)) == kept.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(UsageError, match=f"fold={folds}"):
        fold(data, before, folds, folds, seed)


def test_every_pair_of_halves_and_every_seed_is_another_draw():
    data = DATA["table"]
    found = {other_half(data, {}, half, seed).digest() for half in range(6) for seed in range(3)}
    assert len(found) == 18
    assert other_half(data, {}, 2, 1).digest() == other_half(data, {}, 2, 1).digest()


@pytest.mark.parametrize("name", DATA)
def test_the_kind_takes_one_sample_each_out_of_training(name):
    assert sample_kind(DATA[name]) == KIND[name]


def test_edges_that_left_with_a_node_are_in_no_half():
    data = DATA["links"]
    before = {"nodes": data.edges[0][:1]}
    gone = data.incident(before["nodes"])
    taken = np.concatenate([other_half(data, before, half, 0).ids for half in (0, 1)])
    assert sorted(taken) == np.setdiff1d(data.elements("edges"), gone).tolist()


@pytest.mark.parametrize(
    ("before", "half", "named"),
    [({}, -1, "half=-1"), ({"samples": DATA["table"].parts["train"][1:]}, 0, "1 samples are kept")],
)
def test_a_half_that_cannot_be_is_named(before, half, named):
    with pytest.raises(UsageError, match=named):
        other_half(DATA["table"], before, half, 0)


def test_a_half_is_a_selection():
    """The step's artifact has what steps read of a selection, and what they derive agrees."""
    data, config = build_data(DIGITS), {"data": DIGITS, "seed": 5}
    chooser = {"_target_": "mu.forget_sets.random.RandomSet", "kind": "edges", "count": 40}
    first = select.step(config | {"request": chooser}, NOTHING, None)
    half = partition.step(config | {"half": 1}, {"removed": [first]}, None)
    # what judges, warns of or exports a request is asked of none that is never scored
    assert set(half.facts) == set(first.facts) - {"whole_classes", "twins", "names"}
    assert set(half.arrays) == set(first.arrays)
    kept = data.without(removed_elements([first, half]))
    assert half.facts["kept"] == kept.digest() and half.facts["view"] == kept.view.digest()
    assert half.facts["n_retain"] == len(kept.ids) == (len(data.parts["train"]) - 40) // 2
    json.dumps(half.facts)


def test_the_steps_hand_models_of_halves_to_a_selector():
    """halves → (fit, predict) → select: the edge that one side recalls is the one selected."""
    data, config = build_data(DIGITS), {"data": DIGITS, "seed": 5}
    drawn = [partition.step(config | {"half": k}, {"removed": []}, None) for k in (0, 1)]
    recalled, signals = 17, []
    for half in drawn:
        inside = recalled in half.arrays["retain"]
        found = model(data, {recalled: 0.01 if inside else 3.0}).signals
        arrays = {"index": found.index, "logits": found.logits, "targets": found.targets}
        signals.append(Artifact({}, arrays))
    chooser = {
        "_target_": "mu.forget_sets.memorisation.MemorisationSet",
        **{"kind": "edges", "count": 1, "halves": 2},
    }
    inputs = {"removed": [], "signals": signals, "holdouts": drawn}
    found = select.step(config | {"request": chooser}, inputs, None)
    assert found.arrays["elements"].tolist() == [recalled]
    loss = {"_target_": "mu.forget_sets.by_loss.LossSet", "kind": "edges", "count": 1, "models": 2}
    hardest = select.step(config | {"request": loss}, NOTHING | {"signals": signals}, None)
    assert hardest.arrays["elements"].tolist() == [recalled]
