import pytest
import torch
from influence_case import GOLDEN, golden_batches, golden_learner, golden_vector, relative

from mu.errors import StepFailed, UsageError
from mu.gradients.hessian import hessian_product
from mu.gradients.lissa import lissa


def product(p):
    return hessian_product(golden_learner(), golden_batches("remain", 40), p)


def test_golden_after_a_hundred_steps():
    scale, steps = float(GOLDEN["hessian/lissa_scale"]), int(GOLDEN["hessian/lissa_steps"])
    found = lissa(product, golden_vector("update_grad"), 2.0, scale, steps)
    assert relative(found.x, golden_vector("hessian/lissa")) < 1e-12
    assert found.iterations == 100 and found.residual < 1e-12


def test_one_step_is_the_recursion_by_hand():
    matrix, v = torch.diag(torch.tensor([1.0, 3.0])).double(), torch.tensor([2.0, 5.0]).double()
    h = v + (1 - 0.5 / 4) * v - matrix @ v / 4
    found = lissa(lambda p: matrix @ p, v, damping=0.5, scale=4.0, steps=1)
    torch.testing.assert_close(found.x, h / 4)


@pytest.mark.parametrize(
    ("eigenvalue", "damping", "scale"),
    [(9.0, 0.0, 4.0), (-0.5, 0.1, 4.0)],
    ids=["scale below half the largest", "negative eigenvalue"],
)
def test_divergence_is_noticed(eigenvalue, damping, scale):
    spectrum = torch.tensor([1.0, eigenvalue]).double()
    v = torch.tensor([1.0, 1e-3]).double()  # hidden at first behind the other
    with pytest.raises(StepFailed, match=r"LiSSA diverges.*raise scale.*damping"):
        lissa(lambda p: spectrum * p, v, damping, scale, steps=200)


@pytest.mark.parametrize("wrong", [{"damping": -1}, {"scale": 0}, {"steps": 0}])
def test_bad_options(wrong):
    options = {"damping": 1.0, "scale": 1.0, "steps": 1} | wrong
    with pytest.raises(UsageError, match=next(iter(wrong))):
        lissa(lambda p: p, torch.ones(2), **options)
