"""Published graphs: their counts, sparse features, and errors where files are missing."""

import numpy as np
import pytest
import torch

from mu.data.facts import data_root
from mu.data.named_graphs import NamedLinks, NamedNodes, named_graph, npz, prepared
from mu.errors import UsageError

# name, a file it needs, nodes, directed edges, features, classes
COUNTS = [
    ("cora", "Cora/raw/ind.cora.x", 2708, 10556, 1433, 7),
    ("citeseer", "CiteSeer/raw/ind.citeseer.x", 3327, 9104, 3703, 6),
    ("cora_ml", "cora_ml/raw/cora_ml.npz", 2995, 16316, 2879, 7),
    ("citeseer_full", "citeseer/raw/citeseer.npz", 4230, 10674, 602, 6),
    ("dblp", "dblp/raw/dblp.npz", 17716, 105734, 1639, 4),
    ("coauthor_cs", "CS/raw/ms_academic_cs.npz", 18333, 163788, 6805, 15),
    ("amazon_photo", "Photo/raw/amazon_electronics_photo.npz", 7650, 238162, 745, 8),
]


def needs(file: str) -> None:
    if not (data_root() / file).exists():
        pytest.skip(f"{file} is not below MU_DATA_ROOT ({data_root()})")


@pytest.mark.parametrize(("name", "file", "nodes", "edges", "features", "classes"), COUNTS)
def test_published_counts(name, file, nodes, edges, features, classes):
    needs(file)
    found = named_graph(name)
    assert found.x.shape == (nodes, features)
    assert found.x.layout == torch.sparse_csr or name == "amazon_photo"
    assert 2 * len(found.edges) == edges
    assert int(found.y.max()) + 1 == classes
    sums = torch.from_numpy(np.asarray(found.x.to_dense().sum(1)))
    assert (((sums - 1).abs() < 1e-5) | (sums == 0)).all()


@pytest.mark.parametrize(("name", "file"), [("dblp", "dblp/raw/dblp.npz")])
def test_what_is_read_here_equals_what_torch_geometric_reads(name, file, tmp_path, monkeypatch):
    needs(file)
    from torch_geometric.datasets import CitationFull

    raw = tmp_path / "dblp" / "raw"
    raw.mkdir(parents=True)
    (raw / "dblp.npz").write_bytes((data_root() / file).read_bytes())
    theirs = CitationFull(str(tmp_path), "DBLP")[0]
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    mine = npz("CitationFull", "DBLP", "dblp", "dblp.npz", True)
    assert torch.equal(mine.x.to_dense(), theirs.x)
    assert torch.equal(mine.y, theirs.y)
    up = theirs.edge_index[:, theirs.edge_index[0] < theirs.edge_index[1]]
    assert {tuple(e) for e in up.T.tolist()} == {tuple(e) for e in mine.edges.tolist()}


def test_the_karate_club_needs_no_file():
    links, nodes = NamedLinks("karate_club"), NamedNodes("karate_club")
    assert (links.num_nodes, len(links.pairs)) == (34, 78 + 8)
    assert nodes.model_facts == {"in_features": 34, "num_nodes": 34, "out_features": 4}


def test_the_public_split_is_planetoids():
    needs("Cora/raw/ind.cora.x")
    parts = NamedNodes("cora", split="public").parts
    assert [len(parts[p]) for p in ("train", "validation", "test")] == [140, 500, 1000]


def test_sparse_and_dense_features_are_prepared_alike():
    x = torch.zeros(3, 10)
    x[0, 1], x[0, 2], x[1, 3] = 1, 3, 0.5
    found = prepared(x)
    assert found.layout == torch.sparse_csr
    wanted = torch.zeros(3, 10)
    wanted[0, 1], wanted[0, 2], wanted[1, 3] = 0.25, 0.75, 0.5  # small sums are not scaled up
    assert torch.equal(found.to_dense(), wanted)
    dense = torch.ones(2, 4)
    assert torch.equal(prepared(dense), dense / 4)
    assert torch.equal(prepared(dense, normalise=False), dense)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: named_graph("coraa"), "no graph is called 'coraa'; known: cora"),
        (lambda: NamedNodes("karate_club", split="public"), "no public split"),
        (lambda: NamedNodes("karate_club", split="half"), "split='half'"),
        (lambda: NamedNodes("karate_club", validation=0.7, test=0.4), "validation=0.7"),
        (lambda: NamedLinks("karate_club", supervised=0), "supervised=0"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_missing_files_are_named_with_the_way_out(tmp_path, monkeypatch):
    import torch_geometric.datasets as published

    class Offline:
        def __init__(self, *arguments):
            raise OSError("no network here")

    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    monkeypatch.setattr(published, "CitationFull", Offline)
    with pytest.raises(UsageError, match=r"dblp is not below .* set MU_DATA_ROOT"):
        named_graph("dblp")


def test_ogb_is_asked_for_by_name():
    try:
        import ogb  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match="pip install ogb"):
            named_graph("collab")
    else:
        pytest.skip("ogb is installed")
