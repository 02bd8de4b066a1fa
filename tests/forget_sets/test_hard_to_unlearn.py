"""Sets where a method ends farthest from models that never saw them."""

import numpy as np
import pytest
import torch
from forget_sets.problems import links, model
from torch import nn

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.forget_sets.hard_to_unlearn import HardToUnlearnSet, distances
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.partition import fold
from mu.forget_sets.search.step import search
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.predict import predict
from mu.unlearning.base import Unlearner
from mu.unlearning.finetune import FineTune
from mu.unlearning.utu import UtU

HARD = [2, 31]


class Nothing(Unlearner):
    """Leaves the model as it is."""


def seen(data, learner, without=None):
    signals = predict(learner, data.loader(data.universe(), batch_size=64))
    trained = data.parts["train"]
    return HelperModel(
        signals, trained if without is None else np.setdiff1d(trained, without), learner
    )


@pytest.fixture
def problem():
    """A linear model, and oracles that think otherwise of the hard samples alone."""
    x = torch.eye(3).repeat(20, 1)
    x[HARD] += 5 * torch.tensor([1.0, -1.0, 0.5])
    data = TensorData(
        x,
        torch.arange(60) % 3,
        train=np.arange(40),
        validation=np.arange(40, 50),
        test=np.arange(50, 60),
    )
    torch.manual_seed(0)
    original = Learner(nn.Linear(3, 3)).eval()
    other = Learner(nn.Linear(3, 3)).eval()
    other.load_state_dict(original.state_dict())
    with torch.no_grad():
        other.network.weight[0] += torch.tensor([0.3, 0.0, 0.6])
    folds = [seen(data, other, fold(data, {}, k, 4, 0).ids) for k in range(4)]
    return data, [*folds, seen(data, original)]


def test_samples_on_which_the_oracles_differ_are_found(problem):
    data, models = problem
    for distance in ("kl", "loss"):
        chosen = HardToUnlearnSet(Nothing(), count=2, folds=4, distance=distance)
        assert search(chosen, data, {}, 0, models).ids.tolist() == HARD
        assert chosen.facts["distance_chosen"] > 2 * chosen.facts["distance_all"] > 0
    easy = HardToUnlearnSet(Nothing(), "lowest", count=20, folds=4)
    assert not set(search(easy, data, {}, 0, models).ids.tolist()) & set(HARD)


def test_each_fold_is_forgotten_by_the_method(problem, monkeypatch):
    data, models = problem
    read = []

    class Spy(FineTune):
        def solve(self):
            read.append(len(self.parts["retain"].ids))

    search(HardToUnlearnSet(Spy(1, 0.01), count=2, folds=4), data, {}, 0, models)
    assert read == [30, 30, 30, 30]


def test_edges_through_the_graph_without_them():
    data = links()
    torch.manual_seed(0)
    learner = Learner(GCN(3, 3, hidden=4)).eval()
    parts = [fold(data, {}, k, 2, 0).ids for k in range(2)]
    models = [seen(data, learner, part) for part in parts] + [seen(data, learner)]
    chosen = HardToUnlearnSet(UtU(), count=3, kind="edges", folds=2)
    assert len(search(chosen, data, {}, 0, models).ids) == 3


def test_distances_of_equal_models_are_0():
    logits, labels = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 2, 0, 1])
    for kind in ("kl", "loss"):
        np.testing.assert_allclose(distances((logits, labels), logits, kind), 0, atol=1e-12)
    assert (distances((logits, labels), -logits, "kl") > 0).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: HardToUnlearnSet(Nothing(), count=1, distance="l2"), "distance='l2'"),
        (lambda: HardToUnlearnSet("ssd", count=1), "method='ssd' is no method"),
        (lambda: HardToUnlearnSet(Nothing(), count=1, folds=1), "folds=1"),
        (lambda: HardToUnlearnSet(Nothing(), "most", count=1), "order='most'"),
    ],
)
def test_options_out_of_range(make, named):
    with pytest.raises(UsageError, match=named):
        make()


def test_models_that_are_missing_are_named(problem):
    data, models = problem
    with pytest.raises(UsageError, match=r"reads 6 models .* folds: 5, learners: 1"):
        search(HardToUnlearnSet(Nothing(), count=1), data, {}, 0, models[:2])
    assert model(data, 1.0).learner is None
