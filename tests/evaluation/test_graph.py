"""Rankings of forgotten edges: golden numbers, scikit-learn, and the scores on signals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mu.evaluation import graph
from mu.evaluation.graph import (
    ForgetAP,
    ForgetAUC,
    ForgetProbability,
    ForgetTestAUC,
    RetainProbabilityShift,
    TestAP,
    TestAUC,
    ValidationAUC,
    forget_set_auc,
    pair_scores,
    separation,
    sigmoid,
)
from mu.evaluation.ranking import auc, average_precision
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

EMPTY = np.empty(0, np.int64)


def test_golden_draws(golden_graph) -> None:
    z, edges = golden_graph["z2_deleted"], golden_graph["edge_index"]
    gone = golden_graph["forget_edge_mask"]
    found = forget_set_auc(z, edges[:, gone], edges[:, ~gone], golden_graph["df_draws"])
    assert found[0] == pytest.approx(float(golden_graph["df_auc"]), abs=1e-9)
    assert found[1] == pytest.approx(float(golden_graph["df_aup"]), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "state"), [("unlinked", "z2_original"), ("deleted", "z2_deleted_on_retained")]
)
def test_golden_evaluation(golden_graph, name, state) -> None:
    z, edges = golden_graph[f"published/{state}"], golden_graph["published/edge_index"]
    kept = edges[:, ~golden_graph["published/df_mask"]]
    one_way = golden_graph["published/edge_list"][:, golden_graph["published/forget_mask"]]
    sampled = forget_set_auc(z, one_way, kept, golden_graph["eval/draws"])
    exact = forget_set_auc(z, one_way, kept)
    want = {key: golden_graph[f"eval/{name}/{key}"] for key in ("df_auc", "df_ap", "df_prob")}
    assert sampled == pytest.approx((float(want["df_auc"]), float(want["df_ap"])), abs=1e-9)
    every = float(golden_graph[f"eval/{name}/df_auc_all_retained"])
    assert exact[0] == pytest.approx(every, abs=1e-9)
    np.testing.assert_allclose(sigmoid(pair_scores(z, one_way)), want["df_prob"], atol=1e-12)
    sides = [pair_scores(z, golden_graph[f"split/test_{side}"]) for side in ("pos", "neg")]
    assert auc(*sides) == pytest.approx(float(golden_graph[f"eval/{name}/dt_auc"]), abs=1e-9)
    want_ap = float(golden_graph[f"eval/{name}/dt_ap"])
    assert average_precision(*sides) == pytest.approx(want_ap, abs=1e-9)


def test_tensors_are_accepted_and_both_directions_tie(golden_graph) -> None:
    torch = pytest.importorskip("torch")
    z, edges = golden_graph["z2_deleted"], golden_graph["edge_index"]
    gone = golden_graph["forget_edge_mask"]
    arrays = z, edges[:, gone], edges[:, ~gone]
    assert forget_set_auc(*map(torch.from_numpy, arrays)) == forget_set_auc(*arrays)
    np.testing.assert_array_equal(pair_scores(z, edges[:, :53]), pair_scores(z, edges[:, 53:]))


def test_chunks_change_nothing(monkeypatch, golden_graph) -> None:
    whole = pair_scores(golden_graph["z2_deleted"], golden_graph["edge_index"])
    monkeypatch.setattr(graph, "CHUNK", 7)
    found = pair_scores(golden_graph["z2_deleted"], golden_graph["edge_index"])
    np.testing.assert_array_equal(found, whole)


@given(st.lists(st.floats(-9, 9), min_size=1), st.lists(st.floats(-9, 9), min_size=1))
def test_separation_against_scikit_learn(forget: list[float], retain: list[float]) -> None:
    labels = [0] * len(forget) + [1] * len(retain)
    expected = (
        roc_auc_score(labels, forget + retain),
        average_precision_score(labels, forget + retain),
    )
    assert separation(forget, retain) == pytest.approx(expected, abs=1e-12)


def test_the_exact_auc_is_the_mean_of_sampled_ones() -> None:
    generator = np.random.default_rng(0)
    forget, retain = generator.normal(size=5), generator.normal(size=40)
    draws = generator.integers(0, 40, size=(3000, 5))
    assert separation(forget, retain, draws)[0] == pytest.approx(
        separation(forget, retain)[0], abs=0.01
    )


def test_bad_input() -> None:
    z = np.zeros((3, 2))
    with pytest.raises(ValueError, match="outside"):
        pair_scores(z, [[0], [3]])
    with pytest.raises(ValueError, match="edges"):
        pair_scores(z, [[0, 1, 2]])
    with pytest.raises(ValueError, match="draws"):
        separation([0.0], [1.0], [[1]])
    assert all(math.isnan(x) for x in separation([], [1.0]))
    assert all(math.isnan(x) for x in separation([0.0], [1.0], np.zeros((0, 2), int)))
    assert len(pair_scores(z, np.zeros((2, 0), int))) == 0


@pytest.fixture
def links() -> tuple[Signals, Split]:
    """Two forgotten edges, three retained, two test edges and two non-edges."""
    z = np.array([-1.0, 2.0, 1.0, 3.0, 0.5, 1.5, -2.0, 0.0, -3.0])
    signals = Signals(np.arange(9), z[:, None], np.array([1] * 7 + [0] * 2))
    return signals, Split([0, 1], [], [2, 3, 4], [], [5, 6, 7, 8])


def test_scores_by_hand(links) -> None:
    signals, split = links
    assert TestAUC()(signals, split, Peers()) == 3 / 4
    assert ForgetAUC()(signals, split, Peers()) == 4 / 6
    assert ForgetTestAUC()(signals, split, Peers()) == 1 / 4
    assert ForgetProbability()(signals, split, Peers()) == pytest.approx(
        (1 / (1 + math.e) + 1 / (1 + math.exp(-2))) / 2
    )
    even = Signals(signals.index, np.zeros((9, 1)), signals.targets)
    shift = np.mean([1 / (1 + math.exp(-z)) - 0.5 for z in (1.0, 3.0, 0.5)])
    assert RetainProbabilityShift()(signals, split, Peers([even, even])) == pytest.approx(shift)
    assert math.isnan(RetainProbabilityShift()(signals, split, Peers()))


def test_edges_of_earlier_requests_are_ranked_apart(links) -> None:
    signals, split = links
    assert math.isnan(ForgetAUC(part="before")(signals, split, Peers()))
    later = Split([1], [0], [2, 3, 4], [], [5, 6, 7, 8])
    assert ForgetAUC(part="before")(signals, later, Peers()) == 1
    assert ForgetAUC()(signals, later, Peers()) == 1 / 3


def test_scores_are_nan_for_classifiers(make, split) -> None:
    scores = (TestAUC, ForgetAUC, ForgetTestAUC, ForgetProbability, RetainProbabilityShift)
    assert all(math.isnan(score()(make(), split, Peers([make(1)]))) for score in scores)


def test_the_score_runs_the_public_function(links, monkeypatch) -> None:
    def fail(*_: object) -> tuple[float, float]:
        raise RuntimeError

    monkeypatch.setattr(graph, "separation", fail)
    with pytest.raises(RuntimeError):
        ForgetAUC()(*links, Peers())


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(over="raise"):
        np.testing.assert_array_equal(sigmoid([-1e4, 0.0, 1e4]), [0.0, 0.5, 1.0])


def test_precision_of_the_test_pairs_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=40), rng.integers(2, size=40)
    signals = Signals(np.arange(40), logits[:, None], targets)
    split = Split(EMPTY, EMPTY, EMPTY, np.arange(20), np.arange(20, 40))
    wanted = average_precision_score(targets[20:], logits[20:])
    assert TestAP().of(signals, split) == pytest.approx(wanted)
    assert ValidationAUC().of(signals, split) == pytest.approx(
        roc_auc_score(targets[:20], logits[:20])
    )


def test_precision_over_forgotten_edges_takes_as_many_of_both_and_the_same_draws() -> None:
    rng = np.random.default_rng(0)
    signals = Signals(np.arange(60), rng.normal(size=(60, 1)), np.ones(60, int))
    split = Split(np.arange(10), EMPTY, np.arange(10, 60), EMPTY, EMPTY)
    found = ForgetAP(draws=50)
    assert found.of(signals, split) == found.of(signals, split)
    perfect = Signals(np.arange(60), np.r_[-np.ones(10), np.ones(50)][:, None], np.ones(60, int))
    assert found.of(perfect, split) == 1.0
    level = Signals(np.arange(60), np.zeros((60, 1)), np.ones(60, int))
    assert found.of(level, split) == pytest.approx(0.5)
    assert math.isnan(found.of(signals, Split(EMPTY, EMPTY, np.arange(60), EMPTY, EMPTY)))
