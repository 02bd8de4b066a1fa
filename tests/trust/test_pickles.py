"""Pickled data: a file that is not the published one is not read, whatever it is called."""

import pickle
import shutil
from collections import defaultdict

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from mu.data.facts import data_root
from mu.data.images import CIFAR10
from mu.data.named_graphs import named_graph
from mu.data.planetoid import DIGESTS, PARTS
from mu.errors import UsageError
from mu.trust.pickles import check_pickle


class Marks:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.fixture
def mark(tmp_path):
    yield tmp_path / "ran"
    assert not (tmp_path / "ran").exists()


def test_arrays_are_let_through_and_nothing_else(tmp_path, mark):
    path = tmp_path / "ind.pubmed.x"
    graph = defaultdict(list, {0: [1, 2]})
    for good in (np.arange(3.0), csr_matrix(np.eye(3)), graph):
        path.write_bytes(pickle.dumps(good))
        check_pickle(path, None, "")
    for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
        for bad in (Marks(mark), [np.eye(2), {"a": Marks(mark)}], print, np.load, torch.zeros(2)):
            path.write_bytes(pickle.dumps(bad, protocol))
            with pytest.raises(UsageError, match=r"no pickle of arrays: it names.*What to do"):
                check_pickle(path, None, "What to do")
    for broken in (b"", b"\x80", b"cos\nsystem\n(S'touch ran'\ntR.", b"\x80\x04." * 9):
        path.write_bytes(broken)
        with pytest.raises(UsageError, match="no pickle of arrays"):
            check_pickle(path, None, "")


def test_another_digest_is_refused_unread(tmp_path, mark):
    path = tmp_path / "ind.cora.x"
    path.write_bytes(pickle.dumps(Marks(mark)))
    with pytest.raises(UsageError, match=r"not the published file .*can run code: it was not read"):
        check_pickle(path, "0" * 64, "")


@pytest.fixture
def cora(tmp_path, monkeypatch):
    raw = data_root() / "Cora" / "raw"
    if not raw.exists():
        pytest.skip(f"Cora is not below MU_DATA_ROOT ({data_root()})")
    shutil.copytree(raw, tmp_path / "root" / "Cora" / "raw")
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path / "root"))
    return tmp_path / "root" / "Cora"


def test_every_known_graph_has_all_its_digests():
    assert all(set(known) == set(PARTS) for known in DIGESTS.values())


def test_a_graph_with_another_pickle_is_refused(cora, mark):
    (cora / "raw" / "ind.cora.graph").write_bytes(pickle.dumps(Marks(mark)))
    with pytest.raises(UsageError, match=r"ind\.cora\.graph is not the published file"):
        named_graph("cora")


def test_what_somebody_processed_is_not_read(cora, mark):
    (cora / "processed").mkdir()
    for name in ("data.pt", "pre_filter.pt", "pre_transform.pt"):
        (cora / "processed" / name).write_bytes(pickle.dumps(Marks(mark)))
    assert named_graph("cora").x.shape == (2708, 1433)
    assert len(list(cora.iterdir())) == 2, "nothing is written beside it"


def test_a_batch_of_cifar_that_is_not_the_published_one_is_not_unpickled(
    tmp_path, monkeypatch, mark
):
    """Torchvision looks at the digests of all batches first; without a network it then gives up."""
    import torchvision

    folder = tmp_path / "root" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, _ in [
        *torchvision.datasets.CIFAR10.train_list,
        ("test_batch", ""),
        ("batches.meta", ""),
    ]:
        (folder / name).write_bytes(pickle.dumps(Marks(mark)))
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path / "root"))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", offline)
    with pytest.raises(UsageError, match="CIFAR-10 is not under"):
        CIFAR10()
