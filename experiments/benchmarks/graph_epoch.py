"""Epochs of D2DGN and GNNDelete ÷ retraining epochs: torch_geometric's own, and ours (sparse).

GCN with 128 and 64 units, 100 forgotten edges near the test edges. The baseline is what a user of
torch_geometric writes: dense features, an edge index, GCNConv, BCE over all training edges and as
many drawn pairs. Aims: D2DGN ≤ 0.12 of that epoch and ≤ 0.3 of our own sparse one.
Names after the command are other graphs than dblp and coauthor_cs. The graphs must be below
MU_DATA_ROOT.
"""

import sys
from collections.abc import Callable

import pytorch_lightning as pl
import torch
from ratio import compare, conditions
from torch_geometric.nn import GCNConv
from torch_geometric.utils import negative_sampling

from mu.data.named_graphs import NamedLinks
from mu.forget_sets.near_test import NearTest
from mu.forget_sets.select import select
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.unlearning.base import Context, DataPart, Unlearner
from mu.unlearning.d2dgn import D2DGN
from mu.unlearning.gnndelete import GNNDelete

EDGES = 100


def parts_of(data: NamedLinks, forget: torch.Tensor, view: str) -> dict[str, DataPart]:
    """What a method is handed."""
    kept, whole = data.without({"edges": forget}), data.without({})
    seen = kept.view if view == "retained" else whole.view
    return {
        "forget": DataPart(data, forget, seen),
        "retain": DataPart(data, kept.ids, seen),
        "full": DataPart(data, whole.ids, seen),
        "kept": DataPart(data, kept.ids, kept.view),
        "validation": DataPart(data, data.parts["validation"], seen),
    }


def stepping(method: Unlearner, learner: Learner, parts: dict[str, DataPart]) -> Callable[[], None]:
    """One epoch of a method, set up."""
    handed = {name: parts[name] for name in method.needs}
    method.attach(learner, handed, Context(), {})
    method.solve()
    (batch,) = method.train_batches()
    optimizer = method.configure_optimizers()

    def step() -> None:
        optimizer.zero_grad()
        loss = method.training_step(batch, 0)
        loss.backward()
        optimizer.step()

    return step


def training(data: NamedLinks, forget: torch.Tensor) -> Callable[[], None]:
    """One of our own retraining epochs, negatives drawn."""
    kept = data.without({"edges": forget})
    learner = Learner(GCN(data.x.shape[1], 64, 128))
    batches = data.loader(kept.ids, kept.view, train=True)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)

    def epoch() -> None:
        for batch in batches:
            optimizer.zero_grad()
            learner.batch_loss(batch).backward()
            optimizer.step()

    return epoch


class Plain(torch.nn.Module):
    """GCN as torch_geometric's documentation writes it."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = GCNConv(features, 128), GCNConv(128, 64)

    def forward(self, x: torch.Tensor, edges: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
        z = self.conv2(self.conv1(x, edges).relu(), edges)
        return (z[pairs[0]] * z[pairs[1]]).sum(-1)


def plain(data: NamedLinks, forget: torch.Tensor) -> Callable[[], None]:
    """One retraining epoch in torch_geometric alone."""
    x = data.x.to_dense()
    up = torch.from_numpy(data.edges[data.without({"edges": forget}).ids].T.copy())
    both = torch.cat([up, up.flip(0)], dim=1)
    net = Plain(x.shape[1])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    labels = torch.cat([torch.ones(up.shape[1]), torch.zeros(up.shape[1])])

    def epoch() -> None:
        drawn = negative_sampling(both, data.num_nodes, up.shape[1])
        pairs = torch.cat([up, drawn], dim=1)
        optimizer.zero_grad()
        logits = net(x, both, pairs)
        wanted = labels[: len(logits)]
        torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted).backward()
        optimizer.step()

    return epoch


def measure(name: str) -> None:
    """Time one epoch of each."""
    pl.seed_everything(0, verbose=False)
    data = NamedLinks(name)
    forget = select(NearTest("in", count=EDGES), data, {}, 0).ids
    learner = Learner(GCN(data.x.shape[1], 64, 128))
    own, theirs = training(data, forget), plain(data, forget)
    literal = stepping(D2DGN(), learner, parts_of(data, forget, "retained"))
    few = {"destroyer": "unseen", "alpha": None, "scope": "field"}
    near = stepping(D2DGN(**few, sample=4096), learner, parts_of(data, forget, "retained"))
    nearest = stepping(D2DGN(**few, sample=0), learner, parts_of(data, forget, "retained"))
    deleting = stepping(GNNDelete(), learner, parts_of(data, forget, "trained"))
    where = f"{name}, |D_f| = {EDGES}"
    compare(f"{where}: our epoch ÷ torch_geometric's", own, theirs)
    compare(f"{where}: D2DGN, 4096 pairs ÷ torch_geometric's", near, theirs)
    compare(f"{where}: D2DGN, 4096 pairs ÷ ours", near, own)
    compare(f"{where}: D2DGN, near pairs only ÷ torch_geometric's", nearest, theirs)
    compare(f"{where}: D2DGN, near pairs only ÷ ours", nearest, own)
    compare(f"{where}: D2DGN, all pairs ÷ ours", literal, own)
    compare(f"{where}: GNNDelete ÷ ours", deleting, own)
    compare(f"{where}: D2DGN, 4096 pairs ÷ GNNDelete", near, deleting)


def main() -> None:
    """Time every graph."""
    conditions()
    for name in sys.argv[1:] or ["dblp", "coauthor_cs"]:
        measure(name)


if __name__ == "__main__":
    main()
