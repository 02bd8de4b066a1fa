"""GNNDelete: layer-wise deletion operators (Cheng et al., ICLR 2023, arXiv 2302.13406)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.data.graphs import GraphInput, adjacency, neighbourhood, weights_of
from mu.data.links import draw_non_edges
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.graph import GraphNetwork, graph_network
from mu.parts.pair_sample import codes_of
from mu.unlearning.base import Unlearner, enclosed
from mu.unlearning.options import at_least, must_be, one_of, positive

STARTS = ("constant", "identity")


class DeletionOperator(nn.Module):
    """One matrix that multiplies the embeddings of some nodes from the right.

    Args:
        dim: Width of the embeddings.
        node_mask: (N,) which nodes.
        init: "constant" fills the matrix with ``value`` as the published code does, "identity"
            starts from no change.
        value: That constant.
        dtype: Of the matrix.

    Example:
        >>> operator = DeletionOperator(2, torch.tensor([True, False]), init="identity")
        >>> operator(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """

    node_mask: Tensor

    def __init__(
        self,
        dim: int,
        node_mask: Tensor,
        init: str = "constant",
        value: float = 0.001,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        one_of(init=(init, STARTS))
        first = torch.full((dim, dim), value, dtype=dtype)
        if init == "identity":
            first = torch.eye(dim, dtype=dtype)
        self.weight = nn.Parameter(first)
        self.register_buffer("node_mask", node_mask.bool().clone())

    def forward(self, h: Tensor) -> Tensor:
        """(N, d) embeddings, rows of the mask multiplied, others unchanged."""
        return torch.where(self.node_mask[:, None], h @ self.weight, h)


class DeletingNetwork(GraphNetwork):
    """A graph network with a deletion operator after each convolution.

    Args:
        network: What is changed.
        num_nodes: N of the graph it is used on.
        widths: Width of each layer.
    """

    restricts = False  # the masks are numbered as the whole graph

    def __init__(self, network: GraphNetwork, num_nodes: int, widths: list[int]) -> None:
        super().__init__()
        self.network, self.depth = network, network.depth
        self.dropout = network.dropout
        nobody = torch.zeros(num_nodes, dtype=torch.bool)
        self.operators = nn.ModuleList(DeletionOperator(d, nobody, "identity") for d in widths)

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        found: Tensor = self.operators[number](self.network.layer(number, h, x))
        return found


def neighbourhood_masks(
    edge_index: Tensor, forget_mask: Tensor, hops: int, num_nodes: int
) -> tuple[Tensor, Tensor]:
    """The ``hops``-neighbourhood of forgotten edges' end points, as the published code takes it.

    Neighbours are found along the columns as given: a list with both directions gives the
    neighbourhood that the paper describes, the one-directional list the published one, which
    depends on how nodes are numbered.

    Args:
        edge_index: (2, m) edges.
        forget_mask: (m,) which are forgotten.
        hops: Steps from the end points.
        num_nodes: N.

    Returns:
        (N,) nodes that touch an edge of the neighbourhood; (m,) edges between its nodes.
    """
    ends = edge_index[:, forget_mask].flatten().numpy()
    inside = torch.from_numpy(neighbourhood(edge_index.numpy(), ends, hops, num_nodes))
    edges = inside[edge_index].all(0)
    nodes = torch.zeros(num_nodes, dtype=torch.bool)
    nodes[edge_index[:, edges].flatten()] = True
    return nodes, edges


@dataclass
class LayerLoss:
    """The two losses of one layer.

    Attributes:
        dec: Deleted edge consistency: forgotten edges look like random pairs.
        ni: Neighbourhood influence: the other nodes of the neighbourhood stay as they were.
    """

    dec: Tensor
    ni: Tensor

    def total(self, alpha: float) -> Tensor:
        """α dec + (1 − α) ni."""
        return alpha * self.dec + (1 - alpha) * self.ni


def layer_loss(
    state: Tensor, original: Tensor, forget: Tensor, random: Tensor, near: Tensor
) -> LayerLoss:
    """Losses of one layer (equations 6 and 8 of the paper, as the code computes them).

    Args:
        state: (N, d) embeddings with the deletion operator.
        original: (N, d) embeddings of the original weights on the retained graph.
        forget: (2, k) forgotten edges.
        random: (2, k) random pairs without an edge.
        near: (n,) nodes of the neighbourhood that no forgotten edge touches.
    """
    mse = nn.functional.mse_loss
    dec = mse(state[forget.flatten()], original[random.flatten()])
    ni = mse(state[near], original[near]) if len(near) else state.new_zeros(())
    return LayerLoss(dec, ni)


class GNNDelete(Unlearner):
    r"""Learn one matrix a layer that acts on the neighbourhood of what is forgotten.

    .. math:: L_l = \alpha L_\text{DEC}^l + (1 - \alpha) L_\text{NI}^l

    The network's own weights stay; after layer l the embeddings of nodes near a forgotten edge (one
    hop in the first layer, two in the second) are multiplied by :math:`W_l`. A network in
    `mu.models.graph.Encoder` is one layer, and near are all nodes that its message passing reaches.
    While they are learnt messages pass along the edges of the largest neighbourhood, forgotten ones
    included; targets are the original's embeddings on the retained graph. The operators stay in the
    network.

    Args:
        epochs: Steps.
        lr: Rate of Adam.
        alpha: α; 0 keeps the neighbourhood and pushes nothing away.
        init: "identity", or "constant": 0.001 everywhere, as published, which is of rank one and
            costs utility before the first step.
        masks: "symmetric", the neighbourhood of the paper; "published", that of the code, which
            walks to lower-numbered nodes only.
        leak: Whether the second layer's gradient also moves the first matrix, one step late, as in
            the published loop.

    Raises:
        UsageError: An unknown word, or a number out of its range. When it is applied: a network
            without layers of node embeddings.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "kept", "full"})
    requests: ClassVar[frozenset[str]] = frozenset({"edges", "nodes", "features"})
    changes: ClassVar[frozenset[str]] = frozenset({"weights", "architecture"})

    def __init__(
        self,
        epochs: int = 100,
        lr: float = 1e-3,
        alpha: float = 0.5,
        init: str = "identity",
        masks: str = "symmetric",
        leak: bool = False,
    ) -> None:
        super().__init__()
        at_least(1, epochs=epochs)
        positive(lr=lr)
        must_be("in [0, 1]", lambda value: 0 <= value <= 1, alpha=alpha)
        one_of(masks=(masks, ("symmetric", "published")), init=(init, STARTS))
        self.epochs, self.lr, self.alpha = epochs, lr, alpha
        self.init, self.masks, self.leak = init, masks, leak

    def solve(self) -> None:
        """Neighbourhood, targets and fresh operators; nothing is trained yet."""
        self._early: list[Tensor] = []
        self._late: list[Tensor] = []  # a request owes nothing to the one before
        network = graph_network(self.learner.network)
        whole, kept = self.first_batch("full").x, self.first_batch("kept").x
        size = len(whole.adjacency)
        gone = self._gone(whole, kept, self.first_batch("forget").x)
        columns, forgotten = self._columns(whole, gone)
        hops = [network.hops(number, kept) for number in range(network.depth)]
        found = [neighbourhood_masks(columns, forgotten, far, size) for far in hops]
        with torch.no_grad():
            self.originals = network.layers(kept)
            self.meter.forward += 1
        self.widths = [h.shape[1] for h in self.originals]
        deleting = DeletingNetwork(network, size, self.widths)
        for number, (nodes, _) in enumerate(found):
            dtype = self.originals[number].dtype
            fresh = DeletionOperator(self.widths[number], nodes, self.init, dtype=dtype)
            deleting.operators[number] = fresh
        self.flags = [(p, p.requires_grad) for p in network.parameters()]
        network.requires_grad_(False)
        self.learner.network, self.num_nodes = deleting, size
        inside = columns[:, found[-1][1]].numpy().T
        inside = np.unique(np.sort(inside, axis=1), axis=0)
        near = adjacency(inside, size, weights_of(whole, inside))
        self.view = GraphInput(kept.features, near, weighted=whole.weighted)
        with torch.no_grad():  # the network's own weights stay, so its first layer does
            self.first = network.layer(0, None, self.view)
        self.forget = torch.cat([gone, gone.flip(0)], dim=1)
        self.random = self._random_pairs(whole, self.forget.shape[1])
        ends = torch.zeros(size, dtype=torch.bool)
        ends[gone.flatten()] = True
        self.near = [(nodes & ~ends).nonzero().squeeze(1) for nodes, _ in found]
        counts = [int(nodes.sum()) for nodes, _ in found]
        self.facts = {"nodes": counts, "hops": hops, "init": self.init}

    def _gone(self, whole: GraphInput, kept: GraphInput, forget: GraphInput) -> Tensor:
        """(2, k) edges, one direction, that the retained graph has lost.

        Where it has lost none (features are withdrawn) those of the nodes that are forgotten.
        """
        size, every = len(whole.adjacency), codes_of(whole)
        lost = np.setdiff1d(every, codes_of(kept))
        gone = torch.from_numpy(np.stack(np.divmod(lost, size)))
        if not len(lost) and forget.pairs is not None:
            gone = forget.pairs
        elif not len(lost) and forget.nodes is not None:
            up = torch.from_numpy(np.stack(np.divmod(every, size)))
            gone = up[:, torch.isin(up, forget.nodes).any(0)]
        if not gone.shape[1]:
            raise UsageError("the request touches no edge; GNNDelete has nothing to delete")
        return gone

    def _columns(self, whole: GraphInput, gone: Tensor) -> tuple[Tensor, Tensor]:
        """Edges along which neighbours are found, and which of them are forgotten."""
        size = len(whole.adjacency)
        codes = codes_of(whole)
        forgotten = torch.from_numpy(np.isin(codes, (gone[0] * size + gone[1]).numpy()))
        up = torch.from_numpy(np.stack(np.divmod(codes, size)))
        if self.masks == "published":
            return up, forgotten
        return torch.cat([up, up.flip(0)], dim=1), torch.cat([forgotten, forgotten])

    def _random_pairs(self, whole: GraphInput, count: int) -> Tensor:
        rng = np.random.default_rng([self.context.seed & 0xFFFFFFFF, 7])
        pairs = draw_non_edges(codes_of(whole), len(whole.adjacency), count, rng)
        return torch.from_numpy(pairs.T.copy())

    def train_batches(self) -> Any:
        nothing = torch.empty(0, dtype=torch.int64)
        return [Batch(self.view, nothing, nothing, units=1)]

    def losses(self, x: GraphInput) -> list[LayerLoss]:
        """Losses of all layers; without ``leak`` a layer's loss knows only its own matrix."""
        network: Any = self.learner.network
        state = network.operators[0](self.first)
        found = []
        for number, original in enumerate(self.originals):
            if number:
                state = network.layer(number, (state if self.leak else state.detach()).relu(), x)
            found.append(layer_loss(state, original, self.forget, self.random, self.near[number]))
        return found

    def training_step(self, batch: Batch, index: int) -> Tensor:
        losses = [loss.total(self.alpha) for loss in self.losses(batch.x)]
        if self.leak:
            self._early = []
            for number, matrix in enumerate(self._matrices()[:-1]):
                later: Any = sum(losses[number + 1 :])
                self._early += torch.autograd.grad(later, [matrix], retain_graph=True)
        return torch.stack(losses).sum()

    def on_after_backward(self) -> None:
        if not self.leak:
            return
        late = self._late or [torch.zeros_like(g) for g in self._early]
        for matrix, now, before in zip(self._matrices(), self._early, late, strict=False):
            assert matrix.grad is not None
            matrix.grad += before - now
        self._late = self._early

    def _matrices(self) -> list[nn.Parameter]:
        network: Any = self.learner.network
        return [operator.weight for operator in network.operators]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self._matrices(), lr=self.lr)

    def result(self) -> Learner:
        for parameter, required in self.flags:
            parameter.requires_grad_(required)
        return self.learner

    def model_of(self, model: dict[str, Any]) -> dict[str, Any]:
        target = "mu.unlearning.gnndelete.DeletingNetwork"
        given = {"num_nodes": self.num_nodes, "widths": self.widths}
        return enclosed(model, "network", target, **given)
