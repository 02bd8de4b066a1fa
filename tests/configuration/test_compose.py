"""Choices, read or composed by Hydra; what stands upon a block sees the block."""

import subprocess
import sys
from pathlib import Path

import pytest

from mu.configuration import compose
from mu.configuration.choices import choices
from mu.configuration.compose import BlockChoices, composed
from mu.configuration.experiment import load_experiment
from mu.configuration.settings import Settings
from mu.errors import UsageError

NAMES = {"data": "digits", "model": "small_cnn", "recipe": "digits"}


@pytest.fixture
def method(tmp_path, monkeypatch):
    """Write methods of one's own; the options of one upon a block with these settings."""
    (tmp_path / "method").mkdir()
    monkeypatch.setenv("MU_CONFIGS", str(tmp_path))

    def options(settings=None, **texts):
        for name, text in texts.items():
            (tmp_path / "method" / f"{name}.yaml").write_text(text)
        return BlockChoices(NAMES, Settings(settings or {})).method(next(iter(texts)))

    return options


def test_a_method_sees_the_block_and_what_is_set(method):
    text = "size: ${recipe.batch_size}\nfiles: ['${data.title}']\nown: {size: '${method.size}'}\n"
    plain = composed(NAMES)
    assert method(mine=text) == {
        "size": plain["recipe"]["batch_size"],
        "files": [plain["data"]["title"]],
        "own": {"size": plain["recipe"]["batch_size"]},
    }
    assert method({"recipe.batch_size": 7}, mine=text)["own"] == {"size": 7}
    assert method({"recipe.batch_size": 7, "method.size": 5}, mine=text)["own"] == {"size": 5}


def test_a_chain_of_interpolations_is_followed(method):
    settings = {"recipe.checkpoint": "${model.network.width}"}  # it is null: any value may come
    found = method(settings, mine="size: ${recipe.checkpoint}\n")
    assert found == {"size": composed(NAMES)["model"]["network"]["width"]}


def test_an_interpolation_that_leads_nowhere_is_named(method):
    with pytest.raises(UsageError, match=r"recipe\.nosuch"):
        method(mine="size: ${recipe.nosuch}\n")


def test_a_file_may_name_others_in_a_defaults_list(method):
    found = method(mine="defaults: [base, _self_]\nlr: 0.5\n", base="lr: 0.1\nepochs: 3\n")
    assert found == {"lr": 0.5, "epochs": 3}
    with pytest.raises(UsageError, match=r"method=mine: .*nosuch"):
        method(mine="defaults: [nosuch]\nlr: 0.5\n")


def test_a_file_may_set_another_group_by_its_package(method):
    text = "# @package _global_\nmethod: {size: '${recipe.batch_size}'}\nrecipe: {batch_size: 3}\n"
    assert method(mine=text) == {"size": 3}
    assert method({"recipe.batch_size": 5}, mine=text) == {"size": 5}


def test_a_number_with_an_exponent_is_a_number(method):
    assert method(mine="lr: 1e-3\n") == {"lr": 0.001}


def test_a_file_that_changes_is_read_again(method):
    assert method(mine="lr: 1\n") == {"lr": 1}
    assert method(mine="lr: 22\n") == {"lr": 22}


def test_what_is_returned_can_be_changed():
    first = load_experiment("quickstart")
    for block in first.blocks:
        for part in (block.config, *block.requests.values(), *block.methods.values()):
            scramble(part)
    second, third = load_experiment("quickstart"), load_experiment("quickstart")
    assert second.blocks[0].config["recipe"]["epochs"] == 20
    assert second.blocks[0].methods == third.blocks[0].methods
    assert second.blocks[0].methods["ssd"]["config"]["_target_"].endswith(".SSD")


def scramble(node):
    """Empty every mapping and list."""
    for value in list(node.values() if isinstance(node, dict) else node):
        if isinstance(value, dict | list):
            scramble(value)
    node.clear()


def test_the_groups_of_a_block_are_composed_once(monkeypatch):
    calls = []
    merged = compose.merged
    monkeypatch.setattr(compose, "merged", lambda names: calls.append(names) or merged(names))
    blocks = load_experiment("graph_grid").blocks
    assert len(calls) == len(blocks) == 17


def test_a_plain_experiment_needs_no_hydra():
    code = (
        "import sys; from mu.configuration.experiment import load_experiment; "
        "load_experiment('quickstart', ['seeds=2', 'methods=ssd']); print('hydra' in sys.modules)"
    )
    top = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=top, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_no_file_that_ships_has_a_key_for_hydra():
    """Those would be slow to load; a file of one's own may, and a panel that few ask for."""
    for group in ("data", "model", "recipe", "request", "method", "evaluation", "compute", "track"):
        for path in choices(group).values():
            assert path.stem == "tow" or "defaults:" not in path.read_text()
