"""How long a fit should take: a few of its batches, timed."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from mu.data.base import Batch
from mu.data.build import build_data
from mu.data.facts import cut_in
from mu.models.activations import activations, frozen_trunk
from mu.models.base import build_learner
from mu.models.chunks import CHUNK
from mu.training.fit import fit
from mu.training.recipe import check_recipe


class First:
    """The first ``n`` batches of an epoch, as an epoch of its own."""

    def __init__(self, batches: Any, n: int) -> None:
        self.batches, self.n = batches, min(n, len(batches))

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Batch]:
        return islice(iter(self.batches), self.n)


@torch.no_grad()
def behind_trunk(model: dict[str, Any], batches: Iterable[Batch]) -> list[Batch]:
    """Batches as they come behind a trunk that has not been computed yet."""
    _, trunk = frozen_trunk(cut_in(model) or {})
    return [replace(batch, x=trunk(batch.x)) for batch in batches]


def has_activations(data: dict[str, Any]) -> bool:
    """Whether a data configuration needs none of a trunk, or those that it needs are there."""
    return not data.get("activations") or Path(data["activations"]).exists()


def trunk_seconds(config: dict[str, Any]) -> float:
    """Seconds that a step ``activations`` should take, from a chunk of its images."""
    data: Any = build_data(config["data"])
    cut = config["cut"]
    torch.set_num_threads(config.get("threads", 1))
    ids, trunk, seconds = data.universe(), frozen_trunk(cut)[1], []
    for _ in range(2):  # the first also loads code
        start = time.perf_counter()
        found = list(activations(trunk, data, ids[:CHUNK], False, cut["cut"]))
        seconds.append((time.perf_counter() - start) / len(found[0]))
    return min(seconds) * len(ids) * (2 if config["flips"] else 1)


SMALL = 32  # samples a batch while timing: a large network must not take minutes to be timed


def expected_seconds(config: dict[str, Any], batches: int = 4) -> float:
    """Seconds that a ``fit`` step should take, from the difference of one and a few more batches.

    Of data read as one batch, a few more epochs. A recipe that stops at a plateau is counted with
    all its epochs, since nobody knows where it will stop. Batches are of at most 32 samples, so
    that the estimate of a recipe with larger ones is high rather than low.

    Args:
        config: Of a ``fit`` step: ``data``, ``model``, ``recipe``, ``seed``, ``device``.
        batches: How many to time beyond the first, which also warms up.

    Raises:
        UsageError: The configuration is one that ``fit`` would refuse.
    """
    own = (config["recipe"].get("fit") or {}).get("step")
    if own:  # a step of its own says in its module how it would train as a plain one
        config = import_module(own.partition(":")[0]).as_plain_fit(config)
    recipe, there = config["recipe"], has_activations(config["data"])
    data = build_data(config["data"] if there else config["data"] | {"activations": None})
    check_recipe(recipe)
    if not recipe["epochs"]:
        return 0.0
    torch.set_num_threads(config.get("threads", 1))
    kept = data.without({})
    loader = data.loader(
        kept.ids,
        kept.view,
        batch_size=min(recipe["batch_size"], SMALL) if recipe["batch_size"] else None,
        train=True,
        augment=recipe.get("augment"),
    )
    learner = build_learner(config["model"])
    length, few = len(loader), First(loader, 1 + batches)
    if not there:
        few = First(behind_trunk(config["model"], few), 1 + batches)
    plain = {k: v for k, v in recipe.items() if k != "plateau"}
    further = min(batches, length - 1)
    seconds = []
    for more in (0, 0, batches):  # the first of all also loads code
        epochs = 1 if further else 1 + more
        start = time.perf_counter()
        fit(learner, First(few, 1 + more), plain | {"epochs": epochs}, device=config["device"])
        seconds.append(time.perf_counter() - start)
    each = (seconds[2] - seconds[1]) / (further or batches)
    return max(each, 0.0) * length * float(recipe["epochs"])
