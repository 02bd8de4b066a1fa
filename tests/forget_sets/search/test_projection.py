"""Projection on a budget: the published values, and what makes a point the nearest one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.forget_sets.worst_case import project, top_m, upper_step

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "eval_official_small.npz")
VALUES = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40)


@pytest.mark.parametrize("case", range(8))
def test_published_values(case):
    given = GOLDEN[f"projection{case}/input"]
    found = project(given, float(GOLDEN[f"projection{case}/budget"]))
    for name in ("output", "output_class_wise", "output_prompt_wise"):
        np.testing.assert_allclose(found, GOLDEN[f"projection{case}/{name}"], atol=1e-4)


@given(values=VALUES, part=st.floats(0, 1))
def test_the_result_is_feasible_idempotent_and_monotone(values, part):
    a, m = np.array(values), part * len(values)
    w = project(a, m)
    assert w.min() >= 0 and w.max() <= 1 and w.sum() == pytest.approx(m, abs=1e-9)
    np.testing.assert_allclose(project(w, m), w, atol=1e-12)
    order = np.argsort(a, kind="stable")
    assert (np.diff(w[order]) >= 0).all()


@given(values=VALUES, part=st.floats(0, 1), seed=st.integers(0, 99))
def test_no_feasible_point_is_nearer(values, part, seed):
    """⟨a − w, v − w⟩ ≤ 0 for every feasible v, and convexity makes corners enough."""
    a, m = np.array(values), round(part * len(values))
    w, rng = project(a, m), np.random.default_rng(seed)
    for _ in range(10):
        corner = np.zeros(len(a))
        corner[rng.permutation(len(a))[:m]] = 1.0
        assert (a - w) @ (corner - w) <= 1e-7 * (1 + abs(a).max())


@given(values=VALUES, shift=st.floats(-1e3, 1e3))
def test_a_shift_of_all_values_changes_nothing(values, shift):
    m = len(values) / 3
    np.testing.assert_allclose(project(np.array(values) + shift, m), project(values, m), atol=1e-9)


def test_large_values_do_not_hide_small_differences():
    w = project(np.array([1e9, 1e9 + 0.5, 0.0]), 1)
    np.testing.assert_allclose(w, [0.25, 0.75, 0.0], atol=1e-6)


@given(losses=st.lists(st.integers(0, 9), min_size=2, max_size=30), part=st.floats(0, 1))
def test_a_large_step_gives_the_lowest_losses(losses, part):
    values, m = np.array(losses, float), round(part * len(losses))
    start = np.zeros(len(values))
    start[:m] = 1
    w = upper_step(start, values + 1e-3 * np.arange(len(values)), 1e9, 0.0, m)
    assert top_m(w, m).tolist() == sorted(np.argsort(values, kind="stable")[:m])


@pytest.mark.parametrize("budget", [-1, 3.5, np.nan])
def test_a_budget_that_does_not_fit_is_named(budget):
    with pytest.raises(UsageError, match="between 0 and 3"):
        project([0.1, 0.2, 0.3], budget)


def test_what_is_no_value_is_named():
    with pytest.raises(UsageError, match="value 1 is nan"):
        project([0.0, np.nan], 1)
    with pytest.raises(UsageError, match=r"\(1, 2\)"):
        project([[0.0, 1.0]], 1)


def test_both_ends_of_the_budget():
    assert project([3.0, -1.0], 0).tolist() == [0, 0] and project([3.0, -1.0], 2).tolist() == [1, 1]


def test_ties_go_to_the_lowest_places():
    assert top_m([0.5, 1.0, 0.5, 0.5], 2).tolist() == [0, 1]
