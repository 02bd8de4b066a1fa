"""Which outputs and targets belong together."""

from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mu.doors.outputs import check_classes, fitted, logits_of
from mu.errors import UsageError

NET, Z = nn.Linear(2, 3), torch.zeros(4, 3)


@pytest.mark.parametrize(
    "found",
    [Z, {"logits": Z, "loss": 1}, SimpleNamespace(logits=Z), namedtuple("Out", "logits aux")(Z, Z)],
)
def test_logits_are_read_where_they_are_named(found):
    assert logits_of(found, NET) is Z


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ((Z, Z), r"Linear returns a tuple of 2.*self\.network\(x\)\[0\]"),
        ({"scores": Z}, "a dict with 'scores'"),
        (None, "a NoneType"),
    ],
)
def test_other_outputs_are_refused(found, message):
    with pytest.raises(UsageError, match=message):
        logits_of(found, NET)


def test_columns_and_single_logits():
    z, y = fitted(torch.zeros(4), torch.tensor([1.0, 0, 0, 1]), NET)
    assert z.shape == (4, 1) and y.tolist() == [1, 0, 0, 1]
    z, y = fitted(torch.tensor(0.5), torch.tensor([1]), NET)  # a squeezed batch of one
    assert z.shape == (1, 1)
    assert fitted(Z, torch.tensor([[0], [1], [2], [0]]), NET)[1].tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (Z, torch.zeros(4, 3), r"shape \(4, 3\) and type float32.*BCEWithLogitsLoss"),
        (Z, torch.zeros(4), "no class numbers"),
        (Z, torch.eye(3)[[0, 1, 2, 0]], r"look one-hot.*y\.argmax\(1\)"),
        (Z, torch.zeros(4, 2, dtype=torch.int64), "no class numbers"),
        (torch.zeros(4, 5, 3), torch.zeros(4, dtype=torch.int64), "for 4 samples"),
        (torch.zeros(3, 3), torch.zeros(4, dtype=torch.int64), "for 4 samples"),
    ],
)
def test_what_cross_entropy_has_no_meaning_for(logits, targets, message):
    with pytest.raises(UsageError, match=message):
        fitted(logits, targets, NET)


@pytest.mark.parametrize(
    ("given", "columns", "message"),
    [
        (torch.tensor([0, 3]), 3, r"label 3 is outside the 3 classes of the model \(0 to 2\)$"),
        (torch.tensor([0, -1]), 3, "label -1 .*leave samples without a label out"),
        (torch.tensor([2]), 1, "outside the 2 classes"),
        (torch.tensor([0.3]), 1, "0.3 is neither 0 nor 1.*loss="),
    ],
)
def test_values_that_are_no_class(given, columns, message):
    with pytest.raises(UsageError, match=message):
        check_classes(given.long(), given, columns)
