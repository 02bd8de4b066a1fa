import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from influence_case import GOLDEN, golden_batches, golden_learner, golden_vector, relative

from mu.errors import UsageError
from mu.gradients import woodbury as module
from mu.gradients.woodbury import (
    gradient_rows,
    published_woodfisher,
    single_gradients,
    woodbury,
)


def golden_rows(size=16):
    return gradient_rows(golden_learner(), golden_batches("remain", size))


def test_golden_solutions():
    v, rows = golden_vector("wfisher/direction"), golden_rows()
    wanted = golden_vector("wfisher/woodbury_solution")
    assert relative(woodbury(rows, v, damping=1.0, divisor=1000), wanted) < 1e-12
    damped = woodbury(rows, v, damping=float(GOLDEN["wfisher/damping"]))
    assert relative(damped, golden_vector("wfisher/damped_solution")) < 1e-12


def test_the_mean_of_the_rows_is_the_mean_gradient():
    assert relative(golden_rows(7).mean(0), golden_vector("grad_remain_mean")) < 1e-12


def test_golden_output_of_the_published_code():
    v, alpha = golden_vector("wfisher/direction"), float(GOLDEN["wfisher/alpha"])
    gradients = single_gradients(golden_learner(), golden_batches("remain"))
    found = golden_vector("init") + alpha * published_woodfisher(gradients, v)
    assert relative(found, golden_vector("wfisher/official_out")) < 1e-14


def test_the_published_code_only_adds_the_first_gradient():
    v, rows = golden_vector("wfisher/direction"), golden_rows()
    change = published_woodfisher(rows, v) - v
    cosine = float(change @ rows[0] / change.norm() / rows[0].norm())
    assert abs(cosine) == pytest.approx(1, abs=1e-9)


@given(n=st.integers(1, 6), p=st.integers(1, 6), seed=st.integers(0, 10**6), c=st.floats(0.01, 10))
def test_it_is_the_inverse(n, p, seed, c):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, p, generator=generator).double()
    v = torch.randn(p, generator=generator).double()
    matrix = c * torch.eye(p).double() + rows.T @ rows / n
    assert float((matrix @ woodbury(rows, v, c) - v).norm()) <= 1e-9 * float(v.norm())


def test_blocks_do_not_change_it(monkeypatch):
    v, rows = golden_vector("wfisher/direction"), golden_rows()
    whole = woodbury(rows, v, 0.01)
    monkeypatch.setattr(module, "BLOCK", 100)
    assert relative(woodbury(rows, v, 0.01), whole) < 1e-12


def test_too_many_gradients_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 526 * 8 * 10)
    with pytest.raises(UsageError, match="set samples to at most 10"):
        golden_rows()


def test_bad_input():
    with pytest.raises(UsageError, match="damping=0"):
        woodbury(torch.ones(1, 2), torch.ones(2), damping=0.0)
    with pytest.raises(UsageError, match="no samples"):
        gradient_rows(golden_learner(), [])
