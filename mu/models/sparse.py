"""Products with constant sparse matrices, and the matrices that graph convolutions use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.graphs import GraphInput, csr_tensor, scipy_csr
from mu.errors import UsageError


@dataclass(frozen=True)
class Sparse:
    """A constant sparse CSR matrix and its transpose; the same object twice if symmetric."""

    matrix: Tensor
    transposed: Tensor

    def restricted(self, rows: Tensor, columns: Tensor) -> "Sparse":
        """The matrix on some rows and columns."""
        part = scipy_csr(self.matrix)[rows.numpy()][:, columns.numpy()]
        return Sparse(csr_tensor(part), csr_tensor(part.T.tocsr()))


def product(sparse: Sparse, dense: Tensor) -> Tensor:
    """(n, d) A h for a constant A (n, m) and h (m, d).

    The gradient is Aᵀ g, a product with the stored transpose, where torch would transpose A anew
    at each step. It can be differentiated any number of times.
    """
    # Autocast leaves bfloat16 here, for which there is no kernel.
    found: Tensor = _Product.apply(sparse.matrix, sparse.transposed, dense.to(sparse.matrix.dtype))
    return found


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, dense: Tensor) -> Tensor:
        ctx.matrices = matrix, transposed
        with torch.autocast(dense.device.type, enabled=False):
            return matrix @ dense.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        matrix, transposed = ctx.matrices
        return None, None, _Product.apply(transposed, matrix, gradients[0])


def _gcn(adjacency: Any) -> Any:
    """D^-1/2 (A + I) D^-1/2 with the degrees of A + I (Kipf and Welling, arXiv 1609.02907)."""
    from scipy.sparse import diags_array

    with_loops = _sum(adjacency)
    scale = diags_array(with_loops.sum(1) ** -0.5)
    return scale @ with_loops @ scale


def _sum(adjacency: Any) -> Any:
    """A + I: a node and the sum of its neighbours."""
    from scipy.sparse import eye_array

    return adjacency + eye_array(adjacency.shape[0], dtype=adjacency.dtype)


def _mean(adjacency: Any) -> Any:
    """D^-1 A: the mean of a node's neighbours, zero where it has none."""
    from scipy.sparse import diags_array

    return diags_array(1 / np.maximum(adjacency.sum(1), 1)) @ adjacency


MATRICES: dict[str, Callable[[Any], Any]] = {"gcn": _gcn, "sum": _sum, "mean": _mean}
SYMMETRIC = ("gcn", "sum")
WEIGHTED = ("gcn",)


def refuse_weights(x: GraphInput) -> None:
    """Refuse a view with weights on its edges, for a layer that does not read them.

    Raises:
        UsageError: It has.
    """
    if x.weighted:
        raise UsageError(
            "the edges have weights, which GIN, GraphSAGE and GAT do not read: take GCN, a network "
            "of your own in mu.models.graph.Encoder, or the graph without edge_weight"
        )


def numpy_dtype(tensor: Tensor) -> Any:
    """The NumPy type of a tensor's numbers."""
    return torch.empty(0, dtype=tensor.dtype).numpy().dtype


def propagation(x: GraphInput, kind: str) -> Sparse:
    """The (N, N) matrix of a convolution on a view, made once.

    Args:
        x: The view.
        kind: "gcn", "sum" or "mean".

    Raises:
        UsageError: Edges have weights, and the convolution, as published, knows none.
    """
    if kind not in WEIGHTED:
        refuse_weights(x)
    from scipy.sparse import csr_array

    def make() -> Sparse:
        adjacency = scipy_csr(x.adjacency.cpu()).astype(numpy_dtype(x.features))
        found = MATRICES[kind](csr_array(adjacency)).tocsr().astype(adjacency.dtype)
        matrix = csr_tensor(found).to(x.adjacency.device)
        if kind in SYMMETRIC:
            return Sparse(matrix, matrix)
        return Sparse(matrix, csr_tensor(found.T.tocsr()).to(x.adjacency.device))

    return x.once(("matrix", kind), make)


def sparse_features(x: GraphInput) -> Sparse:
    """The features of a view with their transpose, made once; they must be sparse."""

    def make() -> Sparse:
        cpu = scipy_csr(x.features.cpu())
        return Sparse(x.features, csr_tensor(cpu.T.tocsr()).to(x.features.device))

    return x.once("features", make)


def propagated_features(x: GraphInput, kind: str) -> Tensor:
    """(N, f) neighbourhood sums of dense features, made once; see `propagation`."""
    return x.once(("propagated", kind), lambda: product(propagation(x, kind), x.features))
