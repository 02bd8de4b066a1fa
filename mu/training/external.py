"""Step ``external``: an original that was trained elsewhere and comes from a file."""

from pathlib import Path
from typing import Any

from mu.artifact import Artifact
from mu.data.facts import TAIL_PREFIX
from mu.data.normalisation import Normalisation
from mu.models.base import Progress, build_learner
from mu.models.merging import tail_of
from mu.models.weights import load_weights, read_weights
from mu.training.fit import Meter


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Build the model and load its weights strictly; the facts are those of ``fit``, at no cost.

    ``config``: ``model``, ``weights`` (a path), ``normalisation`` (of the data, or None); ``cut``,
    the arguments of a `mu.models.tail.Tail` in the model, or None. The file then holds the whole
    network, or the tail. ``inputs``: ``trunk``, what the trunk made of the data, where it is cut.

    Raises:
        UsageError: The file cannot be read or does not fit the model.
    """
    path, cut = Path(config["weights"]), config.get("cut")
    learner = build_learner(config["model"], download=False)
    known, tensors = config.get("normalisation"), read_weights(path)
    normalisation = known and Normalisation(*known)
    if cut and not any(TAIL_PREFIX in name for name in tensors):
        trunk = inputs["trunk"].facts["trunk"]
        tensors = tail_of(config["model"], tensors, str(path), trunk, normalisation)
    load_weights(learner, tensors, str(path), normalisation)
    parameters = sum(p.numel() for p in learner.parameters())
    facts = {"cost": Meter().facts(), "parameters": parameters}
    return Artifact(facts, tensors=learner.state_dict())
