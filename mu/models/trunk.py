"""Scores of what the head of a network reads: it is computed for them and kept by nobody."""

from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.data.base import removed_elements
from mu.data.build import build_data
from mu.errors import UsageError
from mu.evaluation.score import Peers, panel_sizes, panel_values
from mu.evaluation.scoring import build_scores, known_values, split_of
from mu.models.base import Progress
from mu.models.predict import predict
from mu.models.weights import rebuild


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``trunk``: the scores of a panel that read features, of one state.

    Where the network does not end in one linear layer there are none, and a warning says so.

    ``config["evaluation"]`` holds these scores alone. ``inputs``: ``state``; ``removed``, what its
    view lacks; ``selection``; ``data``.
    """
    data = build_data(config["data"])
    learner = rebuild(config["model"], inputs["state"], config.get("named", ()))
    split = split_of(inputs["selection"], inputs["data"])
    scores = build_scores(config["evaluation"])
    view = data.without(removed_elements(inputs["removed"])).view
    parts = [split.forget, split.before, split.retain, split.test]
    batches = data.loader(np.unique(np.concatenate(parts)), view, batch_size=config["batch_size"])
    try:
        own = predict(learner, batches, config["device"], progress, features=True)
    except UsageError as error:
        titles = ", ".join(score.title or name for name, score in scores.items())
        missing = f"no value of {titles}: {error}"
        return Artifact({"values": dict.fromkeys(scores), "sizes": {}, "warnings": [missing]})
    values = panel_values(scores, own, split, Peers())
    sizes = panel_sizes(scores, values, own, split)
    return Artifact({"values": known_values(values), "sizes": sizes, "warnings": []})
