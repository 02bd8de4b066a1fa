import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from influence_case import GOLDEN, golden_batches, golden_learner, golden_vector, relative

from mu.errors import StepFailed, UsageError
from mu.gradients.conjugate import solve
from mu.gradients.hessian import hessian_product


def product(p):
    return hessian_product(golden_learner(), golden_batches("remain"), p)


def test_golden_solution():
    g, damping = golden_vector("update_grad"), float(GOLDEN["hessian/damping"])
    found = solve(product, g, damping, tolerance=1e-10, iterations=100)
    assert relative(found.x, golden_vector("hessian/solve")) < 1e-9
    left = g - product(found.x) - damping * found.x
    assert found.residual == pytest.approx(float(left.norm() / g.norm()), rel=1e-3)
    assert found.iterations < 30


def test_another_library_finds_the_same():
    curvlinops = pytest.importorskip("curvlinops", reason="curvlinops is not installed")
    network = golden_learner().network
    hessian = curvlinops.HessianLinearOperator(
        network,
        torch.nn.CrossEntropyLoss(),
        list(network.parameters()),
        golden_batches("remain"),
    )
    identity = torch.eye(hessian.shape[0], dtype=torch.float64)
    dense = hessian @ identity + 2 * identity
    g = golden_vector("update_grad")
    found = solve(product, g, 2.0, tolerance=1e-10)
    assert relative(found.x, torch.linalg.solve(dense, g)) < 1e-8


def test_negative_curvature_is_said_with_its_value_and_the_way_out():
    least = float(GOLDEN["hessian/eig_min_max"][0])
    with pytest.raises(StepFailed, match=r"negative curvature: .* = -[\d.]+ .*raise damping") as e:
        solve(product, golden_vector("update_grad"), damping=0.5)
    named = float(str(e.value).split("well above ")[1])
    assert 0.5 < named <= -least


@given(size=st.integers(1, 8), seed=st.integers(0, 10**6), damping=st.floats(0.01, 10))
def test_it_solves_and_tells_its_residual(size, seed, damping):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=generator).double()
    v = torch.randn(size, generator=generator).double()
    matrix = root @ root.T
    full = matrix + damping * torch.eye(size, dtype=torch.float64)
    exact = solve(lambda p: matrix @ p, v, damping, tolerance=1e-10, iterations=20 * size)
    assert float((full @ exact.x - v).norm()) <= 1e-6 * float(v.norm())
    short = solve(lambda p: matrix @ p, v, damping, tolerance=1e-12, iterations=1)
    left = float((full @ short.x - v).norm() / v.norm())
    assert short.iterations == 1 and short.residual == pytest.approx(left, abs=1e-10)


def test_a_right_hand_side_of_zero_costs_nothing():
    found = solve(lambda p: p, torch.zeros(3), damping=1.0)
    assert found.x.tolist() == [0, 0, 0] and (found.iterations, found.residual) == (0, 0.0)


@pytest.mark.parametrize("wrong", [{"damping": -1}, {"tolerance": 0}, {"iterations": 0}])
def test_bad_options(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        solve(lambda p: p, torch.ones(2), **{"damping": 1.0} | wrong)
