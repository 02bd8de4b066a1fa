"""Sets by the loss of models that never saw a sample."""

import numpy as np
import pytest
from forget_sets.problems import links, model, table

from mu.errors import UsageError
from mu.forget_sets.held_out_loss import HeldOutLossSet, held_out_losses
from mu.forget_sets.partition import fold
from mu.forget_sets.select import select

DATA = table()
TRAIN = DATA.parts["train"]


def fitted(losses, folds=3, data=DATA):
    """Models of folds; each has the losses given on what it has not seen, and 0.01 elsewhere."""
    models = []
    for number in range(folds):
        out = fold(data, {}, number, folds, 0).ids
        own = {int(i): losses.get(int(i), 1.0) for i in out}
        known = {int(i): 0.01 for i in np.setdiff1d(data.parts["train"], out)}
        models.append(model(data, own | known, np.setdiff1d(data.parts["train"], out)))
    return models


def test_only_models_that_never_saw_a_sample_are_asked():
    models = fitted({7: 9.0, 21: 0.1})
    assert select(HeldOutLossSet(count=1, folds=3), DATA, {}, 0, models).ids.tolist() == [21]
    highest = HeldOutLossSet("highest", count=1, folds=3)
    assert select(highest, DATA, {}, 0, models).ids.tolist() == [7]
    np.testing.assert_allclose(held_out_losses(np.array([7, 21, 23]), models), [9.0, 0.1, 1.0])


def test_edges_too():
    data = links()
    chosen = HeldOutLossSet("highest", count=1, folds=2, kind="edges")
    assert select(chosen, data, {}, 0, fitted({4: 6.0}, 2, data)).ids.tolist() == [4]


def test_what_cannot_be_is_named():
    whole = [model(DATA, 1.0), model(DATA, 1.0)]
    with pytest.raises(UsageError, match="sample 1 was in every model's training set"):
        select(HeldOutLossSet(count=1, folds=2), DATA, {}, 0, whole)
    with pytest.raises(UsageError, match="folds=1"):
        HeldOutLossSet(count=1, folds=1)
    with pytest.raises(UsageError, match=r"reads 4 models and was given 2; .* folds: 4"):
        select(HeldOutLossSet(count=1), DATA, {}, 0, whole)
