"""Requests one after the other, each audited."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import mu
from mu.data.base import TensorData
from mu.errors import UsageError
from mu.forget_sets.files import Request


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
