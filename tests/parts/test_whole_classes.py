"""Which classes a request takes away."""

import numpy as np
import pytest
import torch
from cases import CASES

from mu.errors import NotApplicable, UsageError
from mu.parts.part import DataPart, LoaderPart
from mu.parts.whole_classes import classes_in, whole_classes


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


def test_what_has_no_classes_is_refused():
    with pytest.raises(UsageError, match="no samples"):
        classes_in(LoaderPart(([],)))
    with pytest.raises(UsageError, match="no class labels"):
        classes_in(LoaderPart(([(torch.zeros(2, 1), torch.zeros(2))],)))
