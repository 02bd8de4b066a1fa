"""Wrong labels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mu.parts.relabelling import nearest_donor, poisoned_labels


@given(st.integers(2, 6), st.integers(0, 1000))
def test_random_labels_are_never_true_and_stay_as_many(classes, seed):
    target = seed % classes
    allowed = [c for c in range(classes) if c != target]
    labels = torch.full((40,), target)
    generator = torch.Generator().manual_seed(seed)
    found = poisoned_labels(labels, "random", {}, allowed, generator)
    assert found.shape == labels.shape and found.dtype == labels.dtype
    assert set(found.tolist()) <= set(allowed)


def test_random_labels_are_uniform_over_all_others():
    generator = torch.Generator().manual_seed(0)
    found = poisoned_labels(torch.full((9000,), 1), "random", {}, [0, 2, 3], generator)
    counts = found.bincount(minlength=4)
    assert counts[1] == 0
    assert (counts[[0, 2, 3]] - 3000).abs().max() < 5 * (9000 * 2 / 9) ** 0.5


def test_targeted_labels_are_the_donors_and_kept_ones_stay():
    labels = torch.tensor([0, 4, 4, 0, 4])
    assert poisoned_labels(labels, "targeted", {0: 3, 4: 1}, [1, 3]).tolist() == [3, 1, 1, 3, 1]
    assert poisoned_labels(labels, "targeted", {0: 4, 4: 1}, [1, 4]).tolist() == [4, 1, 1, 4, 1]
    assert torch.equal(poisoned_labels(labels, "keep", {}, [1, 3]), labels)


@pytest.mark.parametrize(
    ("logits", "allowed", "donor"),
    [
        ([[9.0, 1.0, 2.0, 5.0], [9.0, 4.0, 2.0, 5.0]], [1, 2], 1),
        ([[9.0, 1.0, 2.0, 5.0], [9.0, 4.0, 2.0, 5.0]], [1, 2, 3], 3),
        ([[1.0, 1.0, 1.0, 1.0]], [3, 1], 1),
        ([[2.5], [1.0]], [0], 0),
        ([[2.5], [-9.0]], [1], 1),
    ],
)
def test_the_nearest_donor_has_the_largest_mean_logit_of_those_allowed(logits, allowed, donor):
    assert nearest_donor(torch.tensor(logits), allowed) == donor
