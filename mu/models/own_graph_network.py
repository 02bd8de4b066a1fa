"""What a graph network of the user's own is handed: a list of edges, or a sparse matrix."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn import Sequential as Steps

from mu.data.graphs import GraphInput
from mu.errors import UsageError

EDGE_LIST, MATRIX = "edge_index", "adjacency matrix"
MISFITS = (TypeError, ValueError, RuntimeError, IndexError, AttributeError, AssertionError)


@dataclass(frozen=True)
class Way:
    """One way to call ``network(features, edges)``.

    Attributes:
        form: "edge_index" for a (2, m) list in both directions, or "adjacency matrix" (sparse CSR).
        dense: Whether sparse features are made dense.
    """

    form: str
    dense: bool

    def __str__(self) -> str:
        return f"{'dense x' if self.dense else 'x'} and {self.form}"


def message_passing(network: nn.Module) -> list[MessagePassing]:
    """The layers of torch_geometric that pass messages."""
    return [module for module in network.modules() if isinstance(module, MessagePassing)]


def ways(network: nn.Module, x: GraphInput) -> list[Way]:
    """Ways to call a network, the likeliest first.

    Layers of torch_geometric are handed what they are trained with elsewhere, the list: given a
    matrix, some take its values for weights, and some have no second derivative.
    """
    listed = bool(message_passing(network)) or "edge_index" in arguments(network)
    forms = [EDGE_LIST, MATRIX] if listed else [MATRIX, EDGE_LIST]
    if listed and x.weighted:
        forms = [EDGE_LIST]
    dense = [False] if x.features.layout == torch.strided else [True, False]
    return [Way(form, one) for form in forms for one in dense]


def arguments(network: nn.Module) -> Mapping[str, Any]:
    """What ``network`` can be called with: name → whether it must be given."""
    if isinstance(network, Steps):
        return dict.fromkeys(network.signature.param_dict, True)
    known = inspect.signature(network.forward).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p.default is p.empty for p in known if p.kind in named}


def called(network: nn.Module, x: GraphInput, way: Way) -> Any:
    """What a network returns of a view when it is called in one way.

    Raises:
        UsageError: The view has weights, and the network takes none.
    """
    features = dense_features(x) if way.dense else x.features
    if way.form == MATRIX:
        return network(features, matrix(x))
    names = {name: must for name, must in arguments(network).items() if "weight" in name}
    if x.weighted and not names:
        raise UsageError(
            f"the edges have weights, and {type(network).__name__}.forward takes no edge_weight: "
            "give it one, forward(x, edge_index, edge_weight), or leave the weights out of the "
            'graph: ignore=["edge_weight"]'
        )
    given = {name: edge_weight(x) for name, must in names.items() if must or x.weighted}
    return network(features, edge_list(x), **given)


def first_that_works(network: nn.Module, x: GraphInput) -> tuple[Way, Any]:
    """The first of `ways` in which a network can be called, and what it returns.

    Raises:
        UsageError: There is none; the message says why the likeliest is not.
    """
    first: Exception | None = None
    tried = ways(network, x)
    for way in tried:
        try:
            return way, called(network, x, way)
        except torch.OutOfMemoryError:
            raise
        except MISFITS as error:
            first = first or error
    said = " ".join(str(first).split())[:200]
    raise UsageError(
        f"{type(network).__name__} can be called with none of: {', '.join(map(str, tried))}; with "
        f"the first it fails with {type(first).__name__}: {said}"
    ) from first


def forget_caches(network: nn.Module) -> None:
    """Empty what layers with ``cached=True`` keep: it is of the graph they saw first."""
    for layer in message_passing(network):
        for name in vars(layer):
            if name.startswith("_cached_"):
                setattr(layer, name, None)


def steps_of_messages(network: nn.Module, x: GraphInput) -> int:
    """How often messages are passed on in a call of a network, layers side by side included.

    At most so many edges lie between a node and those that its output depends on. In `called`'s
    likeliest way; nothing of the network changes if it is in evaluation mode.
    """
    count = 0

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1

    layers = message_passing(network)
    hooks = [layer.register_propagate_forward_pre_hook(counted) for layer in layers]
    try:
        called(network, x, ways(network, x)[0])
    finally:
        for hook in hooks:
            hook.remove()
    return count


def edge_list(x: GraphInput) -> Tensor:
    """(2, m) edges of a view in both directions, sorted, made once."""

    def make() -> Tensor:
        coo: Any = x.adjacency.to_sparse(layout=torch.sparse_coo)
        found: Tensor = coo.indices()
        return found

    return x.once("edge list", make)


def edge_weight(x: GraphInput) -> Tensor:
    """(m,) weights of `edge_list`, of the features' type; ones where edges have none."""
    return x.once("edge weight", lambda: x.adjacency.values().to(x.features.dtype))


def matrix(x: GraphInput) -> Tensor:
    """The adjacency matrix in the features' type, made once."""
    if x.adjacency.dtype == x.features.dtype:
        return x.adjacency
    return x.once("typed adjacency", lambda: x.adjacency.to(x.features.dtype))


def dense_features(x: GraphInput) -> Tensor:
    """(N, f) dense features of a view, made once."""
    return x.once("dense features", lambda: x.features.to_dense())
