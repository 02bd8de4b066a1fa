"""Experiments on the tail of a network whose trunk is frozen: the whole fold, and its refusals."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mu.models.vision import SmallCNN

MODEL = """
trunk: small_cnn
cut: body.4
weights: {weights}
trained_on: the digits
saw_data: {saw}
"""
EXPERIMENT = """
title: Tails
description: A class and random digits leave the tail of a small network.
blocks:
  - data: digits
    model: mine
    recipe: digits
    seeds: 1
    oracles: 1
    set: {{recipe.epochs: 2, recipe.augment: {augment}}}
    methods: [{methods}]
    requests:
      class_3: {{request: class, label: 3}}
"""
SHAPE = {"in_channels": 1, "num_classes": 10, "image_size": 8}


@pytest.fixture
def written(tmp_path):
    """Writes weights, a model and an experiment; returns the folder of configurations."""

    def write(methods="ssd, finetune", augment="null", saw="false", model=MODEL):
        torch.manual_seed(0)
        torch.save(SmallCNN(**SHAPE).state_dict(), tmp_path / "start.pt")
        for group in ("model", "experiment"):
            (tmp_path / "configs" / group).mkdir(parents=True, exist_ok=True)
        own = model.format(weights=tmp_path / "start.pt", saw=saw)
        (tmp_path / "configs/model/mine.yaml").write_text(own)
        whole = EXPERIMENT.format(methods=methods, augment=augment)
        (tmp_path / "configs/experiment/tails.yaml").write_text(whole)
        return tmp_path / "configs"

    return write


@pytest.fixture
def run(mu, tmp_path):
    def call(configs, *words):
        tail = ("compute.workers=0", "compute.progress=false")
        return mu("run", "experiment=tails", *words, *tail, MU_CONFIGS=configs)

    return call


def test_every_row_is_of_the_tail_and_the_trunk_is_computed_once(run, written):
    found = run(written(augment="flip"))
    assert found.code == 0, found.err
    made = list((found.store / "activations").iterdir())
    assert len(made) == 1
    assert {p.name for p in made[0].iterdir()} >= {"activations.npy", "activations_flipped.npy"}
    card = found.card("ssd")
    assert card["trunk"] == {"cut": "body.4", "trained_on": "the digits", "saw_data": False}
    said = " ".join((found.folder / "table.md").read_text().split())
    assert "everything before body.4 is frozen; trained on the digits, it never saw" in said
    assert "pretrained weights start the oracles" not in found.err
    tensors = load_file(
        found.store / "fit" / found.card("original")["learner"] / "tensors.safetensors"
    )
    assert set(tensors) == {n for n in tensors if n.startswith("network.tail.")}
    assert not any("body.0." in name for name in tensors)
    again = run(written(augment="flip"))
    assert again.steps[0] == 0, "everything is in the store"


def test_a_trunk_that_saw_the_data_is_said(run, written):
    found = run(written(saw="true"), "methods=ssd")
    assert "which it still holds: only the rest forgets" in (found.folder / "table.md").read_text()
    unknown = run(written(saw="null"), "methods=ssd")
    assert "is not said (model.saw_data)" in (unknown.folder / "table.md").read_text()
    assert "pretrained weights start the oracles" in unknown.err


def test_whole_networks_of_ones_own_are_taken_where_the_trunk_is_the_same(run, written, tmp_path):
    configs = written(methods="ssd")
    own = SmallCNN(**SHAPE)
    state = torch.load(tmp_path / "start.pt")
    own.load_state_dict(state | {"head.bias": torch.arange(10.0)})
    torch.save(own.state_dict(), tmp_path / "own.pt")
    found = run(configs, f"original={tmp_path / 'own.pt'}")
    assert found.code == 0, found.err
    held = load_file(
        found.store / "load" / found.card("original")["learner"] / "tensors.safetensors"
    )
    assert torch.equal(held["network.tail.head.bias"], torch.arange(10.0))
    torch.save(own.state_dict() | {"body.0.weight": own.body[0].weight + 1}, tmp_path / "own.pt")
    other = run(configs, f"original={tmp_path / 'own.pt'}")
    assert other.code == 2 and "are not those of the trunk" in other.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"augment": "crop_flip"}, "with a cut it is flip or null"),
        ({"model": MODEL + "cuts: 3\n"}, r"model\.cuts: a model with a trunk has trunk, cut"),
        ({"model": "trunk: small_cnn\n"}, r"model\.cut is missing"),
        ({"model": MODEL.replace("body.4", "body.77")}, "there is no such part|has no such part"),
        ({"model": MODEL.replace("small_cnn", "no_cnn")}, "no_cnn"),
        ({"model": MODEL.replace("{weights}", "nowhere.pt")}, "nowhere.pt"),
    ],
)
def test_a_wrong_cut_is_refused_before_anything_is_trained(run, written, change, words):
    found = run(written(**change))
    assert found.code == 2, found.out
    assert re.search(words, " ".join(found.err.split())), found.err
    assert not (found.store / "activations").exists()


def test_a_tail_starts_where_its_trunk_does(run, written, tmp_path):
    found = run(written(), f"recipe.checkpoint={tmp_path / 'start.pt'}")
    assert found.code == 2 and "a tail starts from model.weights" in found.err


def test_an_analytic_head_on_a_trunk_forgets_exactly(run, written, tmp_path):
    model = """
_target_: mu.models.base.Learner
network:
  _target_: mu.models.analytic.AnalyticNetwork
  backbone:
    trunk: small_cnn
    cut: body.9
    weights: {weights}
    saw_data: {saw}
  in_features: 64
  num_classes: ???
  expansion: 128
"""
    configs = written(methods="acu", model=model)
    (configs / "recipe").mkdir()
    (configs / "recipe/ridge.yaml").write_text(
        "fit: {step: mu.training.analytic:step, gamma: 1.0, grid: 14, limit: 8.0, tasks: 2}\n"
        "epochs: 1\nbatch_size: 256\noptimizer: null\n"
    )
    path = configs / "experiment/tails.yaml"
    path.write_text(path.read_text().replace("recipe: digits", "recipe: ridge"))
    found = run(configs, "recipe.epochs=1")
    assert found.code == 0, found.err
    assert found.card("acu")["exactness"] == "equal"
    assert np.isfinite(found.card("acu")["values"]["ta"])
    assert json.dumps(found.card("acu")["trunk"]["saw_data"]) == "false"


def test_adapters_go_into_the_blocks_of_the_tail(run, written):
    model = """
trunk:
  _target_: mu.models.timm.TimmModel
  name: vit_tiny_patch16_224
  in_channels: ???
  num_classes: ???
  image_size: ???
  patch_size: 4
  options: {{depth: 2, embed_dim: 12, num_heads: 3}}
cut: blocks.1
saw_data: {saw}
"""
    found = run(written(methods="gs_lora", model=model), "recipe.epochs=1", "method.epochs=1")
    assert found.code == 0, found.err
    card = found.card("gs_lora")
    assert card["error"] is None and np.isfinite(card["values"]["ra"])
    assert card["trunk"]["cut"] == "blocks.1"
