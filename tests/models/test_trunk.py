"""Scores of features, which are not kept."""

from typing import Any

import numpy as np
import pytest
import torch

from mu.artifact import Artifact
from mu.data.describe import step as describe
from mu.data.digits_graph import DigitsLinks
from mu.data.images import Digits
from mu.evaluation.relearnt import HeadRelearnt
from mu.evaluation.scoring import split_of
from mu.evaluation.silhouette import Silhouette
from mu.forget_sets.files import Request
from mu.forget_sets.request import selection
from mu.models.base import build_learner
from mu.models.predict import predict
from mu.models.trunk import step

SCORES = {
    "silhouette": {"_target_": "mu.evaluation.silhouette.Silhouette"},
    "relearnt": {"_target_": "mu.evaluation.relearnt.HeadRelearnt", "title": "Relearnt"},
}
CNN = {"_target_": "mu.models.vision.SmallCNN", "in_channels": 1, "num_classes": 10}
CNN |= {"image_size": 8, "width": 4, "hidden": 16}
GCN = {"_target_": "mu.models.graph.GCN", "in_features": 64, "out_features": 4}


def run(data: Any, model: dict[str, Any], request: Request) -> tuple[Artifact, dict[str, Any]]:
    """What the step leaves of an untrained network, and its inputs."""
    torch.manual_seed(0)
    named = {"_target_": f"{type(data).__module__}.{type(data).__name__}"}
    chosen = selection(data, request, {})
    inputs = {
        "state": Artifact(tensors=dict(build_learner(model).state_dict())),
        "removed": [chosen],
        "selection": chosen,
        "data": describe({"data": named}, {}, None),
    }
    config = {"data": named, "model": model, "device": "cpu", "batch_size": None}
    return step(config | {"evaluation": {"scores": SCORES}}, inputs, None), inputs


def test_the_step_leaves_the_numbers_alone() -> None:
    data = Digits()
    train = data.parts["train"]
    found, inputs = run(data, CNN, Request("samples", train[data.targets(train) == 3]))
    torch.manual_seed(0)
    split = split_of(inputs["selection"], inputs["data"])
    own = predict(build_learner(CNN), data.loader(data.universe()), features=True)
    expected = {
        "silhouette": Silhouette().of(own, split),
        "relearnt": HeadRelearnt().of(own, split),
    }
    assert found.facts["values"] == pytest.approx(expected, rel=1e-4)
    assert found.facts["sizes"] == {"relearnt": int((data.targets(split.test) == 3).sum())}
    assert found.facts["warnings"] == []
    assert not found.arrays and not found.tensors


def test_where_no_class_leaves_there_is_no_value() -> None:
    found, _ = run(Digits(), CNN, Request("samples", Digits().parts["train"][:5]))
    assert found.facts["values"] == {"silhouette": None, "relearnt": None}
    assert found.facts["warnings"] == []


def test_a_network_without_a_head_says_why_scores_are_missing() -> None:
    found, _ = run(DigitsLinks(), GCN, Request("edges", np.arange(3)))
    assert found.facts["values"] == {"silhouette": None, "relearnt": None}
    (said,) = found.facts["warnings"]
    assert said.startswith("no value of Silhouette, Relearnt: ")
    assert "linear layer" in said
