"""Commands that experiments of this repository were made by name nothing that a file may not."""

from pathlib import Path

import pytest

from mu.configuration.choices import choices
from mu.configuration.words import spelled_out
from mu.results.results import read_results
from mu.verbs.cells import experiment_of
from mu.verbs.reachable import words_of_command

KEPT = sorted((Path(__file__).parents[2] / "experiments").glob("*/results.json"))


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_may_come_from_a_file(name):
    experiment, _ = experiment_of([f"experiment={name}"], source="this")
    assert experiment.blocks


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_every_kept_command_may(path):
    words = words_of_command(read_results(path))
    own = [word for word in words if not word.startswith(("compute", "track"))]
    experiment, _ = experiment_of(spelled_out(own), source=str(path))
    assert experiment.blocks
