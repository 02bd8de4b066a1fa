"""``mu weights`` and `Study.network`: the plain network of a row, out of the store."""

import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import mu as library
from mu.__main__ import main
from mu.data.images import Digits
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.vision import SmallCNN
from mu.storing.store import Store

MODEL = "trunk: small_cnn\ncut: body.4\nweights: {weights}\nsaw_data: false\n"
EXPERIMENT = """
title: Tails
description: A class leaves the tail of a small network.
blocks:
  - data: digits
    model: mine
    recipe: digits
    seeds: 1
    oracles: 2
    set: {recipe.epochs: 1, recipe.augment: null}
    methods: [ssd, acu, utu]
    requests:
      class_3: {request: class, label: 3}
"""
SHAPE = {"in_channels": 1, "num_classes": 10, "image_size": 8}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run on the tail of a cut network: its folder, store and configurations."""
    from conftest import INLINE, call

    folder = tmp_path_factory.mktemp("tails")
    torch.manual_seed(0)
    torch.save(SmallCNN(**SHAPE).state_dict(), folder / "start.pt")
    for group, name, text in (
        ("model", "mine", MODEL.format(weights=folder / "start.pt")),
        ("experiment", "tails", EXPERIMENT),
    ):
        (folder / "configs" / group).mkdir(parents=True)
        (folder / "configs" / group / f"{name}.yaml").write_text(text)
    words = ["run", "experiment=tails", *INLINE]
    found = call(words, folder / "store", folder / "out", MU_CONFIGS=folder / "configs")
    assert (found.folder / "results.json").exists(), found.err
    return found


@pytest.fixture(autouse=True)
def environment(ran, monkeypatch):
    monkeypatch.setenv("MU_STORE", str(ran.store))
    monkeypatch.setenv("MU_CONFIGS", str(ran.store.parent / "configs"))


def test_the_network_of_a_row_is_the_whole_one_and_scores_as_the_card_says(ran):
    study, data = library.load(ran.folder), Digits()
    test = data.parts["test"][data.targets(data.parts["test"]) != 3]  # what is left of it
    for row in ("original", "ssd", "oracle", "null", "acu"):
        network = study.network(row)
        assert not network.training
        found = predict(Learner(network), data.loader(test, batch_size=100))
        accuracy = (found.logits.argmax(1) == found.targets).mean()
        assert accuracy == pytest.approx(study.card(row).values["ta"], abs=0.006) or row == "oracle"
        if row != "acu":
            assert type(network) is SmallCNN
            SmallCNN(**SHAPE).load_state_dict(network.state_dict(), strict=True)
    assert type(study.network("acu")).__name__ == "AnalyticNetwork"
    start = torch.load(ran.store.parent / "start.pt")
    one, other = (study.network("oracle", k=k).state_dict() for k in (0, 1))
    assert torch.equal(one["body.0.weight"], start["body.0.weight"])
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_what_is_not_there_is_named(ran, tmp_path, monkeypatch):
    study = library.load(ran.folder)
    for words, match in (
        (("sdd",), r"method='sdd'; there are .*'ssd'"),
        (("ssd", 4), r"pair=4; there are \[0\]"),
        (("ssd", 0, "class_4"), r"request='class_4'; there are \['class_3'\]"),
        (("utu",), "utu of class_3, pair 0 has no model: not applicable"),
    ):
        with pytest.raises(UsageError, match=match):
            study.network(*words)
    with pytest.raises(UsageError, match="has the oracles 0 to 1"):
        study.network("oracle", k=2)
    with pytest.raises(UsageError, match="k=1 is the number of an oracle"):
        study.network("ssd", k=1)
    monkeypatch.setenv("MU_STORE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="there is no store at"):
        study.network("ssd")
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="does not have the model of ssd of class_3, pair 0"):
        study.network("ssd")


def test_a_store_without_the_trunk_or_the_note_of_the_model_says_so(ran, tmp_path, monkeypatch):
    shutil.copytree(ran.store, tmp_path / "store")
    monkeypatch.setenv("MU_STORE", str(tmp_path / "store"))
    study, store = library.load(ran.folder), Store(tmp_path / "store")
    shutil.rmtree(store.root / "activations")
    with pytest.raises(UsageError, match="does not have the activations behind ssd"):
        study.network("ssd")
    path = store.path("unlearn", study.card("ssd").learner) / "manifest.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in plain.items() if k != "model"}))
    with pytest.raises(UsageError, match="before mu noted which network"):
        study.network("ssd")
    path.write_text(json.dumps(plain | {"model": {"_target_": "os.system", "command": "true"}}))
    with pytest.raises(UsageError, match=r"names 'os\.system'"):
        study.network("ssd")


def test_results_rest_on_the_activations_too(ran):
    from mu.verbs.reachable import needed

    (key,) = (path.name for path in (ran.store / "activations").iterdir())
    assert key in needed(Store(ran.store), ran.folder)


def test_a_file_of_weights_says_what_it_is_and_is_not_written_over(ran, tmp_path, capsys):
    path = tmp_path / "ssd.safetensors"
    words = ["weights", str(ran.folder), "ssd", str(path)]
    assert main(words) == 0, capsys.readouterr().err
    assert "ssd of class_3, pair 0 (digits, mine)" in capsys.readouterr().out
    with safe_open(path, "pt") as file:
        said = file.metadata()
    card = library.load(ran.folder).card("ssd")
    assert said["forget_digest"] == card.forget_digest
    assert (said["method"], said["request"], said["pair"]) == ("ssd", "class_3", "0")
    assert (said["experiment"], said["trunk_cut"]) == ("tails", "body.4")
    SmallCNN(**SHAPE).load_state_dict(load_file(path), strict=True)
    assert main(words) == 2
    assert "is there; --force writes over it" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ssd.safetensors"]
    assert main(words[:3]) == 2
    assert main([*words[:3], str(tmp_path / "no" / "f.safetensors")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_file_of_weights_comes_back_into_mu(mu, ran, tmp_path, capsys):
    path = tmp_path / "original.safetensors"
    assert main(["weights", str(ran.folder), "original", str(path)]) == 0
    words = ("experiment=tails", f"original={path}", "methods=ssd", "compute.workers=0")
    again = mu("run", *words, MU_CONFIGS=ran.store.parent / "configs")
    assert again.code == 0, again.err
    one, other = (r.card("original")["values"] for r in (again, ran))
    assert one["ta"] == other["ta"]
    ids = ran.folder / "forget_sets" / "class_3_0.txt"
    for model in ("small_cnn", "mine"):  # both are the whole network
        audit = ["audit", "data=digits", f"model={model}", f"net={path}", f"forget={ids}"]
        assert main([*audit, f"out={tmp_path / model}"]) == 0, capsys.readouterr().err
    found = [json.loads((tmp_path / m / "audit.json").read_text()) for m in ("small_cnn", "mine")]
    assert found[0]["scores"] == found[1]["scores"]
