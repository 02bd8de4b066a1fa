"""What a head refuses, without changing."""

import pytest
import torch
from analytic_case import LOW_RANK, SOLVED, golden_rows, learnt

from mu.analytic.head import AnalyticHead
from mu.errors import UsageError

X, Y = golden_rows()
OF_3 = torch.nonzero(Y == 3).flatten()


def relabelled(head: AnalyticHead) -> None:
    head.unlearn(X[:1], Y[:1] + 1)


def forged(head: AnalyticHead) -> None:
    head.unlearn(X[:1] + 1e-2, Y[:1])


def too_often(head: AnalyticHead) -> None:
    head.unlearn(X[[5, 7, 5]], Y[[5, 7, 5]])


def removed_before(head: AnalyticHead) -> None:
    head.unlearn(X[100:101], Y[100:101])


def partly_forged(head: AnalyticHead) -> None:
    x = X[:4].clone()
    x[3, 0] += 1
    head.unlearn(x, Y[:4])


def some_of_the_class(head: AnalyticHead) -> None:
    head.unlearn_class(3, X[OF_3][1:], Y[OF_3][1:])


def another_class_too(head: AnalyticHead) -> None:
    ids = torch.cat([OF_3, torch.tensor([0])])
    head.unlearn_class(3, X[ids], Y[ids])


def no_such_class(head: AnalyticHead) -> None:
    head.unlearn_class(17, X[:0], Y[:0])


def wrong_width(head: AnalyticHead) -> None:
    head.learn(X[:, :5], Y)


def not_finite(head: AnalyticHead) -> None:
    head.learn(torch.full((1, 24), float("nan")), Y[:1])


def float_labels(head: AnalyticHead) -> None:
    head.learn(X, Y.double())


def negative_label(head: AnalyticHead) -> None:
    head.learn(X[:1], Y[:1] - 9)


def too_few_labels(head: AnalyticHead) -> None:
    head.learn(X, Y[:-1])


REFUSED = {
    relabelled: "row 0 .* is not in the ledger",
    forged: "row 0 .* is not in the ledger",
    too_often: "row 2 .* more often than it was learnt",
    removed_before: "row 0 .* removed before",
    partly_forged: "row 3 .* is not in the ledger",
    some_of_the_class: "class 3 has 31 rows and the request 30",
    another_class_too: "has class .* and class 3 is to be forgotten",
    no_such_class: "class 17 has 0 rows",
    wrong_width: r"shape \(210, 5\); the head takes \(n, 24\)",
    not_finite: "row 0 has a feature that is not a finite number",
    float_labels: "class ids, not torch.float64",
    negative_label: "label -.* is not a class id",
    too_few_labels: "labels for 210 rows",
}


@pytest.mark.parametrize("options", [SOLVED, LOW_RANK], ids=["solved", "low_rank"])
@pytest.mark.parametrize("ask", REFUSED, ids=lambda ask: ask.__name__)
def test_a_refused_request_changes_nothing(ask, options: dict) -> None:
    head = learnt(grid=14, **options)
    head.unlearn(X[100:101], Y[100:101])
    weight, before = head.weight, head._state
    with pytest.raises(UsageError, match=REFUSED[ask]):
        ask(head)
    assert head._state is before and torch.equal(head.weight, weight)
    head.unlearn(X[:1], Y[:1])  # and the head still serves what is right


@pytest.mark.parametrize("options", [SOLVED, LOW_RANK], ids=["solved", "low_rank"])
def test_a_row_may_be_forgotten_once(options: dict) -> None:
    head = learnt(**options)
    head.unlearn(X[:1], Y[:1])
    with pytest.raises(UsageError, match="is not in the ledger"):
        head.unlearn(X[:1], Y[:1])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"in_features": 0, "gamma": 1.0}, "in_features=0"),
        ({"in_features": 3, "gamma": 0.0}, "gamma=0.0 must be a positive"),
        ({"in_features": 3, "gamma": 1.0, "grid": 30}, "grid=30 must be 2 to 24"),
        ({"in_features": 3, "gamma": 1.0, "limit": -1.0}, "limit=-1.0"),
        ({"in_features": 3, "gamma": 1.0, "rank": -1}, "rank=-1"),
    ],
)
def test_options_that_make_no_sense(options: dict, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        AnalyticHead(**options)


def test_predicting_of_nothing() -> None:
    with pytest.raises(UsageError, match="nothing is learnt"):
        AnalyticHead(24, 1.0).predict(X)


def test_rows_that_no_head_can_have_learnt_are_seen_without_the_ledger(monkeypatch) -> None:
    head = learnt(**LOW_RANK)
    monkeypatch.setattr("mu.analytic.ledger.Ledger.check", lambda *a: None)
    with pytest.raises(UsageError, match="cannot all have been learnt"):
        head.unlearn(100 * X[:1], Y[:1])
