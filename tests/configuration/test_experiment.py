"""Configuration: every YAML composes, words override, mistakes are named."""

import os
from pathlib import Path

import pytest
import yaml

from mu.configuration.choices import choices, first_comment, options_of, unknown
from mu.configuration.compose import composed
from mu.configuration.experiment import load_experiment
from mu.configuration.requests import TRIED, tried_method
from mu.configuration.rows import listed_rows
from mu.configuration.words import parse_words
from mu.data.build import build
from mu.data.facts import data_files, data_root, resolved
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.results.panel import describe_panels
from mu.running.pool import LocalPool, make_pool
from mu.storing.store import Store

FACTS = {
    "in_channels": 1,
    "num_classes": 3,
    "image_size": 32,
    "in_features": 5,
    "out_features": 3,
    "name": "test_resnet",
}
REQUIRED = {
    "near_test": {"share": 0.1},
    "class": {"label": 0},
    "subclass": {"label": 0},
    "random": {"share": 0.1},
    "ids": {"ids": [1]},
    "group": {"name": "a"},
    "loss": {"share": 0.1},
    "memorisation": {"share": 0.1},
}


def plain(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def every(group: str) -> list:
    return [pytest.param(path, id=f"{group}-{name}") for name, path in choices(group).items()]


def blocks(*words: str, name: str = "quickstart"):
    return load_experiment(name, words).blocks


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write files into a folder of one's own configurations."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / "own configs, (mine)" / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setenv("MU_CONFIGS", str(tmp_path / "own configs, (mine)"))
        return tmp_path / "own configs, (mine)"

    return write


# Every file that ships.


@pytest.mark.parametrize("path", every("model"))
def test_every_model_is_built(path):
    config = composed({"model": path.stem})["model"]
    assert isinstance(build_learner(resolved(config, FACTS), download=False), Learner)


@pytest.mark.parametrize("path", every("data"))
def test_every_data_set_is_built(path):
    config = plain(path)
    files = config.get("files") or []
    if files and not data_files(files):
        pytest.skip(f"{path.stem} needs {', '.join(files)} under MU_DATA_ROOT ({data_root()})")
    data = build({k: v for k, v in config.items() if k not in ("title", "panel", "files")})
    assert len(data.parts["train"]) > 10
    assert config["panel"] in choices("evaluation")
    assert config["title"]


@pytest.mark.parametrize("path", every("method"))
def test_every_method_is_built(path):
    given = {"weights": "mine.pt"} if path.stem == "external" else {}
    method = build(options_of(plain(path) | given))
    assert method.needs <= {"forget", "retain", "full", "kept", "validation"}


@pytest.mark.parametrize("path", every("request"))
def test_every_request_is_built(path):
    config = plain(path)
    given = REQUIRED.get(path.stem, {})
    assert set(given) <= set(config)
    config |= given | {n: tried_method(n, config[n]) for n in TRIED & set(config)}
    config.pop("surrogate", None)
    assert build(config).kind


@pytest.mark.parametrize("name", choices("evaluation"))
def test_every_panel_is_built(name):
    config = composed({"evaluation": name})["evaluation"]
    for panel in describe_panels(name, config).values():
        headline = [facts for facts in panel["scores"].values() if facts["headline"]]
        assert {facts["kind"] for facts in headline} == {"forgetting", "utility"}


@pytest.mark.parametrize("path", every("recipe"))
def test_every_recipe_says_what_training_reads(path):
    recipe = plain(path)
    assert {"epochs", "batch_size", "optimizer", "precision", "threads", "checkpoint"} <= set(
        recipe
    )
    import torch

    weights = [torch.nn.Parameter(torch.zeros(1))]
    if (recipe.get("fit") or {}).get("step", "").startswith("mu.training.analytic:"):
        assert recipe["optimizer"] is None  # a closed form
    else:
        assert isinstance(build(recipe["optimizer"], params=weights), torch.optim.Optimizer)


@pytest.mark.parametrize("path", every("experiment"))
def test_every_experiment_composes(path):
    experiment = load_experiment(path.stem)
    raw = plain(path)
    assert len(experiment.blocks) == len(raw["blocks"])
    for block, written in zip(experiment.blocks, raw["blocks"], strict=True):
        assert list(block.methods) == list(listed_rows(written["methods"]))
        assert list(block.requests) == list(written["requests"])
        assert block.seeds == list(range(written["seeds"]))
        assert block.config["data"]["_target_"]
        assert block.config["evaluation"]["scores"]


@pytest.mark.parametrize("path", every("compute"))
def test_every_computer_is_known(path, tmp_path):
    config = plain(path)
    assert {"launcher", "workers", "device", "progress"} <= set(config)
    try:
        pool = make_pool(Store(tmp_path), config)
    except UsageError as error:
        if f"pip install 'mu[{config['launcher']}]'" not in str(error):
            raise
        pytest.skip(str(error))
    assert isinstance(pool, LocalPool) == (config["launcher"] == "local")
    pool.close()


@pytest.mark.parametrize(
    "group", ["data", "model", "recipe", "request", "method", "evaluation", "compute", "experiment"]
)
def test_every_file_says_what_it_is(group):
    assert choices(group)
    for name, path in choices(group).items():
        assert first_comment(path), name


# Words.


def test_a_word_overrides_every_block_that_has_it():
    images, links = blocks("recipe.epochs=2", "data.neighbours=4", "model.network.width=3")
    assert images.config["recipe"]["epochs"] == links.config["recipe"]["epochs"] == 2
    assert links.config["data"]["neighbours"] == 4
    assert images.config["model"]["network"]["width"] == 3
    assert "neighbours" not in images.config["data"]
    assert "width" not in links.config["model"]["network"]


def test_a_method_option_marks_the_methods_that_have_it_as_tuned():
    images, _ = blocks("method.alpha=5", "method.lr=0.1")
    assert images.methods["ssd"]["config"]["alpha"] == 5
    assert images.methods["ssd"]["changed"] == ["method.alpha"]
    assert images.methods["finetune"]["changed"] == ["method.lr"]
    assert blocks()[0].methods["ssd"]["changed"] == []


def test_a_request_option_replaces_what_is_dealt_out_to_pairs():
    images, _ = blocks("request.label=7")
    assert images.requests["class"] == [
        {"_target_": "mu.forget_sets.by_class.ClassSet", "label": 7, "kind": "samples"}
    ]
    assert blocks()[0].requests["class"][0]["per_pair"] == {"label": [3, 5, 8, 1, 7]}


def test_filters_choose():
    (block,) = blocks("requests=class", "methods=ssd", "seeds=2", "oracles=1")
    assert (list(block.requests), list(block.methods)) == (["class"], ["ssd"])
    assert (block.seeds, block.oracles) == ([0, 1], 1)
    assert blocks("seeds=0,4")[0].seeds == blocks("seeds=[0,4]")[0].seeds == [0, 4]
    assert blocks("seeds=[4]")[0].seeds == [4]
    assert list(blocks("methods=[ssd,finetune]")[0].methods) == ["ssd", "finetune"]


def test_a_block_without_any_wanted_method_is_left_out():
    (links,) = blocks("methods=utu")
    assert links.names["data"] == "digits_links"


def test_a_method_that_no_block_names_is_run_in_all(own):
    text = (choices("method")["finetune"]).read_text()
    own(method__another=text)
    images, links = blocks("methods=another")
    assert list(images.methods) == list(links.methods) == ["another"]


def test_a_group_replaces_a_choice():
    assert blocks("recipe=graph")[0].config["recipe"]["epochs"] == 150
    (block,) = blocks("requests=class", "data=digits_nodes", "model=gcn_nodes")
    assert (block.names["data"], block.names["evaluation"]) == ("digits_nodes", "classification")


def test_ones_own_configurations_come_first(own):
    text = choices("recipe")["digits"].read_text().replace("epochs: 20", "epochs: 7")
    own(recipe__digits=text, recipe__mine=text.replace("epochs: 7", "epochs: 8"))
    assert blocks()[0].config["recipe"]["epochs"] == 7
    assert blocks("recipe=mine")[0].config["recipe"]["epochs"] == 8
    assert blocks()[1].config["recipe"]["epochs"] == 150


def test_several_folders_of_ones_own(own, tmp_path, monkeypatch):
    text = choices("recipe")["digits"].read_text()
    first = own(recipe__mine=text.replace("epochs: 20", "epochs: 7"))
    second = tmp_path / "second"
    (second / "recipe").mkdir(parents=True)
    for name in ("mine", "theirs"):
        (second / "recipe" / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("MU_CONFIGS", f"{first}{os.pathsep}{second}")
    assert blocks("recipe=mine")[0].config["recipe"]["epochs"] == 7
    assert blocks("recipe=theirs")[0].config["recipe"]["epochs"] == 20


def test_a_folder_of_ones_own_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("MU_CONFIGS", "/no/such/folder")
    with pytest.raises(UsageError, match="/no/such/folder"):
        blocks()


def test_a_file_of_ones_own_that_is_not_yaml_is_named(own):
    own(recipe__broken="epochs: [")
    with pytest.raises(UsageError, match=r"broken\.yaml is not YAML"):
        blocks("recipe=broken")


def test_an_experiment_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(choices("experiment")["sequence"].read_text())
    experiment = load_experiment(str(path))
    assert experiment.name == "mine"
    assert len(experiment.blocks[0].requests["two_classes"]) == 2


def test_settings_of_a_block_are_overridden_by_words(tmp_path):
    raw = plain(choices("experiment")["sequence"])
    raw["blocks"][0]["set"] = {"recipe.epochs": 4, "method.alpha": 3}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(raw))
    (block,) = blocks(name=str(path))
    assert block.config["recipe"]["epochs"] == 4
    assert block.methods["ssd"]["config"]["alpha"] == 3
    assert blocks("recipe.epochs=5", name=str(path))[0].config["recipe"]["epochs"] == 5


# Mistakes.


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["recipe.epochs=abc"], "recipe.epochs='abc'"),
        (["recipe.epochs=1.5"], "recipe.epochs=1.5"),
        (["recipe.epochs=true"], "recipe.epochs=True"),
        (["recipe.epochs=-1"], "recipe.epochs=-1"),
        (["recipe.epochs=null"], "recipe.epochs"),
        (["recipe.optimizer=5"], "recipe.optimizer=5"),
        (["recipe.channels_last=1"], "recipe.channels_last=1"),
        (["recipe.optimizer.lr=fast"], "recipe.optimizer.lr='fast'"),
        (["method.alpha=inf"], "method.alpha=inf"),
        (["method.alpha=nan"], "method.alpha=nan"),
        (["recipe.epoch=1"], "recipe.epoch"),
        (["+recipe.extra=1"], "+recipe.extra"),
        (["recipe.epochs"], "recipe.epochs"),
        (["=3"], "=3"),
        (["recipe.epochs=1", "recipe.epochs=2"], "recipe.epochs is given twice"),
        (["recipe.epochs=[1"], "recipe.epochs=[1"),
        (["recipe.epochs=choice(1,2)"], "choice(1,2)"),
        (["recipe=nosuch"], "nosuch"),
        (["recipe={a: 1}"], "a"),
        (["data=nosuch"], "nosuch"),
        (["evaluation=nosuch"], "nosuch"),
        (["compute=nosuch"], "nosuch"),
        (["methods=nosuch"], "nosuch"),
        (["methods="], "method ''"),
        (["requests=nosuch"], "nosuch"),
        (["requests=class", "methods=utu"], "utu"),
        (["seeds=-2"], "seeds=-2"),
        (["seeds=0"], "seeds=0"),
        (["seeds=abc"], "seeds=abc"),
        (["seeds=1.5"], "seeds=1.5"),
        (["seeds="], "seeds="),
        (["seeds=[]"], "seeds=[]"),
        (["seeds=1,1"], "seeds=1,1"),
        (["seeds=0,-1"], "seeds=-1"),
        (["seeds=99999999999999999999999"], "seeds=99999999999999999999999"),
        (["oracles=0"], "oracles=0"),
        (["oracles=x"], "oracles=x"),
        (["request.share=abc"], "request.share='abc'"),
        (["request.lable=3"], "request.label"),
    ],
)
def test_a_wrong_word_is_named(words, named):
    with pytest.raises(UsageError) as caught:
        blocks(*words)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("recipe.epoch=1", "recipe.epochs"),
        ("method.alhpa=1", "method.alpha"),
        ("request.lable=3", "request.label"),
        ("methods=sdd", "ssd"),
        ("requests=clas", "class"),
        ("model=resnet2", "resnet20"),
    ],
)
def test_the_nearest_name_is_offered(word, near):
    with pytest.raises(UsageError, match=f"did you mean {near}\\?"):
        blocks(word)


