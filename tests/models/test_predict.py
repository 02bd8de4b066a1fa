"""One forward pass over the universe."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.datasets import KarateClub

from mu.data.base import TensorData
from mu.data.pyg import nodes_of
from mu.errors import UsageError
from mu.evaluation.signals import Signals
from mu.forget_sets.files import Request
from mu.forget_sets.request import selections_of
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.output_layer import output_layer
from mu.models.predict import predict, step
from mu.models.vision import SmallCNN
from mu.training.fit import step as fit_step


def data() -> TensorData:
    ids = np.random.default_rng(0).permutation(30)
    x = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return TensorData(x, torch.arange(30) % 3, train=ids[:20], validation=ids[20:25], test=ids[25:])


def test_signals_belong_to_their_ids_whatever_the_batch():
    images = data()
    learner = Learner(SmallCNN(1, 3, 8, 2, 4)).train()
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    found = predict(learner, images.loader(images.universe(), batch_size=7))
    assert learner.training
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())
    learner.eval()
    with torch.no_grad():
        expected = learner(images.x).numpy()
    assert np.allclose(found.logits, expected, atol=1e-6)
    assert found.index.tolist() == list(range(30))
    assert found.targets.tolist() == images.y.tolist()
    assert found.logits.dtype == np.float32


def test_plain_batches_are_numbered():
    batches = [(torch.zeros(2, 3), [0, 0]), (torch.ones(1, 3), [1])]
    found = predict(Learner(nn.Linear(3, 2)), batches)
    assert found.index.tolist() == [0, 1, 2]
    assert found.targets.tolist() == [0, 0, 1]


def test_what_the_head_reads_is_kept_where_asked():
    images = data()
    learner = Learner(SmallCNN(1, 3, 8, 2, 4)).eval()
    loader = images.loader(images.universe(), batch_size=7)
    assert predict(learner, loader).features is None
    found = predict(learner, loader, features=True)
    head = output_layer(learner.network)
    with torch.no_grad():
        again = head(torch.from_numpy(found.features))
    assert np.allclose(again.numpy(), found.logits, atol=1e-6)
    twice = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU())
    with pytest.raises(UsageError, match="must end in one linear layer"):
        predict(Learner(twice), loader, features=True)


def test_progress_is_told():
    told = []
    images = data()
    loader = images.loader(images.universe(), batch_size=10)
    predict(
        Learner(SmallCNN(1, 3, 8, 2, 4)),
        loader,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_step_looks_through_the_view_it_is_given():
    """An edge that was removed changes what the same weights say."""
    config = {
        "data": {"_target_": "mu.data.digits_graph.DigitsLinks"},
        "model": {"_target_": "mu.models.graph.GCN", "in_features": 64, "out_features": 4},
        "recipe": {
            "epochs": 0,
            "batch_size": None,
            "schedule": "constant",
            "warmup": 0.0,
            "precision": "32-true",
        },
        "seed": 0,
        "device": "cpu",
        "batch_size": None,
    }
    state = fit_step(config, {"removed": []}, None)
    from mu.artifact import Artifact

    gone = Artifact({"kind": "edges"}, {"elements": np.arange(0, 2000, 2)})
    whole = step(config, {"state": state, "removed": []}, None).arrays
    part = step(config, {"state": state, "removed": [gone]}, None).arrays
    assert (whole["index"] == part["index"]).all()
    assert (whole["targets"] == part["targets"]).all()
    assert whole["logits"].shape[1] == 1
    assert not np.allclose(whole["logits"], part["logits"])


def test_a_forgotten_node_of_no_part_is_asked_beside_the_universe(monkeypatch):
    """It has no label; what is said of the others keeps its bits."""
    club = KarateClub()[0]
    club.test_mask = ~club.train_mask
    club.test_mask[1], club.y[1] = False, -1
    graph = nodes_of(club)
    (found,) = selections_of(graph, [Request("nodes", [1])])
    assert found.facts["asks_more"] and found.arrays["own"].tolist() == [1]
    torch.manual_seed(0)
    learner = Learner(GCN(34, 4, hidden=8))
    monkeypatch.setattr("mu.models.predict.build_data", lambda config: graph)
    monkeypatch.setattr("mu.models.predict.rebuild", lambda *_: learner)
    config = {"data": {}, "model": {}, "batch_size": 5, "device": "cpu"}

    def said(**inputs):
        arrays = step(config, {"state": None, "removed": [], **inputs}, None).arrays
        return Signals(arrays["index"], arrays["logits"], arrays["targets"])

    plain, more, bare = said(), said(asked=found), said(asked=found, removed=[found])
    ids = graph.universe()
    assert 1 not in ids and np.array_equal(more.at(ids)[0], plain.at(ids)[0])
    view = graph.without({"nodes": np.array([1])}).view
    alone = predict(learner, graph.loader(np.array([1]), view)).logits
    assert np.allclose(bare.at([1])[0], alone) and not np.allclose(more.at([1])[0], alone)
