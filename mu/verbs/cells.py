"""From the words of the command line to an experiment and its cells."""

from collections.abc import Sequence
from pathlib import Path

from mu.configuration.choices import choices
from mu.configuration.experiment import Experiment, Written, load_experiment
from mu.configuration.words import parse_words
from mu.data.facts import without_pretrained
from mu.errors import UsageError
from mu.pipeline import Cell
from mu.results.panel import describe_panels
from mu.running.runner import Runner


def experiment_of(words: Sequence[str], written: Written | None = None) -> tuple[Experiment, Path]:
    """The experiment that words, all spelled out, describe, and where its results go.

    Args:
        words: As on the command line.
        written: The content of an experiment file, in place of one that words name.

    Raises:
        UsageError: No experiment named, or a word is wrong.
    """
    given = parse_words(words)
    if written is None and "experiment" not in given:
        names = ", ".join(choices("experiment"))
        raise UsageError(f"name an experiment, as in mu run quickstart; there are: {names}")
    others = [w for w in words if w.partition("=")[0] not in ("experiment", "out")]
    experiment = load_experiment(written or given["experiment"], others)
    for block in experiment.blocks:  # a wrong score must not come out after the training
        describe_panels(block.names["evaluation"], block.config["evaluation"])
    return experiment, Path(given.get("out") or Path("results") / experiment.name)


def cells_of(experiment: Experiment, runner: Runner) -> list[Cell]:
    """Every (block, request, pair) of an experiment."""
    return [
        Cell(runner, index, block, request, pair)
        for index, block in enumerate(experiment.blocks)
        for request in block.requests
        for pair in range(len(block.seeds))
    ]


def warnings_of(experiment: Experiment) -> list[str]:
    """What the configuration itself makes doubtful."""
    warnings = []
    if any(block.config["recipe"].get("checkpoint") for block in experiment.blocks):
        warnings.append(
            "recipe.checkpoint starts the oracles too: they are oracles only if what the "
            "checkpoint was trained on holds none of the forgotten data"
        )
    models = [block.config["model"] for block in experiment.blocks]
    if any(without_pretrained(model) != model for model in models):
        warnings.append(
            "pretrained weights start the oracles too: they are oracles only if what those weights "
            "were trained on holds none of the forgotten data"
        )
    for block in experiment.blocks:
        if block.original is None:
            continue
        warnings.append(
            f"the original comes from {block.original}: oracles are retrained with another recipe, "
            f"{block.names['recipe']}, and differ from it for that reason too"
        )
        if len(block.seeds) > 1 and "{pair}" not in block.original:
            warnings.append(
                "all pairs share one original: the intervals speak of other forget sets, not of "
                "other training runs"
            )
    return warnings
