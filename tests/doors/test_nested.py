"""Structures of tensors."""

import torch

from mu.doors.nested import moved, tensors_in


def test_structure_and_order_are_kept():
    a, b, c = torch.zeros(1), torch.ones(1), torch.ones(2)
    x = {"a": a, "rest": [b, (c, "word")]}
    assert list(map(id, tensors_in(x))) == list(map(id, (a, b, c)))
    there = moved(x, "meta")
    assert {t.device.type for t in tensors_in(there)} == {"meta"}
    assert isinstance(there["rest"][1], tuple) and there["rest"][1][1] == "word"
