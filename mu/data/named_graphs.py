"""Published graphs by name, through torch_geometric and ogb, with features kept sparse."""

import difflib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids
from mu.data.facts import data_root
from mu.data.graphs import Edges, NodeData, csr_tensor, random_nodes, scipy_csr, undirected_edges
from mu.data.links import LinkData
from mu.data.planetoid import published_planetoid
from mu.errors import UsageError
from mu.trust.arrays import MOST, read_arrays

SPARSE = 0.3  # below this share of non-zeros features are kept sparse


@dataclass(frozen=True)
class Graph:
    """A published graph.

    Attributes:
        x: (N, f) features, dense or sparse CSR.
        y: (N,) labels; zeros where there are none.
        edges: (E, 2) edges, row < col, sorted.
        public: Part → nodes of the published split, where there is one.
    """

    x: Tensor
    y: Tensor
    edges: Edges
    public: dict[str, Ids] | None = None


def planetoid(name: str) -> Graph:
    """Cora, CiteSeer and PubMed with the public split (Yang et al., arXiv 1603.08861)."""
    data = published_planetoid(name)
    masks = {"train": data.train_mask, "validation": data.val_mask, "test": data.test_mask}
    public = {part: np.flatnonzero(mask.numpy()) for part, mask in masks.items()}
    return Graph(data.x, data.y, undirected_edges(data.edge_index, data.num_nodes), public)


def npz(dataset: str, name: str, folder: str, file: str, binary: bool) -> Graph:
    """A graph that torch_geometric keeps as one ``.npz`` of sparse matrices.

    Read here and not by torch_geometric, which makes the features dense (500 MB for Coauthor CS).
    """
    import torch_geometric.datasets as published
    from scipy.sparse import csr_matrix

    path = data_root() / folder / "raw" / file
    if not path.exists():
        with TemporaryDirectory() as elsewhere:  # what it leaves beside the file is a pickle
            getattr(published, dataset)(elsewhere, name)  # downloads it
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(elsewhere) / folder / "raw" / file, path)
    try:
        f = read_arrays(path, MOST)
        parts = [(f[f"{m}_data"], f[f"{m}_indices"], f[f"{m}_indptr"]) for m in ("adj", "attr")]
        shapes, y = (tuple(f["adj_shape"]), tuple(f["attr_shape"])), f["labels"]
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path} is not the published graph: {error}") from error
    links, x = (csr_matrix(part, shape) for part, shape in zip(parts, shapes, strict=True))
    x = x.astype(np.float32)
    if binary:
        x.data[:] = x.data > 0
        x.eliminate_zeros()
    both = (links + links.T).tocoo()  # some are stored in one direction
    edges = undirected_edges(np.stack([both.row, both.col]), len(y))
    return Graph(csr_tensor(x), torch.from_numpy(y.astype(np.int64)), edges)


def karate_club() -> Graph:
    """Zachary's karate club with one-hot features: 34 nodes, 78 edges."""
    from torch_geometric.datasets import KarateClub

    data = KarateClub()[0]
    return Graph(data.x, data.y, undirected_edges(data.edge_index, data.num_nodes))


def collab() -> Graph:
    """ogbl-collab: collaborations of 235 868 authors, 128 dense features, no labels.

    Raises:
        UsageError: Ogb is not installed.
    """
    try:
        from ogb.linkproppred import PygLinkPropPredDataset
    except ImportError as error:
        raise UsageError("ogbl-collab needs the package ogb: pip install ogb") from error
    data = PygLinkPropPredDataset("ogbl-collab", str(data_root()))[0]
    y = torch.zeros(data.num_nodes, dtype=torch.int64)
    return Graph(data.x.float(), y, undirected_edges(data.edge_index, data.num_nodes))


