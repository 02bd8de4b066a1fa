"""Penalty, norms and proximal step, against the authors' numbers and by their algebra."""

import pytest
import torch
from gs_lora_case import below, tensor, value
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.lora.groups import group_norms, group_sparsity, proximal_step, zero_group_ratio

BLOCKS, LAYERS, MATRICES = range(3), ("fc1", "fc2"), ("A", "B")


def golden_groups(kind: str) -> tuple[list[list[torch.Tensor]], dict[str, torch.Tensor]]:
    """Groups of a kind, and each matrix by its name."""
    named = {
        f"block{i}/{layer}/{m}": tensor(f"groups/block{i}/{layer}/{m}").requires_grad_()
        for i in BLOCKS
        for layer in LAYERS
        for m in MATRICES
    }
    depth = {"block": 1, "lora": 2, "matrix": 3}[kind]
    groups: dict[str, list[torch.Tensor]] = {}
    for name, matrix in named.items():
        groups.setdefault("/".join(name.split("/")[:depth]), []).append(matrix)
    return list(groups.values()), named


@pytest.mark.parametrize("kind", ["block", "lora", "matrix"])
def test_golden_penalty_and_gradient(kind: str) -> None:
    groups, named = golden_groups(kind)
    penalty = group_sparsity(groups)
    assert float(penalty.detach()) == pytest.approx(value(f"groups/{kind}/penalty"), rel=1e-9)
    assert float(group_norms(groups).sum().detach()) == pytest.approx(
        float(penalty.detach()), rel=1e-12
    )
    penalty.backward()
    wanted = below(f"groups/{kind}/grad")
    for name, matrix in named.items():
        assert matrix.grad is None or matrix.grad.isfinite().all()
        if name in wanted:
            torch.testing.assert_close(matrix.grad, wanted[name], rtol=1e-9, atol=1e-12)


def test_groups_of_zeros_add_nothing_and_have_no_gradient() -> None:
    zero, other = torch.zeros(2, 2, requires_grad=True), torch.ones(2, requires_grad=True)
    group_sparsity([[zero], [other]]).backward()
    assert zero.grad is None and other.grad is not None
    assert float(group_sparsity([[zero]])) == 0


@given(st.integers(0, 1000), st.floats(-5, 5), st.floats(0, 5))
def test_algebra(seed: int, factor: float, threshold: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randn(3, 2, generator=generator, dtype=torch.float64) for _ in range(6)]
    groups = [draw[:3], draw[3:5], draw[5:]]
    penalty = float(group_sparsity(groups))
    assert float(group_sparsity([g[::-1] for g in groups])) == pytest.approx(penalty)
    scaled = [[factor * m for m in g] for g in groups]
    assert float(group_sparsity(scaled)) == pytest.approx(abs(factor) * penalty)
    before = group_norms(groups)
    copies = [[m.clone() for m in g] for g in groups]
    proximal_step(copies, threshold)
    after = group_norms(copies)
    torch.testing.assert_close(after, (before - threshold).clamp(min=0))
    for group, norm in zip(copies, before, strict=True):
        assert norm > threshold or all(not m.any() for m in group)


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(UsageError, match="threshold=-1"):
        proximal_step([[torch.ones(1)]], -1)


def test_the_ratio_counts_what_is_small_against_the_largest() -> None:
    assert zero_group_ratio(torch.zeros(3)) == 1
    assert zero_group_ratio(torch.tensor([1.0, 0.0])) == 0.5
    assert zero_group_ratio(torch.tensor([1.0, 0.01]), tol=0.1) == 0.5
