"""Long histories: what drifts, what does not, and what the monitor does about it."""

import math

import numpy as np
import pytest
import torch
from analytic_case import LOW_RANK, error, ridge, rows

from mu.analytic.head import AnalyticHead


def history(head: AnalyticHead, x: torch.Tensor, y: torch.Tensor, there: np.ndarray, steps: int):
    """Rows go and come, one at a time."""
    rng = np.random.default_rng(3)
    for _ in range(steps):
        gone, new = rng.choice(np.flatnonzero(there)), rng.choice(np.flatnonzero(~there))
        head.unlearn(x[gone : gone + 1], y[gone : gone + 1])
        head.learn(x[new : new + 1], y[new : new + 1])
        there[gone], there[new] = False, True


@pytest.mark.parametrize(
    ("count", "gamma", "most"), [(48, 0.01, 1e-7), (192, 1.0, 1e-12)], ids=["n<d", "n>d"]
)
def test_weights_after_hundreds_of_requests(count: int, gamma: float, most: float) -> None:
    """What drifts is rounding, which differs between processors; the monitor says how much."""
    x, y = rows(2 * count, 64, 5)
    head = AnalyticHead(64, gamma, patience=math.inf, **LOW_RANK)  # a busy machine changes no bits
    there = np.arange(2 * count) < count
    head.learn(x[:count], y[:count])
    history(head, x, y, there, 300)
    left = torch.from_numpy(np.flatnonzero(there))
    wanted = ridge(x[left], y[left], gamma, 5)
    assert error(head.weight, wanted) < head.drift() < most
    head._watch()
    assert error(head.weight, wanted) < 1e-8


def test_an_inverse_that_is_off_is_refined_or_made_anew() -> None:
    x, y = rows(200, 32, 4)
    for off, what in ((1e-6, "refined"), (1e-2, "refactored")):
        head = AnalyticHead(32, 1.0, **LOW_RANK)
        head.learn(x, y)
        head.unlearn(x[:1], y[:1])
        assert head._inverse is not None and head.drift() < 1e-12
        head._inverse.base *= 1 + off
        assert head.drift() == pytest.approx(off, rel=0.1)
        for i in range(1, 40):
            head.unlearn(x[i : i + 1], y[i : i + 1])
        assert head.facts[what] == 1
        assert error(head.weight, ridge(x[40:], y[40:], 1.0, 4)) < (
            1e-6 if what == "refined" else 1e-12
        )


def test_what_waits_is_folded_in_by_number_of_rows_and_by_time() -> None:
    x, y = rows(400, 8, 3)
    head = AnalyticHead(8, 1.0, **LOW_RANK)
    head.learn(x, y)
    for i in range(300):
        head.unlearn(x[i : i + 1], y[i : i + 1])
        assert sum(map(len, head._state.pending)) <= 256 and head._state.used <= 64
    late = AnalyticHead(8, 1.0, patience=0.0, **LOW_RANK)
    late.learn(x, y)
    late.unlearn(x[:1], y[:1])
    assert not late._state.pending and late._inverse is not None
    assert not late._inverse.columns.any()


def test_settling_leaves_no_row_and_the_weights_of_the_sums() -> None:
    x, y = rows(100, 8, 3)
    head, anew = AnalyticHead(8, 1.0, 14, **LOW_RANK), AnalyticHead(8, 1.0, 14)
    head.learn(x, y)
    head.unlearn(x[:5], y[:5])
    assert head._state.pending
    head.settle()
    anew.learn(x[5:], y[5:])
    assert not head._state.pending and head._inverse is None
    assert torch.equal(head.weight, anew.weight)
