"""What the configuration of an experiment itself makes doubtful."""

from typing import Any

from mu.config import Experiment


def warnings_of(experiment: Experiment) -> list[str]:
    """What the configuration itself makes doubtful."""
    said = []
    if any(block.config["recipe"].get("checkpoint") for block in experiment.blocks):
        said.append(
            "recipe.checkpoint starts the oracles too: they are oracles only if what the "
            "checkpoint was trained on holds none of the forgotten data"
        )
    if any(pretrained(block.config["model"]) for block in experiment.blocks):
        said.append(
            "pretrained weights start the oracles too: they are oracles only if what those weights "
            "were trained on holds none of the forgotten data"
        )
    for block in experiment.blocks:
        if block.original is None:
            continue
        said.append(
            f"the original comes from {block.original}: oracles are retrained with another recipe, "
            f"{block.names['recipe']}, and differ from it for that reason too"
        )
        if len(block.seeds) > 1 and "{pair}" not in block.original:
            said.append(
                "all pairs share one original: the intervals speak of other forget sets, not of "
                "other training runs"
            )
    return said


def pretrained(model: Any) -> bool:
    """Whether a model configuration asks for weights that somebody else trained."""
    if not isinstance(model, dict):
        return False
    return bool(model.get("pretrained")) or any(pretrained(value) for value in model.values())
