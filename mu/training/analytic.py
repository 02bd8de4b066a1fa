"""Training an analytic head: one pass over the data, class after class, and one solution."""

import time
from typing import Any

import numpy as np
import torch

from mu.analytic.head import AnalyticHead
from mu.analytic.key import ledger_key
from mu.analytic.memory import remembered
from mu.artifact import Artifact
from mu.data.base import Data, Kept, removed_elements
from mu.data.build import build_data
from mu.errors import UsageError
from mu.models.analytic import AnalyticNetwork, expanded
from mu.models.base import Learner, Progress, build_learner
from mu.models.channels_last import use_channels_last
from mu.models.weights import MEMORY, load_weights
from mu.training.fit import Counted, Meter
from mu.training.peak_memory import peak_into

TOGETHER = 2048  # rows that are learnt at once
BACKBONE = "network.backbone."


def learn(
    learner: Learner, data: Data, kept: Kept, recipe: dict[str, Any], progress: Progress | None
) -> tuple[AnalyticHead, Meter, list[dict[str, Any]]]:
    """Learn a head on what is kept, in ``tasks`` steps of classes; sets the head's weights.

    Returns:
        The head, what it cost, and after each task the accuracy on validation data of the classes
        so far, where there are any.
    """
    own, network = recipe["fit"], learner.network
    if not isinstance(network, AnalyticNetwork):
        raise UsageError(
            f"an analytic fit needs an AnalyticNetwork, not a {type(network).__name__}; take a "
            "model such as acu_resnet20"
        )
    meter, size = Meter(), recipe["batch_size"]
    start = time.perf_counter()
    options = {name: own[name] for name in ("gamma", "grid", "limit")}
    head = AnalyticHead(network.head.in_features, **options, key=ledger_key())
    labels = data.targets(kept.ids)
    held = data.parts["validation"]
    seen, curve = [], []
    shown = rows(network, data.loader(held, kept.view, batch_size=size)) if len(held) else None
    for classes in np.array_split(np.unique(labels), own.get("tasks", 1)):
        ids = kept.ids[np.isin(labels, classes)]
        loader = data.loader(ids, kept.view, batch_size=size)
        head.learn(*rows(network, Counted(loader, meter, len(loader), progress)))
        seen += classes.tolist()
        if shown is None:
            continue
        known = torch.isin(shown[1], torch.tensor(seen))
        right = head.predict(shown[0][known]) == shown[1][known]
        curve.append({"classes": list(seen), "accuracy": float(right.float().mean())})
    head.reserve(network.head.out_features)
    with torch.no_grad():
        network.head.weight.copy_(head.weight.T)
    meter.backward = 0
    meter.seconds["request"] = time.perf_counter() - start
    return head, meter, curve


@torch.no_grad()
def rows(network: AnalyticNetwork, batches: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Expanded features and labels of batches."""
    x, y = zip(*(expanded(network, batch) for batch in batches), strict=True)
    return torch.cat(x), torch.cat(y)


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Store step: an analytic head on a backbone that was trained elsewhere.

    ``inputs``: ``removed`` (selections), ``backbone`` (a learner trained on other data, or absent
    where the model brings pretrained weights).
    """
    data, recipe = build_data(config["data"]), config["recipe"]
    learner = build_learner(config["model"], download="backbone" not in inputs)
    network: Any = learner.network
    if "backbone" in inputs and isinstance(network, AnalyticNetwork):
        there = learner.state_dict()
        taken = inputs["backbone"].tensors.items()
        weights = {n.replace("network.", BACKBONE, 1): t for n, t in taken if MEMORY not in n}
        weights = {n: t for n, t in weights.items() if n in there}
        load_weights(learner, there | weights, "of the backbone")
    if isinstance(network, AnalyticNetwork):
        network.draw(config["seed"])
    if recipe.get("channels_last"):
        use_channels_last(learner)
    learner.eval()
    kept = data.without(removed_elements(inputs["removed"]))
    peak: dict[str, float] = {}
    with peak_into(peak, "request", "cpu"):
        head, meter, curve = learn(learner, data, kept, recipe, progress)
    meter.memory = peak
    facts = {
        "cost": meter.facts(),
        "parameters": sum(p.numel() for p in learner.parameters()),
        "facts": {"statistics": head.digest(), "tasks": curve},
    }
    memory = {f"{MEMORY}{name}": tensor for name, tensor in remembered(head).items()}
    return Artifact(facts, tensors=learner.state_dict() | memory)


def as_plain_fit(config: dict[str, Any]) -> dict[str, Any]:
    """A training that takes as long: one pass through the frozen backbone, for estimates."""
    recipe = {k: v for k, v in config["recipe"].items() if k != "fit"}
    sgd = {"_target_": "torch.optim.SGD", "lr": 0.01}
    return config | {"recipe": recipe | {"optimizer": sgd, "schedule": "constant"}}
