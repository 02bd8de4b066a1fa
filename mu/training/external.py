"""Step ``external``: an original that was trained elsewhere and comes from a file."""

from pathlib import Path
from typing import Any

from mu.artifact import Artifact
from mu.data.normalisation import Normalisation
from mu.models.base import Progress, build_learner
from mu.models.weights import load_weights, read_weights
from mu.training.fit import Meter


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Build the model and load its weights strictly; the facts are those of ``fit``, at no cost.

    ``config``: ``model``, ``weights`` (a path), ``normalisation`` (of the data, or None).

    Raises:
        UsageError: The file cannot be read or does not fit the model.
    """
    path = Path(config["weights"])
    learner = build_learner(config["model"], download=False)
    known = config.get("normalisation")
    load_weights(learner, read_weights(path), str(path), known and Normalisation(*known))
    parameters = sum(p.numel() for p in learner.parameters())
    facts = {"cost": Meter().facts(), "parameters": parameters}
    return Artifact(facts, tensors=learner.state_dict())
