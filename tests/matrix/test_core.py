"""A fast part of the matrix: nothing is a traceback, and nothing served is wrong."""

import pytest
from matrix import graphs
from matrix.loaders import LOADERS
from matrix.models import MODELS
from matrix.whole import cells

ON_MODELS = ["ssd", "random_labels", "retrain", "evaluate"]
ON_LOADERS = ["ssd", "salun", "neggrad_plus", "scrub", "influence", "evaluate"]
ON_GRAPHS = ["ssd", "finetune", "gif", "utu"]
NETWORKS = ("GCNConv_cached", "SAGEConv", "GATConv", "TransformerConv", "without Encoder")


def check(axis, subject, methods):
    found = list(cells(axis, subject, methods))
    wrong = [c for c in found if c.outcome.judged not in ("right", "refused")]
    assert found and not wrong, "\n".join(
        f"{c.method}: {c.outcome.judged}: "
        f"{'; '.join([*c.outcome.why, c.outcome.message, *c.outcome.left])}"
        for c in wrong
    )


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # a file that a call leaves there is found


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    check("model", name, ON_MODELS)


@pytest.mark.parametrize("name", LOADERS)
def test_loaders(name):
    check("loader", f"{name} @ plain: mlp", ON_LOADERS)


@pytest.mark.parametrize("name", NETWORKS)
def test_graphs(name):
    check("graph", name, ON_GRAPHS)


@pytest.mark.parametrize("name", graphs.DOORS)
def test_graph_doors(name):
    check("graph door", name, ["ssd"])


def test_graph_requests():
    check("graph request", "handed", None)
