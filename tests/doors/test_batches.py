"""What is read as a batch, and what is refused with the way out."""

import numpy as np
import pytest
import torch

from mu.data.base import Batch
from mu.doors.batches import as_batch
from mu.errors import UsageError

X, Y = torch.eye(3), torch.tensor([0, 1, 1])


@pytest.mark.parametrize(
    ("item", "fields"),
    [
        ((X, Y), None),
        ([X, Y], None),
        ((X.numpy(), Y.numpy()), None),
        ((X, Y.tolist()), None),
        *(((X, Y.to(kind)), None) for kind in (torch.int8, torch.uint8, torch.int16, torch.int32)),
        ((X, Y.bool()), None),
        ((X, Y, torch.arange(3)), (0, 1)),
        ((torch.arange(3), X, Y), (1, 2)),
        ({"image": X, "id": ["a", "b", "c"], "age": Y}, ("image", "age")),
    ],
)
def test_the_same_batch_in_many_forms(item, fields):
    batch = as_batch(item, fields)
    assert torch.equal(batch.x, X)
    assert batch.y.dtype == torch.int64 and torch.equal(batch.y, Y)
    assert batch.index.tolist() == [-1, -1, -1]


def test_what_is_no_number_of_a_class_keeps_its_type():
    assert as_batch((X, torch.rand(3, 2))).y.dtype == torch.float32
    assert as_batch((X, np.array([0.5, 1.0, 0.0]))).y.dtype == torch.float64


def test_a_batch_of_the_data_is_itself():
    batch = Batch(X, Y, torch.arange(3))
    assert as_batch(batch) is batch


def test_several_inputs_by_name_or_in_a_structure():
    item = {"ids": X.numpy(), "mask": X, "label": Y}
    assert as_batch(item, (("ids", "mask"), "label")).x.keys() == {"ids", "mask"}
    inputs = as_batch(((X.numpy(), X), Y)).x
    assert isinstance(inputs, tuple) and isinstance(inputs[0], torch.Tensor)


def test_what_was_made_in_inference_mode_can_be_differentiated():
    with torch.inference_mode():
        made = torch.eye(3)
    weight = torch.ones(3, requires_grad=True)
    (as_batch((made, Y)).x @ weight).sum().backward()
    assert weight.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("item", "fields", "message"),
    [
        ({"image": X, "age": Y}, None, r"mapping with 'image', 'age'.*fields=\('image', 'age'\)"),
        ((X, Y, Y), None, r"3 fields.*fields=\(0, 1\)"),
        ({"image": X, "age": Y}, ("image", "label"), "no field 'label'.*'image', 'age'"),
        ((X, Y), (0, 2), "no field 2.*the places 0 to 1"),
        ((X, Y), "xy", "must name the input and the target"),
        (X, None, r"yields a Tensor of shape \(3, 3\)"),
        ((X[0], 1), None, "single samples, not batches.*DataLoader"),
        ((X, Y[:2]), None, "3 inputs.*and 2 targets"),
        ((X, ["cat", "dog", "cat"]), None, "holds no numbers"),
    ],
)
def test_what_is_no_batch(item, fields, message):
    with pytest.raises(UsageError, match=message):
        as_batch(item, fields)
