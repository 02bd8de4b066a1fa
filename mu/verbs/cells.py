"""From the words of the command line to an experiment and its cells."""

from pathlib import Path

from mu.choices import choices
from mu.config import Experiment, load_experiment
from mu.errors import UsageError
from mu.evaluation.panel import describe_panel
from mu.pipeline import Cell
from mu.runner import Runner
from mu.words import parse_words


def experiment_of(words: list[str]) -> tuple[Experiment, Path]:
    """The experiment the words describe, and where its results go.

    Raises:
        UsageError: No experiment named, or a word is wrong.
    """
    given = parse_words(words)
    if "experiment" not in given:
        names = ", ".join(choices("experiment"))
        raise UsageError(f"name an experiment: experiment=NAME; there are: {names}")
    others = [w for w in words if w.partition("=")[0] not in ("experiment", "out")]
    experiment = load_experiment(given["experiment"], others)
    for block in experiment.blocks:  # a wrong score must not come out after the training
        describe_panel(block.config["evaluation"])
    return experiment, Path(given.get("out") or Path("results") / experiment.name)


def cells_of(experiment: Experiment, runner: Runner) -> list[Cell]:
    """Every (block, request, pair) of an experiment."""
    return [
        Cell(runner, index, block, request, pair)
        for index, block in enumerate(experiment.blocks)
        for request in block.requests
        for pair in range(len(block.seeds))
    ]