GRAPHS: dict[str, Callable[[], Graph]] = {
    "karate_club": karate_club,
    "cora": lambda: planetoid("Cora"),
    "citeseer": lambda: planetoid("CiteSeer"),
    "pubmed": lambda: planetoid("PubMed"),
    "cora_full": lambda: npz("CitationFull", "Cora", "cora", "cora.npz", True),
    "cora_ml": lambda: npz("CitationFull", "Cora_ML", "cora_ml", "cora_ml.npz", True),
    "citeseer_full": lambda: npz("CitationFull", "CiteSeer", "citeseer", "citeseer.npz", True),
    "dblp": lambda: npz("CitationFull", "DBLP", "dblp", "dblp.npz", True),
    "pubmed_full": lambda: npz("CitationFull", "PubMed", "pubmed", "pubmed.npz", True),
    "coauthor_cs": lambda: npz("Coauthor", "CS", "CS", "ms_academic_cs.npz", True),
    "coauthor_physics": lambda: npz("Coauthor", "Physics", "Physics", "ms_academic_phy.npz", True),
    "amazon_photo": lambda: npz("Amazon", "Photo", "Photo", "amazon_electronics_photo.npz", True),
    "collab": collab,
}


def named_graph(name: str, normalise: bool = True) -> Graph:
    """A published graph, its features row-normalised and sparse where most are zero.

    Args:
        name: A key of ``GRAPHS``.
        normalise: Divide each node's features by their sum, as GNNDelete's preparation does.

    Raises:
        UsageError: Unknown name, or the files are not there and cannot be downloaded.
    """
    if name not in GRAPHS:
        near = difflib.get_close_matches(name, GRAPHS, n=1) or list(GRAPHS)
        raise UsageError(f"no graph is called {name!r}; known: {', '.join(near)}")
    try:
        found = GRAPHS[name]()
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"the graph {name} is not below {data_root()} and cannot be downloaded ({reason}); "
            "set MU_DATA_ROOT to a folder that has it as torch_geometric lays it out"
        ) from error
    return Graph(prepared(found.x, normalise), found.y, found.edges, found.public)


def prepared(x: Tensor, normalise: bool = True) -> Tensor:
    """Features with rows that sum to one (rows of zeros stay), sparse CSR where most are zero."""
    if x.layout == torch.strided and float((x != 0).float().mean()) >= SPARSE:
        return x / x.sum(1, keepdim=True).clamp(min=1) if normalise else x
    matrix = _scipy(x)
    if normalise:
        sums = np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)
        matrix.data /= np.repeat(sums, np.diff(matrix.indptr)).astype(np.float32)
    return csr_tensor(matrix)


def _scipy(x: Tensor) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(x.numpy()) if x.layout == torch.strided else scipy_csr(x).copy()


class NamedLinks(LinkData):
    """Links of a published graph.

    Args:
        name: A key of ``GRAPHS``.
        normalise: Whether features are row-normalised.
        options: As `mu.data.links.LinkData`.

    Raises:
        UsageError: See `named_graph` and `mu.data.links.LinkData`.
    """

    def __init__(self, name: str, normalise: bool = True, **options: Any) -> None:
        graph = named_graph(name, normalise)
        super().__init__(graph.x, graph.y, graph.edges, **options)


class NamedNodes(NodeData):
    """Node classes of a published graph.

    Args:
        name: A key of ``GRAPHS``.
        normalise: Whether features are row-normalised.
        split: "random", or "public" for the published split of Planetoid.
        shares: Of a random split, as `mu.data.graphs.random_nodes`.

    Raises:
        UsageError: See `named_graph`; an unknown split, or shares that leave nothing.
    """

    def __init__(
        self,
        name: str,
        normalise: bool = True,
        split: str = "random",
        **shares: Any,
    ) -> None:
        graph = named_graph(name, normalise)
        if split == "public" and graph.public is None:
            raise UsageError(f"{name} has no public split; use split=random")
        if split not in ("public", "random"):
            raise UsageError(f"split={split!r} is not one of public, random")
        drawn = random_nodes(len(graph.y), **shares)
        parts = graph.public if split == "public" and graph.public else drawn
        super().__init__(graph.x, graph.y, graph.edges, parts)
