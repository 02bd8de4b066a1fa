"""Structures of tensors."""

import pytest
import torch

from mu.doors.nested import moved, tensors_of
from mu.errors import UsageError


def test_structure_and_order_are_kept():
    a, b, c = torch.zeros(1), torch.ones(1), torch.ones(2)
    x = {"a": a, "rest": [b, (c, None)]}
    assert list(map(id, tensors_of(x))) == list(map(id, (a, b, c)))
    there = moved(x, "meta")
    assert {tensor.device.type for tensor in tensors_of(there)} == {"meta"}
    assert isinstance(there["rest"][1], tuple) and there["rest"][1][1] is None


def test_what_holds_no_tensors_is_refused():
    with pytest.raises(UsageError, match="inputs hold a str"):
        moved([torch.zeros(1), "word"], "cpu")
