"""``mu tune`` from words to the options that ``mu run`` then takes."""

import json

import pytest
import yaml

EXPERIMENT = """
title: tiny
blocks:
  - data: digits
    model: small_cnn
    recipe: digits
    seeds: 1
    oracles: 1
    set: {recipe.epochs: 2}
    methods: [finetune, broken, utu]
    requests: {class: {request: class, per_pair: {label: [3]}}}
    tuning: {seeds: [1000], requests: {class: {per_pair: {label: [8]}}}}
"""
BROKEN = """# broken: every step is far too long
_target_: mu.unlearning.gradient_ascent.GradientAscent
epochs: 1
lr: 1.0e+30
batch_size: 64
momentum: 0.9
weight_decay: 0.0
optimizer: sgd
search:
  lr: {low: 1.0e+29, high: 1.0e+30}
"""
FINETUNE = """# finetune: mine
_target_: mu.unlearning.finetune.FineTune
epochs: 1
lr: 0.0001
batch_size: 64
momentum: 0.9
weight_decay: 0.0
optimizer: sgd
search:
  lr: {low: 1.0e-4, high: 0.3, log: true}
"""


@pytest.fixture
def own(tmp_path):
    """An experiment and two methods of one's own."""
    folder = tmp_path / "configs"
    (folder / "method").mkdir(parents=True)
    (folder / "method" / "finetune.yaml").write_text(FINETUNE)
    (folder / "method" / "broken.yaml").write_text(BROKEN)
    path = tmp_path / "tiny.yaml"
    path.write_text(EXPERIMENT)
    return path


QUIET = ("compute.workers=0", "compute.progress=false")


def tune(mu, path, *words):
    return mu("tune", f"experiment={path}", *QUIET, *words, MU_CONFIGS=path.parent / "configs")


def record(found):
    return json.loads((found.folder / "tuning.json").read_text())


def trials(found):
    return {one["method"]: one["trials"] for one in record(found)["searches"]}


def steps(store):
    return {path.parent.name + path.name for path in store.glob("*/*") if path.is_dir()}


def test_the_best_options_are_found_written_and_used(mu, own, tmp_path):
    found = tune(mu, own, "trials=3")
    assert found.code == 0, found.err
    tried = trials(found)
    assert set(tried) == {"finetune", "broken"}, "utu has nothing to search"
    assert tried["finetune"][0]["options"] == {"lr": 0.0001}, "the defaults first"
    best = min(tried["finetune"], key=lambda one: one["objective"])
    assert best["objective"] < tried["finetune"][0]["objective"]
    assert all(one["objective"] == 1.0 and one["error"] for one in tried["broken"])
    file = tmp_path / "configs" / "method" / "finetune.yaml"
    (entry,) = yaml.safe_load(file.read_text())["tuned"]
    assert entry["options"] == best["options"]
    assert (entry["request"], entry["seeds"], entry["trials"]) == ("class", [1000], 3)

    # The same again finds every step in the store; more trials begin with the same ones.
    before = steps(found.store)
    again = tune(mu, own, "trials=3", "write=false")
    assert steps(again.store) == before
    assert trials(again) == tried
    more = tune(mu, own, "trials=4", "write=false")
    assert trials(more)["finetune"][:3] == tried["finetune"]

    # mu run takes the options, and its page shows the search.
    configs = tmp_path / "configs"
    ran = mu("run", f"experiment={own}", *QUIET, "methods=finetune", MU_CONFIGS=configs)
    card = ran.card("finetune")
    assert card["method_config"]["lr"] == best["options"]["lr"]
    assert card["tuned"] and not card["defaults"]
    assert "tuned on other forget sets and seeds: finetune" in " ".join(ran.out.split())
    page = (ran.folder / "report.html").read_text()
    assert 'id="tuning"' in page


def test_no_test_data_are_scored(mu, own, tmp_path):
    store = tmp_path / "store"
    configs = own.parent / "configs"
    words = ("trials=1", "write=false", "methods=finetune", *QUIET)
    found = mu("tune", f"experiment={own}", *words, store=store, MU_CONFIGS=configs)
    assert found.code == 0, found.err
    names = {
        name
        for path in store.glob("score/*/facts.json")
        for name in json.loads(path.read_text())["values"]
    }
    assert {"ua", "ra", "va"} <= names
    assert not any("test" in name or name == "ta" for name in names)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("trials=0",), "trials=0"),
        (("write=perhaps",), "write=perhaps"),
        (("methods=utu",), "search"),
        (("methods=fintune",), "finetune"),
    ],
)
def test_bad_words_are_refused(mu, own, words, named):
    found = tune(mu, own, *words)
    assert found.code == 2
    assert named in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("name", ["experiment=quickstart", "quickstart"])
def test_an_experiment_without_tuning_sets_is_refused(mu, name):
    found = mu("tune", name)
    assert found.code == 2
    assert "tuning: {seeds" in found.err
