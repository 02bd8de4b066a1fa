"""Experiments from Python are those of the command line."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import mu
from mu.errors import UsageError
from mu.results.results import json_text
from mu.unlearning.ssd import SSD

SMALL = {"seeds": 1, "oracles": 2, "recipe": {"epochs": 1}, "requests": ["class"]}
SMALL |= {"compute": {"workers": 0, "progress": False}}


@pytest.fixture
def here(tiny_store, tmp_path, monkeypatch):
    """The store of `tiny` as that of this session, whose folder is empty."""
    monkeypatch.setenv("MU_STORE", str(tiny_store))
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    return tmp_path / "folder"


def without_costs(results):
    cards = [
        {k: v for k, v in card.items() if k != "command"} | {"values": card["values"]}
        for card in json.loads(json_text(results))["cards"]
    ]
    return cards


def test_it_finds_what_the_command_line_left_and_writes_no_file(here, tiny):
    study = mu.run("quickstart", methods=["ssd"], **SMALL)
    assert study.steps[0] == 0
    theirs = [c for c in tiny.cards if c["request"] == "class" and c["method"] != "utu"]
    loose = ("command", "dirty", "commit")
    ours = [
        {k: v for k, v in card.items() if k not in loose} for card in without_costs(study.results)
    ]
    assert ours == [{k: v for k, v in card.items() if k not in loose} for card in theirs]
    assert list(here.iterdir()) == []
    command = study.card("ssd").command
    assert command.startswith("mu run experiment=quickstart ")
    assert "compute" not in command


def test_out_gets_the_files_of_the_command_line(here):
    study = mu.run("quickstart", methods="ssd", out="found", **SMALL)
    names = {path.name for path in (here / "found").iterdir()}
    assert {"results.json", "results.csv", "results_pairs.csv", "report.html"} <= names
    again = mu.load("found")
    assert again.frame().equals(study.frame())


def test_a_method_with_its_options_is_a_row(here):
    study = mu.run("quickstart", methods=["ssd", SSD(alpha=5.0), {"half": SSD(0.5)}], **SMALL)
    assert study.failed == []
    card = study.card("SSD")
    assert card.method_config == {"_target_": "mu.unlearning.ssd.SSD", "alpha": 5.0}
    assert not card.defaults
    assert card.facts["alpha"] == 5.0
    assert study.card("half").facts["alpha"] == 0.5
    assert "methods=['ssd', SSD(alpha=5.0), SSD(alpha=0.5)]" in card.command
    named = {"row": {"method": "ssd", "alpha": 5.0}}
    same = mu.run("quickstart", methods=[named], **SMALL).card("row")
    assert same.values["ua"] == card.values["ua"]


def test_blocks_may_be_written_out(here):
    recipe = {"epochs": 1, "batch_size": 64, "optimizer": {"_target_": "torch.optim.Adam"}}
    block = {
        "data": "digits",
        "model": "small_cnn",
        "recipe": recipe,
        "seeds": 1,
        "oracles": 1,
        "methods": [SSD()],
        "requests": {"two": {"request": "random", "count": 2}},
    }
    study = mu.run(block, compute={"workers": 0, "progress": False}, null=False)
    assert study.failed == []
    assert study.card("SSD").recipe_config["precision"] == "32-true"
    assert study.card("SSD").n_forget == 2
    assert block["methods"] != ["SSD"]
    assert mu.run([block], compute={"workers": 0, "progress": False}, null=False).steps[0] == 0


def test_requests_may_be_written_out(here):
    settings = SMALL | {"requests": {"ten": {"request": "random", "count": 10}}}
    study = mu.run("quickstart", methods=["finetune"], data="digits", model="small_cnn", **settings)
    assert {card.n_forget for card in study.results.cards} == {10}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"methods": ["sdd"]}, "'sdd'"),
        ({"recipe": {"epoch": 1}}, r"recipe\.epoch"),
        ({"recipe": {"epochs": "many"}}, r"recipe\.epochs"),
        ({"requests": ["clas"]}, "'clas'"),
        ({"seeds": -1}, "seeds=-1"),
        ({"track": "wandb"}, "out=DIR"),
    ],
)
def test_wrong_words_are_refused(here, settings, named):
    with pytest.raises(UsageError, match=named):
        mu.run("quickstart", **(SMALL | {"methods": ["ssd"]} | settings))


def test_an_unknown_experiment_is_refused(here):
    with pytest.raises(UsageError, match="did you mean quickstart"):
        mu.run("quickstrat")
    with pytest.raises(UsageError, match="has no requests"):
        mu.run({"data": "digits", "model": "small_cnn", "recipe": "digits"})


def test_random_states_are_as_they_were(here):
    for seeded in (random.seed, np.random.seed, torch.manual_seed):
        seeded(3)
    wanted = random.random(), np.random.random(), torch.rand(1)
    for seeded in (random.seed, np.random.seed, torch.manual_seed):
        seeded(3)
    study = mu.run("quickstart", methods=[SSD(alpha=3.0)], **SMALL)
    assert study.steps[0] > 0
    assert (random.random(), np.random.random(), torch.rand(1)) == wanted


SCRIPT = """
import sys
import mu
from mu.unlearning.base import Unlearner

def moved(weight):
    return weight + {by}

class Mine(Unlearner):
    needs = frozenset()

    def solve(self):
        for weight in self.learner.parameters():
            weight.data = moved(weight.data)

study = mu.run("quickstart", methods=[Mine()], seeds=1, oracles=2, requests=["class"],
               recipe={{"epochs": 1}}, compute={{{compute}}})
print(study.steps, study.card("Mine").error, study.card("Mine").values["weight_distance"] > 0)
"""


@pytest.fixture
def script(tiny_store, tmp_path):
    def run(by, compute="'progress': False"):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(by=by, compute=compute))
        import os

        own = {**os.environ, "MU_STORE": str(tiny_store)}
        words = [sys.executable, "-W", "ignore", str(path)]
        return subprocess.run(words, env=own, cwd=tmp_path, text=True, capture_output=True)

    return run


def test_a_class_of_a_script_is_run_here_and_known_by_its_code(script):
    first, again, edited = script(0.1), script(0.1), script(0.2)
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith("None True\n")
    assert first.stdout.split(",")[0] == edited.stdout.split(",")[0] != "(0"
    assert again.stdout.startswith("(0, "), again.stdout


def test_a_class_of_a_script_cannot_run_on_a_cluster(script):
    found = script(0.1, "'launcher': 'slurm'")
    assert "Mine is defined in the notebook or script, where a cluster does not find it" in (
        found.stderr
    )
