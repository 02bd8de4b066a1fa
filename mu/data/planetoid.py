"""Cora, CiteSeer and PubMed as they were published: pickles, looked at before they are read."""

from pathlib import Path
from typing import Any

from mu.data.facts import data_root
from mu.trust.pickles import check_pickle

PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
# SHA-256 of the published files. Those of PubMed are not known here: they may hold arrays only.
DIGESTS = {
    "cora": {
        "x": "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
        "tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
        "allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
        "y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
        "ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
        "ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
        "graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
        "test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
    },
    "citeseer": {
        "x": "d20de19150741e555de0ed037195630fc194114ebc7fd72ced62810148aa22f6",
        "tx": "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
        "allx": "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
        "y": "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924",
        "ty": "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
        "ally": "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
        "graph": "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
        "test.index": "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
    },
}
REMEDY = (
    "Take it from github.com/kimiyoung/planetoid (data); a graph of your own goes in through "
    "mu.data.pyg"
)


def published_planetoid(name: str) -> Any:
    """The graph with its public split, as a `torch_geometric.data.Data`.

    Read from ``NAME/raw`` below the data root, and downloaded where it is not there. What
    torch_geometric leaves in ``NAME/processed`` is not read: it is a pickle of somebody's.

    Raises:
        UsageError: A file is not the published one.
        OSError, RuntimeError: A file is not there and cannot be downloaded.
    """
    from torch_geometric.data import download_url
    from torch_geometric.datasets import Planetoid
    from torch_geometric.io import read_planetoid_data

    raw: Path = data_root() / name / "raw"
    for part in PARTS:
        path = raw / f"ind.{name.lower()}.{part}"
        if not path.is_file():
            download_url(f"{Planetoid.url}/{path.name}", str(raw), log=False)
        digest = DIGESTS.get(name.lower(), {}).get(part)
        if part != "test.index" or digest is not None:  # numbers, a line each
            check_pickle(path, digest, REMEDY)
    return read_planetoid_data(str(raw), name)
