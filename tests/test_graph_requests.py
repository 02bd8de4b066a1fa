"""Requests on a small real graph through the whole pipeline."""

import numpy as np
import pytest

from mu.configuration.compose import composed
from mu.data.build import build_data

EXPERIMENT = """
blocks:
  - data: karate_club_{task}
    model: {model}
    recipe: graph_plateau
    seeds: 2
    oracles: 2
    methods:
      [utu, d2dgn, d2dgn_unseen, gnndelete, gif, gradient_ascent_adam, finetune_adam, ssd, iau]
    requests:
      one: {request}
"""
WORDS = ("recipe.epochs=20", "compute.workers=0", "mode=smoke")


@pytest.fixture
def run(mu, tmp_path):
    def run_(request: str, task: str = "links", model: str = "gcn_links", *words: str):
        path = tmp_path / "graph.yaml"
        path.write_text(EXPERIMENT.format(task=task, model=model, request=request))
        return mu("run", f"experiment={path}", *WORDS, *words, store=tmp_path / "store")

    return run_


@pytest.mark.parametrize(
    "request_",
    [
        "{request: near_test, pool: in, share: 0.1}",
        "{request: ids, pairs: [[1, 0], [0, 3]]}",
        "{request: class, kind: edges, label: 1}",
        "{request: random, kind: nodes, count: 2}",
        "{request: random, kind: features, count: 3}",
    ],
)
def test_links_serve_every_kind_of_request(run, request_):
    found = run(request_, "links", "gcn_links", "methods=utu,d2dgn,gnndelete,gif,iau")
    assert found.code == 0, found.err
    for name in ("utu", "d2dgn", "gnndelete", "gif"):
        card = found.card(name)
        if card["error"]:
            assert "not applicable" in card["error"]
            continue
        assert 0 <= card["values"]["df_auc"] <= 1
        assert card["values"]["embedding_distance"] >= 0


def test_a_second_request_starts_from_what_the_first_left(run):
    first = "{request: near_test, pool: in, count: 4}"
    found = run(f"[{first}, {first}]", "links", "gcn_links", "methods=utu,d2dgn,gnndelete")
    assert found.code == 0, found.err
    for name in ("utu", "d2dgn", "gnndelete"):
        steps = [c for c in found.values["cards"] if c["method"] == name]
        assert {card["step"] for card in steps} == {0, 1}
        assert not any(card["error"] for card in steps)
        assert all(np.isfinite(card["values"]["dt_auc"]) for card in steps)


@pytest.mark.parametrize("kind", ["nodes", "features"])
def test_node_classes_are_served(run, kind):
    few = "methods=d2dgn,d2dgn_unseen,gnndelete,gif"
    found = run(f"{{request: random, kind: {kind}, count: 3}}", "nodes", "gcn_nodes", few)
    assert found.code == 0, found.err
    for name in ("d2dgn", "d2dgn_unseen", "gnndelete", "gif"):
        card = found.card(name)
        assert not card["error"]
        assert 0 <= card["values"]["ta"] <= 1


def test_a_test_node_is_scored_by_its_own_outputs_beside_those_of_its_neighbours(run):
    few = "methods=utu,finetune_adam"
    data = build_data(composed({"data": "karate_club_nodes"})["data"])
    node = int(data.parts["test"][0])
    found = run(f"{{request: ids, kind: nodes, ids: [{node}]}}", "nodes", "gcn_nodes", few)
    assert found.code == 0, found.err
    for name in ("original", "oracle", "utu", "finetune_adam"):
        values = found.card(name)["values"]
        assert np.isfinite(values["kl_own"]) and np.isfinite(values["kl_forget"])
        assert 0 <= values["agreement_own"] <= 1
    # Asked on its own graph the original has the node's edges, which utu takes away, and no more.
    original, unlinked = (found.card(name)["values"] for name in ("original", "utu"))
    assert original["kl_own"] != unlinked["kl_own"]
    trained = run("{request: random, kind: nodes, count: 1}", "nodes", "gcn_nodes", few)
    assert trained.card("utu")["values"]["kl_own"] is None


@pytest.mark.parametrize("network", ["gat128_links", "gin128_links", "sage128_links"])
def test_every_network_is_trained_and_unlearned(run, network):
    few = "methods=d2dgn,d2dgn_unseen,gnndelete"
    found = run("{request: near_test, pool: in, count: 4}", "links", network, few)
    assert found.code == 0, found.err
    assert not any(card["error"] for card in found.cards)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("{request: ids, pairs: [[0, 9]]}", "no trained edge between nodes 0 and 9"),
        ("{request: ids, pairs: [[0, 99]]}", "node 99 is not there: the nodes are 0 to 33"),
        ("{request: ids, kind: nodes, ids: [34]}", "id 34 is not one of the 34"),
        ("{request: near_test, pool: out, count: 50}", "the pool 'out' holds"),
        ("{request: near_test, share: 0.1, pool: near}", "pool='near' is not one of in, out"),
        (f"{{request: ids, kind: nodes, ids: {list(range(33))}}}", "leaves no"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_before_anything_is_trained(run, request_, message):
    found = run(request_)
    assert found.code != 0
    assert message in found.err + found.out
    assert "Traceback" not in found.err
