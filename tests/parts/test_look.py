"""The look at what a method is handed."""

import numpy as np
import pytest
import torch
from torch import nn

from mu.data.base import TensorData, View
from mu.errors import UsageError
from mu.models.base import Learner
from mu.parts.look import look
from mu.parts.part import DataPart, LoaderPart

X, Y = torch.randn(12, 3), torch.arange(12) % 3


class Counting(nn.Linear):
    runs = 0

    def forward(self, x):
        self.runs += 1
        return super().forward(x)


def of_data(*ids):
    parts = {"train": np.arange(12), "validation": np.arange(0), "test": np.arange(0)}
    data = TensorData(X, Y, **parts)
    return [DataPart(data, np.array(some, np.int64), View()) for some in ids]


def test_a_data_set_is_looked_at_once_and_each_loader_once():
    learner = Learner(Counting(3, 3))
    forget, retain, full = of_data([0], [1, 2, 3], range(12))
    task = look(learner, {"forget": forget, "retain": retain, "full": full}, "cpu")
    assert (task.columns, task.classes, learner.network.runs) == (3, True, 1)
    f, r = [(X[:4], Y[:4])], [(X[4:], Y[4:])]
    loaders = {"forget": LoaderPart((f,)), "retain": LoaderPart((r,)), "full": LoaderPart((r, f))}
    look(learner, loaders, "cpu")
    assert learner.network.runs == 3


def test_targets_of_every_part_of_a_data_set_are_checked():
    forget, retain = of_data([0, 3], [1, 2, 4, 5])
    with pytest.raises(UsageError, match="label 2 is outside the 2 classes"):
        look(Learner(nn.Linear(3, 2)), {"forget": forget, "retain": retain}, "cpu")


def test_what_may_be_empty_and_what_may_not():
    some, empty = of_data([0, 1], [])
    learner = Learner(nn.Linear(3, 3))
    assert look(learner, {"forget": some, "full": empty}, "cpu") is not None
    for name in ("forget", "retain"):
        with pytest.raises(UsageError, match=f"there are no samples to {name}"):
            look(learner, {name: empty}, "cpu")
    assert look(learner, {}, "cpu") is None