def test_where_nothing_is_near_all_are_named():
    assert (
        str(unknown("verb", "xyz", ["run", "plan"])) == "unknown verb 'xyz'; there are: run, plan"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("blocks: [", "not YAML"),
        ("3", "mine.yaml holds no mapping"),
        ("blocks: 3", "blocks"),
        ("blocks: []", "blocks"),
        ("blocks: [3]", "block"),
        ("blocks: [{model: small_cnn}]", "data"),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [ssd], seeds: 1,"
            " requests: [class]}]",
            "requests",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [nosuch], seeds: 1,"
            " requests: {a: {request: class, label: 1}}}]",
            "nosuch",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: ssd, seeds: 1,"
            " requests: {a: {request: class, label: 1}}}]",
            "methods",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [ssd], seeds: 1,"
            " requests: {a: {label: 1}}}]",
            "request",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [ssd], seeds: 1,"
            " requests: {a: {request: class, lable: 1}}}]",
            "lable",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [ssd], seeds: 1,"
            " requests: {a: {request: class, per_pair: {label: 3}}}}]",
            "per_pair",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [ssd], seeds: 1,"
            " set: {recipe.epoch: 3}, requests: {a: {request: class, label: 1}}}]",
            "recipe.epoch",
        ),
        (
            "blocks: [{data: digits, model: small_cnn, recipe: digits, methods: [ssd], seeds: 1,"
            " metods: [ssd], requests: {a: {request: class, label: 1}}}]",
            "metods",
        ),
    ],
)
def test_a_wrong_experiment_file_is_named(tmp_path, text, named):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_experiment(str(path))
    assert named in str(caught.value)


