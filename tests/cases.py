"""Tiny problems that every method is run on: a learner trained on them, their parts, a request."""

import inspect
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl
import torch

from mu.data.base import Data, TensorData
from mu.data.build import build
from mu.data.graphs import NodeData
from mu.data.links import LinkData
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.timm import TimmModel
from mu.models.vision import SmallCNN
from mu.training.fit import fit
from mu.unlearning.base import DataPart

RECIPE = {
    "epochs": 40,
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
    "schedule": "constant",
    "warmup": 0.0,
}


@dataclass
class Case:
    """A data set, a learner trained on it, and one request."""

    name: str
    kind: str
    data: Data
    learner: Learner
    forget: np.ndarray
    removed: dict
    model: dict

    def parts(self, view="trained"):
        kept = self.data.without(self.removed)
        seen = kept.view if view == "retained" else self.data.without({}).view
        retain = np.setdiff1d(kept.ids, self.forget)
        return {
            "forget": DataPart(self.data, self.forget, seen),
            "retain": DataPart(self.data, retain, seen),
            "full": DataPart(self.data, self.data.parts["train"], seen),
            "kept": DataPart(self.data, kept.ids, kept.view),
            "validation": DataPart(self.data, self.data.parts["validation"], seen),
        }


def quadrants(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """8×8 images of four classes, one bright quadrant each."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 4
    x = 0.3 * torch.rand(count, 1, 8, 8, generator=generator)
    for label, (row, column) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
        x[y == label, :, row : row + 4, column : column + 4] += 0.7
    return x, y


def images(network=None) -> Case:
    """`quadrants`; class 2 is forgotten."""
    x, y = quadrants(160)
    ids = np.arange(160)
    data = TensorData(x, y, train=ids[:100], validation=ids[100:120], test=ids[120:])
    forget = ids[:100][y[:100].numpy() == 2]
    network = network or network_of(SmallCNN, 1, 4, 8, 4, 8)
    return _case("images", "samples", data, network, forget, {"samples": forget})


def patches() -> Case:
    """The same images for a Vision Transformer of two blocks."""
    options = {"depth": 2, "embed_dim": 16, "num_heads": 2}
    config = network_of(TimmModel, "vit_tiny_patch16_224", 1, 4, 8)
    return images(config | {"patch_size": 4, "options": options})


def nodes() -> Case:
    """Two communities of 20 nodes; the nodes 0–3 are forgotten."""
    x, y, edges = _communities()
    parts = {
        "train": np.r_[0:12, 20:32],
        "validation": np.r_[12:14, 32:34],
        "test": np.r_[14:20, 34:40],
    }
    forget = np.arange(4)
    data = NodeData(x, y, edges, parts)
    return _case("nodes", "nodes", data, network_of(GCN, 8, 2, 16), forget, {"nodes": forget})


def links() -> Case:
    """Links of the two communities; ten edges are forgotten."""
    data = LinkData(*_communities(), validation=0.1, test=0.1)
    forget = np.arange(0, 50, 5)
    return _case("links", "edges", data, network_of(GCN, 8, 8, 16), forget, {"edges": forget})


def _communities():
    rng = np.random.default_rng(0)
    y = torch.arange(40) // 20
    x = torch.from_numpy(rng.normal(size=(40, 8)).astype(np.float32)) + y[:, None]
    rows, columns = np.triu_indices(40, 1)
    chance = np.where(rows // 20 == columns // 20, 0.35, 0.03)
    chosen = rng.random(len(rows)) < chance
    return x, y, np.stack([rows[chosen], columns[chosen]], axis=1)


def network_of(cls, *arguments):
    """Configuration of a network."""
    names = list(inspect.signature(cls).parameters)
    target = {"_target_": f"{cls.__module__}.{cls.__name__}"}
    return target | dict(zip(names, arguments, strict=False))


def _case(name, kind, data, config, forget, removed):
    network = build(config)
    pl.seed_everything(0, verbose=False)
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    learner = Learner(network)
    batch_size = 32 if kind == "samples" else None
    kept = data.without({})
    fit(learner, data.loader(kept.ids, kept.view, batch_size=batch_size, train=True), RECIPE)
    model = {"_target_": "mu.models.base.Learner", "network": config}
    return Case(name, kind, data, learner, forget, removed, model)


CASES = {"images": images, "patches": patches, "nodes": nodes, "links": links}
