"""Requests one after the other, each audited."""

import json

import numpy as np
import pytest
import torch
from own_graph_case import graph
from torch import nn

import mu
from mu.data.base import TensorData
from mu.data.pyg import nodes_of
from mu.errors import UsageError
from mu.evaluation.distance import kl
from mu.forget_sets.files import Request
from mu.models.graph import GCN


def parts_of(scene):
    x, y = scene.parts["forget"][0]
    first, second = [(x[:30], y[:30])], [(x[30:], y[30:])]
    return first, second, scene.parts["retain"]


def test_each_request_starts_where_the_last_one_ended(blobs, tmp_path):
    scene = blobs.random
    first, second, rest = parts_of(scene)
    log = tmp_path / "requests.jsonl"
    session = mu.Session(scene.original, test=scene.parts["test"], log=log)
    session.forget(first, "finetune", retain=[*second, *rest], epochs=1, lr=0.01).forget(
        second, "finetune", retain=rest, oracles=scene.oracles, epochs=1, lr=0.01, drawn=True
    )
    whole = mu.unlearn(
        mu.unlearn(
            scene.original, "finetune", forget=first, retain=[*second, *rest], epochs=1, lr=0.01
        ),
        "finetune",
        forget=second,
        retain=rest,
        epochs=1,
        lr=0.01,
    )
    for a, b in zip(session.net.parameters(), whole.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [one.case.before for one in session.audits] == [0, 30]
    assert [one.request for one in session.audits[1].case.tests] == [0, 1]
    one, two = (json.loads(line) for line in log.read_text().splitlines())
    assert one["after"] == two["before"] and two["previous"] == one["digest"]
    assert two["verdict"] == session.audits[1].case.word in str(session)


def test_memory_is_handed_on(blobs, monkeypatch):
    first, second, rest = parts_of(blobs.random)
    session = mu.Session(blobs.random.original, test=blobs.random.parts["test"])
    session.forget(first, "finetune", retain=[*second, *rest], epochs=1)
    session.memory, asked = {"kept": torch.ones(1)}, {}

    def unlearn(net, method, **given):
        asked.update(given)
        raise UsageError("no further")

    monkeypatch.setattr("mu.auditing.session.unlearn", unlearn)
    before = session.net
    with pytest.raises(UsageError, match="no further"):
        session.forget(second, retain=rest)
    assert asked["memory"] == session.memory
    assert session.net is before and len(session.audits) == 1  # a step that fails changes nothing


def test_a_data_set_and_requests():
    torch.manual_seed(0)
    ids = np.arange(60)
    data = TensorData(
        torch.randn(60, 4),
        torch.arange(60) % 3,
        train=ids[:40],
        validation=ids[40:45],
        test=ids[45:],
    )
    session = mu.Session(nn.Linear(4, 3), data=data)
    session.forget(Request("samples", ids[:5]), "finetune", epochs=1, lr=0.1)
    session.forget(Request("samples", ids[5:9]), "finetune", epochs=1, lr=0.1)
    last = session.audits[-1].case
    assert (last.forgotten, last.before, last.retained) == (4, 5, 31)
    session.forget(Request("samples", ids[9:12]), "finetune", epochs=1, lr=0.1, drawn=True)
    assert [one.forgotten for one in session.audits[-1].case.earlier] == [5, 4]
    assert set(session.audits[-1].frame().request) == {0, 1, 2}
    with pytest.raises(UsageError, match="was forgotten by an earlier request"):
        session.forget(Request("samples", ids[:2]), "finetune", epochs=1)


def test_what_does_not_belong_together_is_said(blobs):
    first, _, rest = parts_of(blobs.random)
    with pytest.raises(UsageError, match="either test=, and loaders, or data="):
        mu.Session(blobs.random.original)
    session = mu.Session(blobs.random.original, test=blobs.random.parts["test"])
    with pytest.raises(UsageError, match="retain= is what is left"):
        session.forget(first)
    with pytest.raises(UsageError, match="takes loaders"):
        session.forget(Request("samples", np.arange(3)), retain=rest)


def test_a_node_outside_training_is_scored_by_its_own_outputs_too():
    data = nodes_of(graph())
    node = 5
    assert data.y[node] < 0  # it has no label
    torch.manual_seed(0)
    nets = [GCN(5, 3, hidden=8) for _ in range(3)]
    session = mu.Session(nets[0], data=data)
    options = {"epochs": 1, "lr": 0.1}
    session.forget(Request("nodes", [node]), "finetune", oracles=nets[1:], **options)
    (found,) = [one for one in session.audits[0].scores if one.score == "kl_own"]
    lone = np.array([node])
    view = data.without({"nodes": lone}).view
    own, *oracles = (
        mu.predict(net, [(b.x, b.y.clamp(min=0)) for b in data.loader(lone, view)]).logits
        for net in (session.net, *nets[1:])
    )
    assert found.value == pytest.approx(np.mean([kl(one, own) for one in oracles]))
    ids = np.intersect1d(data.affected("nodes", lone), data.parts["train"])
    parts = {"forget": ids, "retain": np.setdiff1d(data.parts["train"], ids)}
    loaders = {name: data.loader(some, view) for name, some in parts.items()}
    loaders |= {"test": data.loader(data.parts["test"], view), "own": data.loader(lone, view)}
    panel = mu.evaluate(session.net, oracles=nets[1:], **loaders)
    assert panel["kl_own"] == pytest.approx(found.value)
    assert panel["agreement_own"] in (0.0, 0.5, 1.0) and "oracle/kl_own" in panel
    del loaders["own"]
    assert "kl_own" not in mu.evaluate(session.net, oracles=nets[1:], **loaders)
