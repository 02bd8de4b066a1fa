"""Experiments on what a function of the user's trains."""

import functools

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset
from torch_geometric.datasets import KarateClub

import mu
from mu.data.base import TensorData
from mu.data.handed import HANDED
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.studies.own import requests_given

QUIET = {"compute": {"progress": False}, "seeds": 1, "oracles": 2}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MU_STORE", raising=False)


@pytest.fixture(scope="module")
def samples():
    x = torch.randn(240, 4, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


@pytest.fixture
def data(samples):
    parts = np.split(np.arange(240), [160, 200])
    return TensorData(*samples, train=parts[0], validation=parts[1], test=parts[2])


@pytest.fixture
def training(samples):
    """A training, and the ids and seeds that it was called with."""
    x, y = samples
    calls = []

    def train(ids, seed, lr=0.05, width=8):
        note(ids, seed)
        net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        for _ in range(15):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[ids]), y[ids]).backward()
            optimizer.step()
        return net

    note = Note(calls)
    return train, calls


class Note:
    """Notes calls and has the same content whatever it noted."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, ids, seed):
        self.calls.append((sorted(ids.tolist()), seed))

    def fingerprint(self):
        return "note"


def test_originals_and_oracles_come_from_the_function(data, training, tmp_path):
    train, calls = training
    gone = [3, 5, 8, 13]
    study = mu.study(train, data, requests=gone, methods=["ssd", "finetune"], **QUIET)
    assert study.failed == []
    kept = [i for i in range(160) if i not in gone]
    assert (list(range(160)), 0) in calls
    assert sorted(seed for ids, seed in calls if ids == kept) == [10_000, 10_001, 10_002]
    assert len(calls) == 4
    assert study.requests == ["forget"]
    assert study.card("original").values["ta"] > 0.7
    assert study.card("random_weights").values["ta"] < 0.6
    assert study.card("oracle").values["cost/passes"] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == [".mu"]
    assert not HANDED


def test_a_second_call_trains_nothing_and_a_new_method_little(data, training):
    train, calls = training
    given = {"requests": {"some": {"request": "random", "count": 9}}, **QUIET}
    first = mu.study(train, data, methods=["ssd"], **given)
    done = len(calls)
    again = mu.study(train, data, methods=["ssd"], **given)
    assert again.steps[0] == 0
    assert len(calls) == done
    assert again.frame().equals(first.frame())
    more = mu.study(train, data, methods=["ssd", "finetune"], **given)
    assert more.failed == []
    assert len(calls) <= done + 1, "one training to know what the networks are made of"
    rows = more.frame()
    rows = rows[rows.method != "finetune"].reset_index(drop=True)
    assert rows.equals(first.frame())

    def make():
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    mu.study(train, data, methods=["ssd"], model=make, **given)
    done = len(calls)
    assert mu.study(train, data, methods=["utu", "finetune"], model=make, **given).steps[0] > 0
    assert len(calls) == done, "the architecture is known"


def test_arguments_code_and_data_are_told_apart(data, samples, training):
    train, calls = training
    given = {"requests": [1, 2], "methods": ["ssd"], **QUIET}
    first = mu.study(train, data, **given)
    slower = mu.study(functools.partial(train, lr=0.01), data, **given)
    assert slower.card("original").learner != first.card("original").learner
    assert slower.card("original").values["ra"] != first.card("original").values["ra"]
    x, y = samples
    other = TensorData(x, y.flip(0), train=data.parts["train"], validation=data.parts["validation"],
                       test=data.parts["test"])  # fmt: skip
    assert mu.study(train, other, **given).steps[0] > 0
    done = len(calls)
    assert mu.study(functools.partial(train, lr=0.01), data, **given).steps[0] == 0
    assert len(calls) == done


def test_other_architectures_of_one_function_are_told_apart(data, training):
    train, _ = training
    given = {"requests": [1, 2], "methods": ["ssd"], **QUIET}
    widths = [
        mu.study(functools.partial(train, width=w), data, **given).card("ssd").facts["layers"]
        for w in (8, 12)
    ]
    assert widths[0] != widths[1]


def test_a_data_set_of_torch_is_read_with_its_numbers(samples, training):
    train, calls = training
    x, y = samples
    sets = TensorDataset(x[:160], y[:160]), TensorDataset(x[160:], y[160:])
    study = mu.study(train, sets[0], test=sets[1], requests=[3, 4], methods=["ssd"], **QUIET)
    assert study.failed == []
    assert calls[0][0] == list(range(160))
    assert study.card("ssd").n_retain == 158


class Augmented(TensorDataset):
    def __getitem__(self, i):
        x, y = super().__getitem__(i)
        return x + torch.rand(4), y


def test_data_that_cannot_serve_are_refused(samples, data, training):
    train, _ = training
    x, y = samples
    plain, given = TensorDataset(x, y), {"requests": [3], "methods": ["ssd"], **QUIET}
    with pytest.raises(UsageError, match="hand over test="):
        mu.study(train, plain, **given)
    with pytest.raises(UsageError, match="another one each time"):
        mu.study(train, Augmented(x, y), test=plain, **given)
    with pytest.raises(UsageError, match="its own test"):
        mu.study(train, data, test=plain, **given)
    with pytest.raises(UsageError, match="cannot be called"):
        mu.study("train", data, **given)
    with pytest.raises(UsageError, match="nodes_of"):
        mu.study(train, KarateClub()[0], **given)


def test_a_failing_training_is_a_row_with_its_reason(data):
    def train(ids, seed):
        if len(ids) < 160:
            raise ZeroDivisionError("no such luck")
        return nn.Linear(4, 3)

    study = mu.study(train, data, requests=[3], methods=["ssd"], **QUIET)
    assert "no such luck" in study.card("ssd").error


def test_nodes_of_a_graph_by_a_training_that_takes_the_view():
    from mu.data.pyg import nodes_of
    from mu.models.graph import GCN

    graph = KarateClub()[0]
    graph.train_mask = torch.arange(34) < 24
    graph.test_mask = ~graph.train_mask
    data = nodes_of(graph)
    seen = []

    def train(ids, seed, data, view):
        seen_by(view)
        net = GCN(34, 4, hidden=8)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        for batch in data.loader(ids, view, train=True, seed=seed):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(batch.x), batch.y).backward()
            optimizer.step()
        return net

    seen_by = Seen(seen)
    wanted = {"two": {"request": "random", "kind": "nodes", "count": 2}}
    study = mu.study(train, data, requests=wanted, methods=["finetune", "utu"], **QUIET)
    assert study.failed == []
    assert sorted(map(bool, seen)) == [False, True, True, True]
    assert study.card("oracle").values["cost/passes"] == 1.0


class Seen(Note):
    def __call__(self, view):
        self.calls.append(sum(map(len, view.removed.values())))


def test_requests_in_a_users_words():
    found = requests_given(
        {
            "array": np.array([3, 4]),
            "tensor": torch.tensor([3, 4]),
            "mask": np.array([False, True, True]),
            "request": Request("edges", [1, 2]),
            "row": [[1], [2, 3]],
        }
    )
    assert found["array"] == found["tensor"] == {"request": "ids", "ids": [3, 4]}
    assert found["mask"]["ids"] == [1, 2]
    assert found["request"] == {"request": "ids", "ids": [1, 2], "kind": "edges"}
    assert [one["ids"] for one in found["row"]] == [[1], [2, 3]]
    with pytest.raises(UsageError, match="wrong is"):
        requests_given({"wrong": "all"})


def test_the_networks_of_a_study_are_those_that_were_trained(data, training, tmp_path):
    train, calls = training
    words = {"requests": [3, 5, 8, 13], "methods": ["finetune"], **QUIET}
    study = mu.study(train, data, out=tmp_path / "out", **words)
    done = len(calls)
    network = study.network("original")
    assert type(network) is nn.Sequential and not network.training
    found = network(data.inputs(data.parts["test"])).argmax(1).numpy()
    accuracy = (found == data.targets(data.parts["test"])).mean()
    assert accuracy == pytest.approx(study.card("original").values["ta"])
    assert not torch.equal(study.network("finetune")[2].weight, network[2].weight)
    assert len(calls) == done, "nothing is trained for a network"
    assert not HANDED
    with pytest.raises(UsageError, match=r"trained by a function of a Python session"):
        mu.load(tmp_path / "out").network("finetune")