def test_an_unknown_experiment_is_named():
    with pytest.raises(UsageError, match=r"'quickstar'; did you mean quickstart\?"):
        load_experiment("quickstar")
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        load_experiment("nowhere.yaml")


def test_text_in_a_word_is_read_as_hydra_reads_it():
    found = parse_words(["a.b='x y'", "c=[1,2]", "d=null", "out=r=1", "seeds=0,1"])
    assert found == {"a.b": "x y", "c": [1, 2], "d": None, "out": "r=1", "seeds": "0,1"}


def test_a_fact_the_data_do_not_know_is_named():
    with pytest.raises(UsageError, match="num_classes"):
        resolved({"network": {"num_classes": "???"}}, {})


def test_what_is_dealt_out_stays_with_its_seed_when_seeds_are_chosen():
    def places(*words):
        return load_experiment("quickstart", words).blocks[0].places

    assert places() == [0, 1, 2, 3, 4]
    assert places("seed=2") == [2]
    assert places("seeds=2,0") == [2, 0]
    assert places("seeds=7,8") == [0, 1], "seeds that are none of its own: in their order"


@pytest.mark.parametrize("path", every("data"))
def test_files_that_are_watched_lie_in_the_folder_that_is_read(path):
    config = plain(path)
    if "folder" in config:
        assert config["files"]
        assert all(pattern.startswith("${data.folder}/") for pattern in config["files"])


def test_a_recipe_may_leave_out_what_has_a_default(own):
    own(
        recipe__bare="epochs: 1\nbatch_size: 64\noptimizer: {_target_: torch.optim.Adam, lr: 0.1}\n"
    )
    words = ["recipe=bare", "recipe.channels_last=true"]
    for block in load_experiment("quickstart", words).blocks:
        recipe = block.config["recipe"]
        assert recipe["channels_last"] is True
        whole = composed({"recipe": "digits"})["recipe"]
        same = ("precision", "augment", "threads", "checkpoint")
        assert {k: recipe[k] for k in same} == {k: whole[k] for k in same}


@pytest.mark.parametrize("missing", ["epochs", "batch_size", "optimizer"])
def test_a_recipe_that_cannot_train_says_what_is_missing(own, missing):
    lines = {"epochs": "1", "batch_size": "64", "optimizer": "{_target_: torch.optim.Adam}"}
    text = "".join(f"{key}: {value}\n" for key, value in lines.items() if key != missing)
    own(recipe__bare=text)
    with pytest.raises(UsageError, match=f"recipe bare has no {missing}"):
        load_experiment("quickstart", ["recipe=bare"])
