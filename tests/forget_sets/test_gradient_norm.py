"""Sets by the length of the gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from forget_sets.problems import links, model
from torch import nn

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.forget_sets.gradient_norm import CHUNK, GradientNormSet, norms
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.search.step import search
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.predict import predict


@pytest.fixture
def problem():
    torch.manual_seed(0)
    x, y = torch.randn(2 * CHUNK + 5, 1, 6, 6), torch.arange(2 * CHUNK + 5) % 3
    n = len(x)
    data = TensorData(
        x, y, train=np.arange(n - 2), validation=np.array([n - 2]), test=np.array([n - 1])
    )
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )
    learner = Learner(network).eval()
    signals = predict(learner, data.loader(data.universe(), batch_size=64))
    return data, HelperModel(signals, data.parts["train"], learner)


def one_by_one(learner, data, ids):
    found = []
    for batch in data.loader(ids, batch_size=1):
        learner.zero_grad()
        torch.autograd.backward(learner.batch_loss(batch))
        found.append(sum(float(p.grad.square().sum()) for p in learner.parameters()) ** 0.5)
    return np.array(found)


def test_norms_are_those_of_single_samples(problem):
    data, seen = problem
    ids = data.parts["train"]
    expected = one_by_one(seen.learner, data, ids)
    found = norms(seen.learner, data.loader(ids, batch_size=50))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_longest_and_the_shortest(problem):
    data, seen = problem
    ids = data.parts["train"]
    order = ids[np.argsort(one_by_one(seen.learner, data, ids))]
    for kind, wanted in (("lowest", order[:5]), ("highest", order[-5:])):
        found = search(GradientNormSet(kind, count=5), data, {}, 0, [seen]).ids
        assert found.tolist() == sorted(wanted)


def test_a_selector_of_learners_refuses_signals_alone(problem):
    data, seen = problem
    with pytest.raises(UsageError, match="learners: 1"):
        search(GradientNormSet(count=1), data, {}, 0, [replace(seen, learner=None)])


def test_pairs_of_a_graph_have_no_tensor_each():
    data = links()
    seen = replace(model(data, 1.0), learner=Learner(GCN(3, 3, hidden=4)))
    with pytest.raises(UsageError, match="samples that are tensors"):
        search(GradientNormSet(count=1, kind="edges"), data, {}, 0, [seen])
