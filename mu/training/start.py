"""Step ``start``: what of the network a checkpoint fits, before anything is trained."""

from pathlib import Path
from typing import Any

from mu.artifact import Artifact
from mu.data.normalisation import Normalisation
from mu.models.base import Progress, build_learner
from mu.models.starting import said, start_from
from mu.models.weights_file import read_weights


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """What starts anew, and what is to be said of it.

    ``config``: ``model``, ``checkpoint`` (a path), ``checkpoint_skip``, ``normalisation``.
    """
    learner, known = build_learner(config["model"], download=False), config["normalisation"]
    path, skip = config["checkpoint"], config["checkpoint_skip"]
    tensors = read_weights(Path(path))
    anew = start_from(learner, tensors, path, skip, known and Normalisation(*known))
    return Artifact({"anew": anew, "warnings": said(path, anew)})
