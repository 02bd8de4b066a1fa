"""Graph networks of PyG layers as users write them, node and link data, kinds of request."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch_geometric.nn as pyg
from matrix.cell import (
    RIGHT,
    WRONG,
    Outcome,
    called,
    cheap,
    facts_of,
    faults,
    gradients,
    undisturbed,
)
from matrix.problem import Problem
from torch import Tensor, nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.utils import to_undirected

import mu
from mu.data.graphs import NodeData, undirected_edges
from mu.data.links import LinkData
from mu.data.pyg import links_of, nodes_of
from mu.forget_sets.files import Request
from mu.models.graph import GCN, Encoder, GraphNetwork

NODES, FEATURES, CLASSES = 30, 8, 3
REQUESTS = {"nodes": np.arange(3), "features": np.arange(3), "edges": np.array([1, 4, 7])}


def perceptron(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


DEGREES = torch.tensor([0, 2, 6, 8, 6, 4, 2, 1, 1, 0])
CONVOLUTIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "GCNConv": pyg.GCNConv,
    "GCNConv_cached": lambda i, o: pyg.GCNConv(i, o, cached=True),
    "SAGEConv": pyg.SAGEConv,
    "SAGEConv_max": lambda i, o: pyg.SAGEConv(i, o, aggr="max"),
    "GATConv": pyg.GATConv,
    "GATConv_heads": lambda i, o: pyg.GATConv(i, o, heads=2, concat=False),
    "GATv2Conv": pyg.GATv2Conv,
    "GINConv": lambda i, o: pyg.GINConv(perceptron(i, o)),
    "GINConv_learnt": lambda i, o: pyg.GINConv(perceptron(i, o), train_eps=True),
    "TransformerConv": pyg.TransformerConv,
    "ChebConv": lambda i, o: pyg.ChebConv(i, o, K=2),
    "TAGConv": lambda i, o: pyg.TAGConv(i, o, K=2),
    "SGConv": lambda i, o: pyg.SGConv(i, o, K=2),
    "SSGConv": lambda i, o: pyg.SSGConv(i, o, alpha=0.1, K=2),
    "GraphConv": pyg.GraphConv,
    "ARMAConv": pyg.ARMAConv,
    "LEConv": pyg.LEConv,
    "ResGatedGraphConv": pyg.ResGatedGraphConv,
    "MFConv": pyg.MFConv,
    "FeaStConv": pyg.FeaStConv,
    "ClusterGCNConv": pyg.ClusterGCNConv,
    "SuperGATConv": pyg.SuperGATConv,
    "EGConv": lambda i, o: pyg.EGConv(i, o, num_heads=1, num_bases=2),
    "FiLMConv": pyg.FiLMConv,
    "GENConv": pyg.GENConv,
    "GeneralConv": pyg.GeneralConv,
    "PNAConv": lambda i, o: pyg.PNAConv(i, o, ["mean", "max"], ["identity", "linear"], DEGREES),
    "EdgeConv": lambda i, o: pyg.EdgeConv(perceptron(2 * i, o)),
}


class Two(nn.Module):
    """Two convolutions with ReLU between them, as in PyG's own examples."""

    def __init__(self, make: Callable[[int, int], nn.Module], outputs: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = make(FEATURES, 8), make(8, outputs)

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


class Propagated(nn.Module):
    """A perceptron whose outputs are propagated (APPNP)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.net, self.spread = perceptron(FEATURES, outputs), pyg.APPNP(2, 0.1)

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        return self.spread(self.net(x), edge_index)


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    name: lambda outputs, make=make: Encoder(Two(make, outputs))
    for name, make in CONVOLUTIONS.items()
} | {
    "APPNP": lambda outputs: Encoder(Propagated(outputs)),
    "PyG's GCN": lambda o: Encoder(pyg.models.GCN(FEATURES, 8, 2, o)),
    "PyG's GAT": lambda o: Encoder(pyg.models.GAT(FEATURES, 8, 2, o)),
    "with BatchNorm": lambda o: Encoder(pyg.models.GraphSAGE(FEATURES, 8, 2, o, norm="batch_norm")),
    "mu's GCN": lambda o: GCN(FEATURES, o, 8),
    "without Encoder": lambda o: Two(pyg.GCNConv, o),
}


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Features, classes and an edge index with both directions."""
    generator = torch.Generator().manual_seed(2)
    y = torch.arange(NODES) % CLASSES
    x = torch.randn(NODES, FEATURES, generator=generator) + y[:, None]
    pairs = torch.randint(0, NODES, (2, 70), generator=generator)
    return x, y, to_undirected(pairs[:, pairs[0] != pairs[1]])


def masks() -> dict[str, Tensor]:
    place = torch.arange(NODES)
    return {
        "train_mask": place < 18,
        "val_mask": (place >= 18) & (place < 22),
        "test_mask": place >= 22,
    }


def pyg_data(**changes: Any) -> Data:
    x, y, edges = drawn()
    return Data(**({"x": x, "y": y, "edge_index": edges} | masks() | changes))


def node_data() -> NodeData:
    x, y, edges = drawn()
    parts = {"train": np.arange(18), "validation": np.arange(18, 22), "test": np.arange(22, NODES)}
    return NodeData(x, y, undirected_edges(edges, NODES), parts)


def link_data() -> LinkData:
    x, y, edges = drawn()
    return LinkData(x, y, undirected_edges(edges, NODES), validation=0.1, test=0.1)


DATA: dict[str, Callable[[], Any]] = {"node classes": node_data, "links": link_data}


def network(name: str, kind: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name](CLASSES if kind == "node classes" else 8).eval()


def unlearned(name: str, network_name: str, kind: str, element: str) -> Outcome:
    """A method on a graph network and a request."""
    net, data = network(network_name, kind), DATA[kind]()
    before, request = data.fingerprint(), Request(element, REQUESTS[element])
    declared = facts_of(name).requests

    def call() -> nn.Module:
        return mu.unlearn(net, name, data=data, request=request, **cheap(name))

    outcome, said = undisturbed(call, net)
    if outcome.value is not None and not isinstance(net, GraphNetwork):
        outcome.why.append("a network that takes no GraphInput was served")
        outcome.kind = WRONG
    elif outcome.value is not None:
        batch = next(iter(data.loader(data.parts["test"])))
        problem = Asked(net, batch.x, batch.y)
        said += ["nothing"] if name == "utu" else []
        outcome.why += sorted(set(faults(name, problem, outcome.value, said)))
        outcome.left += gradients(net, outcome.value)
        if declared and element not in declared:
            outcome.why.append("a kind of request was served that the method does not declare")
        if data.fingerprint() != before:
            outcome.why.append("the data changed")
        outcome.kind = WRONG if outcome.why else RIGHT
    return outcome


class Asked(Problem):
    """A graph network and what it is asked; its samples are read as one batch."""

    def rows(self, ids: Tensor) -> tuple[Any, Any]:
        return self.x, self.y


def predicted(name: str, kind: str) -> Outcome:
    """The network inside mu answers as in the user's own hands, on the whole graph and on less."""
    net, data = network(name, kind), DATA[kind]()
    views = [None, data.without({"edges": REQUESTS["edges"]}).view]

    def call() -> list[tuple[Tensor, Any]]:
        found = []
        for view in views:
            batch = next(iter(data.loader(data.parts["test"], view)))
            with torch.no_grad():
                found.append((net(batch.x), batch.x))
        return found

    outcome, _ = undisturbed(call)
    for view, (found, asked) in zip(views, outcome.value or [], strict=False):
        fresh = network(name, kind)
        if not isinstance(fresh, Encoder):
            continue
        edges = torch.from_numpy(data.edges_of(view).T)
        with torch.no_grad():
            z = fresh.network(data.x, torch.cat([edges, edges.flip(0)], 1))
            expected = fresh.decode(z, asked)
        if not torch.allclose(found, expected, rtol=1e-4, atol=1e-5):
            outcome.why.append("other answers than with the edge index")
            outcome.kind = WRONG
    return outcome


def weighted() -> Data:
    data = pyg_data()
    data.edge_weight = torch.linspace(0.1, 2.0, data.edge_index.shape[1])
    return data


def with_attributes() -> Data:
    data = pyg_data()
    data.edge_attr = torch.randn(data.edge_index.shape[1], 2)
    return data


def looped() -> Data:
    edges = drawn()[2]
    return pyg_data(edge_index=torch.cat([edges, torch.arange(5).repeat(2, 1)], 1))


def repeated() -> Data:
    edges = drawn()[2]
    return pyg_data(edge_index=torch.cat([edges, edges[:, :20]], 1))


def directed() -> Data:
    edges = drawn()[2]
    return pyg_data(edge_index=edges[:, edges[0] < edges[1]])


def hetero() -> HeteroData:
    data, (x, y, edges) = HeteroData(), drawn()
    data["paper"].x, data["paper"].y = x, y
    data["paper", "cites", "paper"].edge_index = edges
    return data


def strange_label() -> Data:
    y = drawn()[1].clone()
    y[4] = -1
    return pyg_data(y=y)


def flags() -> dict[str, Tensor]:
    return {name: torch.stack([mask] * 10, 1) for name, mask in masks().items()}


def numbers() -> dict[str, Tensor]:
    return {name: mask.nonzero()[:, 0] for name, mask in masks().items()}


DOORS: dict[str, Callable[[], Any]] = {
    "plain": pyg_data,
    "edge_weight": weighted,
    "edge_attr": with_attributes,
    "self-loops": looped,
    "repeated edges": repeated,
    "directed": directed,
    "HeteroData": hetero,
    "label -1": strange_label,
    "masks (n, 10)": lambda: pyg_data(**flags()),
    "masks of numbers": lambda: pyg_data(**numbers()),
    "masks of 0 and 1": lambda: pyg_data(**{n: m.long() for n, m in masks().items()}),
    "masks too short": lambda: pyg_data(**{n: m[:-3] for n, m in masks().items()}),
    "masks that overlap": lambda: pyg_data(test_mask=masks()["train_mask"]),
    "no mask": lambda: pyg_data(train_mask=None),
    "labels (n, 1)": lambda: pyg_data(y=drawn()[1][:, None]),
    "labels (n, 3)": lambda: pyg_data(y=torch.eye(CLASSES)[drawn()[1]]),
    "float labels": lambda: pyg_data(y=drawn()[1].float()),
    "float64 features": lambda: pyg_data(x=drawn()[0].double()),
    "features not finite": lambda: pyg_data(x=drawn()[0] / 0),
    "no features": lambda: pyg_data(x=None),
    "no edges": lambda: pyg_data(edge_index=None),
    "one node alone": lambda: pyg_data(edge_index=drawn()[2][:, (drawn()[2] != 29).all(0)]),
    "edge to a node not there": lambda: pyg_data(edge_index=drawn()[2] + 5),
    "float edge index": lambda: pyg_data(edge_index=drawn()[2].float()),
}


NOT_TO_SERVE = {"HeteroData", "float edge index", "features not finite", "masks too short"}
# What may not be left out without a word, whatever the answers are.
SPOKEN = {"edge_weight": "edge_weight", "edge_attr": "edge_attr"}


def through_door(name: str, method: str) -> Outcome:
    """nodes_of, a method, and answers that must be those of the user's own network.

    ``method`` "predict" compares the answers before any request.
    """
    torch.manual_seed(0)
    # A GCN adds its own loops, so it cannot tell whether those of the data were left out.
    inner = Two(pyg.SAGEConv if name == "self-loops" else pyg.GCNConv, CLASSES)
    net = Encoder(inner).eval()
    data = DOORS[name]()

    def call() -> Any:
        found = nodes_of(data)
        if method != "predict":
            request = Request("nodes", REQUESTS["nodes"])
            return mu.unlearn(net, method, data=found, request=request, **cheap(method))
        batch = next(iter(found.loader(found.parts["test"])))
        with torch.no_grad():
            return net(batch.x), batch.x.nodes

    outcome, said = undisturbed(call, net)
    if outcome.value is None:
        return outcome
    if name in NOT_TO_SERVE:
        outcome.kind, outcome.why = WRONG, [*outcome.why, "served"]
        return outcome
    word = SPOKEN.get(name)
    if word and any(word in message for message in said):
        return outcome
    if name == "edge_attr":
        outcome.why.append("edge_attr was dropped without a word")
    if method == "predict":
        outcome.why += other_answers(inner, data, *outcome.value)
    elif not all(bool(torch.isfinite(p).all()) for p in outcome.value.parameters()):
        outcome.why.append("weights that are not finite")
    outcome.kind = WRONG if outcome.why else RIGHT
    return outcome


def other_answers(inner: nn.Module, data: Any, found: Tensor, nodes: Tensor) -> list[str]:
    weight = getattr(data, "edge_weight", None)
    with torch.no_grad():
        if weight is None:
            expected = inner(data.x, data.edge_index)
        else:
            h = inner.conv1(data.x, data.edge_index, weight).relu()
            expected = inner.conv2(h, data.edge_index, weight)
    wanted = torch.arange(22, NODES)
    if not torch.equal(nodes.sort().values, wanted):
        return ["other nodes than those of the mask"]
    if not torch.allclose(found, expected[nodes], rtol=1e-4, atol=1e-5, equal_nan=True):
        return ["other answers than in the user's own hands"]
    return []


HANDED: dict[str, Callable[[nn.Module], Any]] = {
    "a PyG Data": lambda net: mu.unlearn(
        net, "ssd", data=pyg_data(), request=Request("nodes", np.arange(3))
    ),
    "boolean ids": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("nodes", np.arange(18) < 3)
    ),
    "ids not there": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("nodes", np.array([99]))
    ),
    "test and trained nodes at once": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("nodes", np.array([2, 25]))
    ),
    "no ids": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("nodes", np.empty(0, np.int64))
    ),
    "all ids": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("nodes", np.arange(18))
    ),
    "an unknown kind": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("pixels", np.arange(3))
    ),
    "float ids": lambda net: mu.unlearn(
        net, "ssd", data=node_data(), request=Request("nodes", np.array([0.5, 1.5]))
    ),
    "links of a directed graph": lambda net: links_of(directed()),
    "links of weighted edges": lambda net: links_of(weighted()),
    "links of HeteroData": lambda net: links_of(hetero()),
}
MUST_REFUSE = {name for name in HANDED if name not in ("boolean ids", "a PyG Data")}


def handed(name: str) -> Outcome:
    """Things that are no proper data or request: refused, or read as what is meant."""
    net = network("GCNConv", "node classes")
    outcome, _ = called(lambda: HANDED[name](net))
    if outcome.value is not None and name in MUST_REFUSE:
        outcome.kind, outcome.why = WRONG, [f"{name}: served"]
    if outcome.value is not None and name == "boolean ids":
        meant = mu.unlearn(net, "ssd", data=node_data(), request=Request("nodes", np.arange(3)))
        pairs = zip(outcome.value.parameters(), meant.parameters(), strict=True)
        if not all(torch.equal(a, b) for a, b in pairs):
            outcome.kind, outcome.why = WRONG, ["boolean ids read as something else"]
    return outcome
