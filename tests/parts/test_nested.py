"""Tensors in tuples, lists and dictionaries, cut into samples."""

from collections import OrderedDict, UserDict, namedtuple

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from mu.data.base import Batch
from mu.doors.nested import mapped, moved, tensors_of
from mu.errors import UsageError
from mu.models.base import Learner
from mu.parts.cut import at, together
from mu.parts.nested import axes_of, concatenated, taken

Two = namedtuple("Two", ["a", "b"])
ROWS = torch.tensor([3, 0])


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t,
        lambda t: (t, -t),
        lambda t: [t, (t, None)],
        lambda t: {"a": t, "b": [t]},
        lambda t: OrderedDict(b=t, a=-t),
        lambda t: UserDict(ids=t, mask=None),
        lambda t: Two(t, {"x": t}),
    ],
)
def test_every_structure_is_cut_joined_and_moved_as_its_tensors(make):
    tensor = torch.arange(8.0).view(4, 2)
    x = make(tensor)
    axes = axes_of([(x, 4)])
    few = taken(x, ROWS, axes)
    assert type(few) is type(x) and str(few) == str(make(tensor[ROWS]))
    back = concatenated([taken(x, slice(0, 1), axes), taken(x, slice(1, 4), axes)], axes)
    assert str(back) == str(x) == str(moved(x, "cpu"))
    assert len(tensors_of(x)) == len(axes)


def test_what_is_no_tensor_is_refused():
    with pytest.raises(UsageError, match="hold a str"):
        mapped(["a text"], torch.neg)
    with pytest.raises(UsageError, match="PackedSequence"):
        axes_of([(pack_sequence([torch.zeros(3), torch.zeros(2)]), 2)])


class Recurrent(nn.Module):
    """Reads sequences (T, n, 3), and returns logits (n, 2)."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRU(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.cell(x)[0][-1])


def test_sizes_tell_which_dimension_counts_samples():
    assert axes_of([(torch.zeros(5, 4, 3), 4)]) == (1,)
    assert axes_of([(torch.zeros(4, 5, 3), 4)]) == (0,)
    assert axes_of([(torch.zeros(4, 4, 3), 4), (torch.zeros(4, 2, 3), 2)]) == (1,)
    assert axes_of([((torch.zeros(4, 4), torch.zeros(7, 4).long()), 4)]) == (0, 1)
    with pytest.raises(UsageError, match=r"shape \(5, 3\) holds no dimension of 4 samples"):
        axes_of([(torch.zeros(5, 3), 4)])


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_network_tells_where_sizes_do_not(n):
    x = torch.zeros(n, n, 3)
    with pytest.raises(UsageError, match="which dimension counts samples"):
        axes_of([(x, n)])
    net = Recurrent().train()
    assert axes_of([(x, n)], Learner(net)) == (1,)
    assert net.training
    images = nn.Sequential(nn.Conv2d(n, 2, 1), nn.Flatten(), nn.Linear(18, 3))
    assert axes_of([(torch.zeros(n, n, 3, 3), n)], Learner(images)) == (0,)


def test_samples_of_sequences_are_cut_from_the_second_dimension():
    x, y = torch.arange(24.0).view(2, 3, 4), torch.arange(3)
    batch = Batch(x, y, y, torch.tensor([1.0, 2.0, 3.0]))
    few = at(batch, [2, 0])
    assert torch.equal(few.x, x[:, [2, 0]]) and few.units == 2
    assert few.weight.tolist() == [3.0, 1.0] and few.index.tolist() == [2, 0]
    whole = together([at(batch, slice(0, 1), axes=(1,)), at(batch, slice(1, 3), axes=(1,))])
    assert torch.equal(whole.x, x) and torch.equal(whole.y, y)


def test_what_does_not_fit_is_named():
    with pytest.raises(UsageError, match="pad samples to one size"):
        concatenated([torch.zeros(2, 3), torch.zeros(2, 4)], (0,))
    with pytest.raises(UsageError, match="different structures"):
        concatenated([(torch.zeros(2),), (torch.zeros(2), torch.zeros(2))], (0,))
