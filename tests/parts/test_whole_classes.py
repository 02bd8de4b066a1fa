"""Which classes a request takes away, and samples of the others."""

import numpy as np
import pytest
import torch
from cases import CASES

from mu.errors import NotApplicable, UsageError
from mu.models.base import as_batch
from mu.parts.part import DataPart, LoaderPart
from mu.parts.whole_classes import few_of_each, labels_of, whole_classes


def loader(labels, size=4):
    y = torch.tensor(labels)
    x = torch.arange(len(y)).float()[:, None]
    return LoaderPart((list(zip(x.split(size), y.split(size), strict=True)),))


def as_loader(part):
    return LoaderPart(([(batch.x, batch.y) for batch in part.batches(batch_size=16)],))


@pytest.mark.parametrize("form", [lambda part: part, as_loader])
def test_a_class_request_is_told_from_others(form):
    case = CASES["images"]()
    parts = case.parts()
    assert whole_classes(form(parts["forget"]), form(parts["retain"]), "M") == [2]
    some = DataPart(case.data, case.forget[:-1], None)
    rest = DataPart(case.data, np.append(parts["retain"].ids, case.forget[-1]), None)
    with pytest.raises(NotApplicable, match="M forgets whole classes, but class 2 has samples to"):
        whole_classes(form(some), form(rest), "M")


def test_several_classes_in_any_order():
    assert whole_classes(loader([5, 1, 5]), loader([0, 2]), "M") == [1, 5]


@pytest.mark.parametrize("form", [lambda part: part, as_loader])
@pytest.mark.parametrize("count", [3, 1000])
def test_few_of_each_class(form, count):
    case = CASES["images"]()
    part = case.parts()["retain"]
    few = few_of_each(form(part), count, batch_size=8, seed=1)
    labels = labels_of(few)
    wanted = np.minimum(count, np.bincount(labels_of(part).numpy()))
    assert torch.bincount(labels).tolist() == wanted.tolist()
    again = few_of_each(form(part), count, batch_size=8, seed=1)
    assert torch.equal(labels, labels_of(again))


def test_a_loaders_samples_are_shuffled_and_keep_their_labels():
    labels = [0] * 6 + [1] * 6
    few = few_of_each(loader(labels), 5, batch_size=4, seed=0)
    batches = [as_batch(b) for b in few.batches()]
    assert [len(b) for b in batches] == [4, 4, 2]
    x, y = torch.cat([b.x for b in batches])[:, 0], torch.cat([b.y for b in batches])
    assert torch.equal(y, torch.tensor(labels)[x.long()])
    assert y.tolist() != sorted(y.tolist())
    assert sorted(x.tolist()) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_what_has_no_classes_is_refused():
    with pytest.raises(UsageError, match="no samples"):
        labels_of(LoaderPart(([],)))
    with pytest.raises(UsageError, match="no class labels"):
        labels_of(LoaderPart(([(torch.zeros(2, 1), torch.zeros(2))],)))
    with pytest.raises(UsageError, match="at least 1"):
        few_of_each(loader([0]), 0, 4, 0)
