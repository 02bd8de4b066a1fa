"""Memorisation: the estimate, and sets that only models trained on them get right."""

import numpy as np
import pytest
import torch
from forget_sets.problems import model, nodes, table
from hypothesis import given
from hypothesis import strategies as st

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.evaluation.signals import Signals
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.memorisation import MemorisationSet, memorisation
from mu.forget_sets.partition import other_half
from mu.forget_sets.select import select

ODD = 7  # the mislabelled sample of the clusters


@given(draw=st.data(), models=st.integers(1, 4), n=st.integers(1, 6))
def test_the_estimate_is_a_difference_of_means(draw, models, n):
    models *= 2
    rng = np.random.default_rng(draw.draw(st.integers(0, 999)))
    values = rng.random((models, n))
    inside = np.array([rng.permutation(np.arange(models) % 2 == 0) for _ in range(n)]).T
    expected = [values[inside[:, i], i].mean() - values[~inside[:, i], i].mean() for i in range(n)]
    found = memorisation(values, inside)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(memorisation(values, ~inside), -found, atol=1e-12)
    assert (np.abs(found) <= 1).all()


def test_a_sample_that_is_always_or_never_in_has_no_estimate():
    for inside in ([[True], [True]], [[False], [False]]):
        with pytest.raises(UsageError, match="all models or of none"):
            memorisation(np.ones((2, 1)), np.array(inside))
    with pytest.raises(UsageError, match="inside is"):
        memorisation(np.ones((2, 2)), np.ones((2, 1), bool))


def clusters(seed: int = 0) -> TensorData:
    """Two far clusters of 30 with their labels; sample `ODD` carries the label of the other one."""
    rng = np.random.default_rng(seed)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 2)) * 0.3 + 6 * y[:, None]
    y[ODD] = 1 - y[ODD]
    ids = np.arange(80)
    return TensorData(
        torch.tensor(x), torch.tensor(y), train=ids[:60], validation=ids[60:70], test=ids[70:]
    )


def recalling_model(data: TensorData, trained: np.ndarray) -> HelperModel:
    """A model that recalls what it was trained on and else says the label of the nearest centre."""
    x, y = data.x.numpy(), data.y.numpy()
    centres = np.stack([np.median(x[trained][y[trained] == c], axis=0) for c in (0, 1)])
    logits = -np.linalg.norm(x[:, None] - centres[None], axis=2)
    logits[trained, y[trained]] = 9.0
    return HelperModel(Signals(np.arange(len(x)), logits, y), trained)


@pytest.mark.parametrize("measure", ["probability", "correctness"])
@pytest.mark.parametrize("seed", range(5))
def test_the_sample_that_is_right_only_when_trained_on_is_the_most_memorised(measure, seed):
    data = clusters(seed)
    before: dict = {}
    models = [
        recalling_model(data, np.setdiff1d(data.parts["train"], other_half(data, before, k, 3).ids))
        for k in range(4)
    ]
    highest = MemorisationSet("highest", count=1, measure=measure)
    assert select(highest, data, {}, 0, models).ids.tolist() == [ODD]
    lowest = MemorisationSet("lowest", count=59, measure=measure)
    assert ODD not in select(lowest, data, {}, 0, models).ids


def test_high_loss_alone_is_not_memorised():
    """A sample that no model gets right is hard, and not remembered by those that saw it."""
    data = table()
    train = data.parts["train"]
    sides = [train[::2], train[1::2]]
    hard, recalled = int(train[4]), int(train[6])
    models = [
        model(data, {hard: 8.0, recalled: 0.01 if recalled in side else 2.0}, trained=side)
        for side in sides
    ]
    found = select(MemorisationSet(count=1, halves=2), data, {}, 0, models)
    assert found.ids.tolist() == [recalled]


def test_the_least_memorised_are_nearest_to_no_difference():
    """A sample that only models without it get right was guessed, and is as uncertain as any."""
    data = table()
    train = data.parts["train"]
    sides = [train[::2], train[1::2]]
    losses = [{i: 0.5 if i in side else 0.9 for i in train.tolist()} for side in sides]
    guessed, even = int(train[4]), int(train[9])
    for side, loss in zip(sides, losses, strict=True):
        loss |= {guessed: 2.0 if guessed in side else 0.1, even: 0.7}
    models = [model(data, loss, side) for side, loss in zip(sides, losses, strict=True)]
    found = select(MemorisationSet("lowest", count=1, halves=2), data, {}, 0, models)
    assert found.ids.tolist() == [even]
    highest = MemorisationSet("highest", count=28, halves=2)
    assert not {guessed, even} & set(select(highest, data, {}, 0, models).ids.tolist())


def test_nodes_are_memorised_too():
    data = nodes()
    sides = [np.arange(0, 20, 2), np.arange(1, 20, 2)]
    models = [model(data, {5: 0.01 if 5 in side else 3.0}, trained=side) for side in sides]
    chooser = MemorisationSet(count=1, halves=2, kind="nodes")
    assert select(chooser, data, {}, 0, models).ids.tolist() == [5]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: MemorisationSet(count=1), "reads 4 models and was given 2; .* halves: 4"),
        (lambda: MemorisationSet(count=1, halves=2), "sample 1 .* every model's training set"),
        (lambda: MemorisationSet(count=1, halves=1), "halves=1"),
        (lambda: MemorisationSet(count=1, halves="4"), "halves='4'"),
        (lambda: MemorisationSet("most", count=1), "order='most'"),
        (lambda: MemorisationSet(count=1, measure="loss"), "measure='loss'"),
        (lambda: MemorisationSet(halves=2), "share or a count"),
    ],
)
def test_what_cannot_be_estimated_is_named(make, named):
    data = table()
    with pytest.raises(UsageError, match=named) as caught:
        select(make(), data, {}, 0, [model(data, 1.0)] * 2)
    assert "\n" not in str(caught.value)
