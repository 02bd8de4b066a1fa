"""Sets by loss, and what every selector that reads models shares."""

import numpy as np
import pytest
from forget_sets.problems import links, model, nodes, table
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import CellFailed, UsageError
from mu.forget_sets.budget import extremes
from mu.forget_sets.by_loss import LossSet
from mu.forget_sets.select import select

DATA = table()
TRAIN = DATA.parts["train"]


def chosen(selector, *models, data=DATA, before=None, seed=0):
    return select(selector, data, before or {}, seed, models).ids.tolist()


@given(draw=st.data())
def test_the_set_is_the_end_of_the_order(draw):
    """Against sorting pairs (loss, id); few distinct losses, so that there are ties."""
    given = draw.draw(st.lists(st.sampled_from([0.01, 0.5, 2.0, 9.0]), min_size=30, max_size=30))
    losses = dict(zip(TRAIN.tolist(), given, strict=True))
    count = draw.draw(st.integers(1, 29))
    seen = model(DATA, losses)
    lowest = sorted(losses, key=lambda i: (losses[i], i))[:count]
    highest = sorted(losses, key=lambda i: (-losses[i], i))[:count]
    assert chosen(LossSet("lowest", count=count), seen) == sorted(lowest)
    assert chosen(LossSet("highest", count=count), seen) == sorted(highest)


@given(
    values=st.lists(st.floats(-1, 1), min_size=2, max_size=40, unique=True),
    wanted=st.integers(1, 39),
)
def test_without_ties_both_ends_are_complements(values, wanted):
    ids, values = np.arange(len(values)) * 3, np.array(values)
    wanted = min(wanted, len(ids) - 1)
    high = extremes(ids, values, "highest", wanted)
    low = extremes(ids, values, "lowest", len(ids) - wanted)
    assert sorted([*high, *low]) == ids.tolist()
    assert values[np.isin(ids, high)].min() > values[np.isin(ids, low)].max()


def test_equal_losses_give_the_lowest_ids_in_both_orders():
    for order in ("highest", "lowest"):
        assert chosen(LossSet(order, count=3), model(DATA, 1.0)) == TRAIN[:3].tolist()


def test_losses_of_several_models_are_averaged():
    one, two = model(DATA, {1: 4.0, 3: 3.0}), model(DATA, {1: 0.5, 3: 3.0})
    assert chosen(LossSet(count=1), one) == [1]
    assert chosen(LossSet(count=1, models=2), one, two) == [3]


def test_the_share_is_of_what_is_still_kept():
    before = {"samples": TRAIN[:10]}
    seen = model(DATA, {int(TRAIN[0]): 9.0, 41: 5.0}, trained=TRAIN[10:])
    assert len(chosen(LossSet(share=0.2), seen, before=before)) == 4
    assert chosen(LossSet(count=1), seen, before=before) == [41]


def test_the_seed_does_not_matter():
    seen = model(DATA, {5: 4.0})
    found = [chosen(LossSet(share=0.3), seen, seed=seed) for seed in (0, 1)]
    assert found[0] == found[1]


def test_an_edge_has_the_binary_loss_of_its_pair():
    data = links()
    seen = model(data, {4: 6.0, 9: 3.0, 2: 0.01})
    assert seen.signals.logits.shape[1] == 1
    assert chosen(LossSet(count=2, kind="edges"), seen, data=data) == [4, 9]
    assert chosen(LossSet("lowest", count=1, kind="edges"), seen, data=data) == [2]


def test_nodes_and_features_have_the_loss_of_their_node():
    data = nodes()
    for kind in ("nodes", "features"):
        assert chosen(LossSet(count=1, kind=kind), model(data, {7: 6.0}), data=data) == [7]


def test_an_edge_that_left_with_its_node_is_not_chosen():
    data = links()
    before = {"nodes": data.edges[4][:1]}
    kept = data.without(before).ids
    hardest = int(kept[3])
    seen = model(data, {4: 9.0, hardest: 5.0}, trained=kept)
    assert chosen(LossSet(count=1, kind="edges"), seen, data=data, before=before) == [hardest]


@pytest.mark.parametrize(("data", "kind"), [(nodes(), "edges"), (links(), "nodes")])
def test_elements_without_a_sample_of_their_own_are_refused(data, kind):
    with pytest.raises(UsageError, match=f"{kind} .* one training sample each"):
        chosen(LossSet(count=1, kind=kind), model(data, 1.0), data=data)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_named(value):
    """A model that diverged is no mistake in the request: the cell fails and the grid goes on."""
    with pytest.raises(CellFailed, match=r"sample 7 .* diverged"):
        chosen(LossSet(count=1), model(DATA, {7: value}))


def test_the_samples_of_other_parts_may_have_any_loss():
    assert chosen(LossSet(count=1), model(DATA, {5: 3.0, 0: np.nan, 60: np.nan})) == [5]


@pytest.mark.parametrize(
    ("make", "models", "named"),
    [
        (lambda: LossSet("hardest", count=1), 1, "order='hardest' .*highest, lowest"),
        (lambda: LossSet(1, count=1), 1, "order=1"),
        (lambda: LossSet(count=1, models=0), 0, "models=0"),
        (lambda: LossSet(count=1, models=True), 1, "models=True"),
        (lambda: LossSet(), 1, "share or a count"),
        (lambda: LossSet(share=0.1, count=1), 1, "share or a count"),
        (lambda: LossSet(share=1.5), 1, "share=1.5"),
        (lambda: LossSet(count=30), 1, "count=30 .*1 and 29"),
        (lambda: LossSet(count=0), 1, "count=0"),
        (lambda: LossSet(count=1, kind="edges"), 1, "'edges'"),
        (lambda: LossSet(count=1), 0, "LossSet reads 1 .* given 0.* models: 1"),
        (lambda: LossSet(count=1, models=3), 1, "given 1"),
    ],
)
def test_a_wrong_option_is_named(make, models, named):
    with pytest.raises(UsageError, match=named) as caught:
        chosen(make(), *[model(DATA, 1.0)] * models)
    assert "\n" not in str(caught.value)
