"""Divergence from a teacher against PyTorch's distributions."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, kl_divergence

from mu.models.base import Learner
from mu.models.teachers import divergence, teacher_of


@given(st.integers(0, 1000), st.floats(0.5, 8.0), st.integers(1, 6))
def test_it_is_the_divergence_of_the_softened_distributions(seed, temperature, classes):
    generator = torch.Generator().manual_seed(seed)
    teacher, student = torch.randn(2, 5, classes, generator=generator, dtype=torch.double)
    kind = Bernoulli if classes == 1 else Categorical
    p, q = (kind(logits=z / temperature) for z in (teacher, student))
    wanted = temperature**2 * kl_divergence(p, q).reshape(5)
    found = divergence(student, teacher, temperature)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    assert (found >= -1e-12).all()


def test_a_teacher_is_a_frozen_copy():
    learner = Learner(torch.nn.Linear(2, 2)).train()
    teacher = teacher_of(learner)
    assert not teacher.training and learner.training
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in learner.parameters())
