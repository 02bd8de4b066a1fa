"""Forgotten samples that are elsewhere, byte for byte."""

import numpy as np
import torch

from mu.data.base import TensorData
from mu.doors.twins import Twins, row_digests, twins_of


def test_each_twin_counts_once():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [5.0, 6.0]])
    twins = Twins(row_digests(x[:2], 2))
    twins.look("test=", row_digests(x[2:], 2))
    twins.look("test=", row_digests(x, 4))
    twins.look("retain=", row_digests(x[3:], 1))
    assert twins.counts == {"test=": 2, "retain=": 0}
    assert [said[:35] for said in twins.said()] == ["2 of the samples to forget are in te"[:35]]


def test_rows_of_several_tensors_and_types():
    pair = (torch.tensor([[1], [1]]), torch.tensor([0.5, 0.25]))
    first, second = row_digests(pair, 2)
    assert first != second
    assert row_digests({"a": pair[0]}, 2)[0] == row_digests({"a": pair[0]}, 2)[1]
    assert row_digests(torch.zeros(5, 2, 3), 2) == []  # not one row a sample
    assert row_digests(torch.ones(2, dtype=torch.bool), 2)
    assert row_digests(torch.ones(2, 3, dtype=torch.bfloat16), 2)


def test_twins_in_a_data_set():
    x = torch.arange(10)[:, None] % 4
    parts = {"train": np.arange(6), "validation": np.array([6]), "test": np.arange(7, 10)}
    data = TensorData(x.float(), torch.zeros(10), **parts)
    others = {"retain": np.array([2, 3, 4]), "test": parts["test"]}
    assert twins_of(data, np.array([0, 1, 5]), others) == {"retain": 1, "test": 2}
