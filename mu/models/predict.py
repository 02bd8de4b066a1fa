"""One forward pass over everything scores may ask about."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.artifact import Artifact
from mu.data.base import Batch, View, removed_elements
from mu.data.build import build_data
from mu.doors.guest import where_it_lies
from mu.doors.nested import moved
from mu.evaluation.signals import Signals
from mu.models.base import Learner, Progress, as_batch, evaluation_mode
from mu.models.channels_last import images_last, is_channels_last, use_channels_last
from mu.models.speaker import Speaker
from mu.models.weights import rebuild


@torch.inference_mode()
def predict(
    learner: Learner,
    batches: Any,
    device: str = "cpu",
    progress: Progress | None = None,
    features: bool = False,
) -> Signals:
    """Logits of a learner in evaluation mode and float32, whatever it was trained in.

    Batches without ids (a user's ``(x, y)``) are numbered in order.

    Args:
        learner: Is left as it was. Images follow its convolutions where these are channels-last.
        batches: Of everything that is asked.
        device: Where to compute.
        progress: Told the number of batches done, and of all.
        features: Whether to return what the head reads, too.

    Raises:
        UsageError: ``features`` of a network that does not end in one linear layer.
    """
    index = []
    total = len(batches) if hasattr(batches, "__len__") else 0
    last, speaker = is_channels_last(learner), Speaker(learner, features)
    with evaluation_mode(learner), where_it_lies(learner, device):
        for done, item in enumerate(batches, 1):
            batch = as_batch(item)
            x = moved(batch.x, device)
            if last and isinstance(x, Tensor):
                x = images_last(x)
            speaker.hear(Batch(x, batch.y.to(device), batch.index))
            index.append(batch.index.numpy())
            if progress is not None:
                progress(done, total)
    ids = np.concatenate(index)
    return speaker.signals(None if (ids < 0).any() else ids)


@torch.inference_mode()
def embeddings(learner: Learner, batch: Any, device: str = "cpu") -> Any:
    """(N, d) float32 embeddings of all nodes of the graph that a batch is asked on."""
    x = as_batch(batch).x.to(device)
    with evaluation_mode(learner), where_it_lies(learner, device):
        found = learner.network.encode(x)  # type: ignore[operator]
    return found.float().cpu().numpy()


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``predict``: a state on the whole universe, seen through the view it is given.

    With ``inputs["asked"]``, a selection, also on what that forgets outside of every part. The
    batches of the rest, and so their bits, are as they are without it.
    """
    data = build_data(config["data"])
    learner = rebuild(config["model"], inputs["state"], config.get("named", ()))
    if config.get("channels_last"):
        use_channels_last(learner)
    removed = removed_elements(inputs["removed"])
    view: View = data.without(removed).view
    batches: Any = data.loader(data.universe(), view, batch_size=config["batch_size"])
    if "asked" in inputs:
        more = np.setdiff1d(inputs["asked"].arrays["own"], data.universe())
        batches = [*batches, *data.loader(more, view, batch_size=config["batch_size"])]
    found = predict(learner, batches, config["device"], progress)
    arrays = {"index": found.index, "logits": found.logits, "targets": found.targets}
    if config.get("embeddings") and hasattr(learner.network, "encode"):
        arrays["embeddings"] = embeddings(learner, next(iter(batches)), config["device"])
    return Artifact({"n": len(found.index)}, arrays)
