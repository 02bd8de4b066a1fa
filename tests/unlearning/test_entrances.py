"""The two entrances, loaders of one's own and a data set, give the same result for every method."""

from functools import cache

import cases
import numpy as np
import pytest
import torch
from method_case import METHODS, method, serves
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mu.data.base import TensorData
from mu.models.base import Learner
from mu.models.timm import TimmModel
from mu.parts.part import DataPart, LoaderPart, by_rows
from mu.training.fit import fit
from mu.unlearning.base import Context, apply

NONE = np.empty(0, np.int64)
TOLD = {"forget", "retain", "full", "validation"}  # the parts that loaders tell
NAMES = [
    name
    for name in METHODS
    if method(name).needs <= TOLD and (serves(name, "images") or serves(name, "patches"))
]
MIXING = {"random_labels", "salun", "bad_teacher", "ssd", "assd", "lfssd"}
GONE = 21
KEPT = 65  # retained samples: the last batch of 64 holds one; the forgotten ones lie behind them


class Normalised(nn.Module):
    """A small network with batch normalisation of vectors; one sample has no variance."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Linear(16, 4)

    def features(self, x):
        return self.body(x)

    def forward(self, x):
        return self.head(self.features(x))


@cache
def problem(gone, transformer):
    """Data whose forgotten samples, of class 2, come last, and a learner trained on them."""
    x, y = cases.quadrants(160)
    two, other = (torch.nonzero(at)[:, 0] for at in (y == 2, y != 2))
    order = torch.cat([other[:KEPT], two[:gone], other[KEPT : KEPT + 20]])
    x, y, n = x[order], y[order], KEPT + gone
    data = TensorData(x, y, train=np.arange(n), validation=np.arange(n, n + 20), test=NONE)
    torch.manual_seed(0)
    options = {"patch_size": 4, "options": {"depth": 2, "embed_dim": 16, "num_heads": 2}}
    network = TimmModel("vit_tiny_patch16_224", 1, 4, 8, **options) if transformer else Normalised()
    learner = Learner(network)
    fit(learner, data.loader(np.arange(n), batch_size=32, train=True), cases.RECIPE)
    return data, learner


def of_data(data, gone):
    ids = {
        "forget": np.arange(KEPT, KEPT + gone),
        "retain": np.arange(KEPT),
        "full": np.arange(KEPT + gone),
        "validation": data.parts["validation"],
    }
    return {name: DataPart(data, own, None) for name, own in ids.items()}


def of_loaders(data, gone, size):
    loaders = {}
    for name, part in of_data(data, gone).items():
        ids = torch.from_numpy(part.ids)
        loaders[name] = DataLoader(TensorDataset(data.x[ids], data.y[ids]), size)
    parts = {name: LoaderPart((loader,)) for name, loader in loaders.items()}
    return parts | {"full": LoaderPart((loaders["retain"], loaders["forget"]))}


@cache
def found(name, gone, way, size=7):
    """What a method leaves, and its accuracy on D_f and on D_r."""
    unlearner = method(name)
    data, learner = problem(gone, "transformer" in unlearner.architectures)
    parts = of_data(data, gone) if way == "data" else of_loaders(data, gone, size)
    if way == "rows":
        parts = {name: by_rows(part) for name, part in parts.items()}
    left = apply(unlearner, learner, parts, Context(seed=3)).learner
    with torch.no_grad():
        right = (left(data.x).argmax(1) == data.y).float()
    return left, float(right[KEPT : KEPT + gone].mean()), float(right[:KEPT].mean())


def same(one, other):
    states = one.state_dict().items(), other.state_dict().items()
    return all(torch.equal(a, b) for (_, a), (_, b) in zip(*states, strict=True))


# They read D_f alone in an order of training, which for a data set hangs on its ids.
ORDERED = {"scrub", "influence", "woodfisher", "woodfisher_published"}


@pytest.mark.parametrize("gone", [GONE, 1])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_batches_from_loaders_give_the_same_bits(name, gone):
    one, *scores = found(name, gone, "rows")
    other, *wanted = found(name, gone, "data")
    assert scores == pytest.approx(wanted, abs=0.02)
    assert same(one, other) or name in ORDERED


WHOLE = {n for n in NAMES if getattr(method(n), "batch_size", 0) is None}  # all in one step


@pytest.mark.parametrize("name", [n for n in NAMES if n in MIXING | WHOLE])
@pytest.mark.parametrize("gone", [GONE, 1])
def test_batches_of_the_methods_own_give_the_same_bits_from_any_loaders(name, gone):
    for size in (64, 5):
        one, *scores = found(name, gone, "loaders", size)
        other, *wanted = found(name, gone, "data")
        assert scores == wanted
        # What is salient for D_f is a sum over the user's own batches of it.
        assert same(one, other) or (name == "salun" and size == 5)


@pytest.mark.parametrize("name", NAMES)
def test_ones_own_batches_end_where_a_data_set_does(name):
    scores, wanted = found(name, GONE, "loaders", 64)[1:], found(name, GONE, "data")[1:]
    assert scores == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_one_sample_to_forget_and_a_last_batch_of_one_are_served(name):
    _, _, kept = found(name, 1, "loaders", 64)
    assert kept == pytest.approx(found(name, 1, "data")[2], abs=0.02)
