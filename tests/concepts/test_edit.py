"""Pasting: what changes, what does not."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mu.concepts.edit import WINDOWS, Places, corners, cut_out, edited, paste, window_pixels
from mu.errors import UsageError


def images(n=4, side=16):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, side, side, generator=generator), torch.full((n, 3, side, side), 2.0)


def places(n=4, target=(0.2, 0.9), donor=(0.5, 0.5)):
    return Places(torch.tensor([target] * n), torch.tensor([donor] * n))


@pytest.mark.parametrize("edit", WINDOWS)
def test_exactly_the_pixels_of_the_window_change(edit):
    x, donors = images()
    before = x.clone()
    found = edited(x, donors, edit, 0.25, places(), torch.Generator().manual_seed(1))
    assert torch.equal(x, before)
    changed = (found != x).any(dim=1)
    assert (changed.sum(dim=(1, 2)) == 4 * 4).all()
    assert torch.allclose(found[changed[:, None].expand_as(found)], torch.tensor(2.0))


def test_published_windows_are_those_of_224_pixels():
    sizes = {edit: window_pixels(window, (224, 224)) for edit, window in WINDOWS.items()}
    assert sizes == {
        "localized": (64, 64),
        "center": (96, 96),
        "random_place": (96, 96),
        "full": (160, 160),
    }
    assert [window_pixels(w, (32, 32))[0] for w in WINDOWS.values()] == [9, 14, 14, 23]


def test_a_window_is_cut_at_the_donors_place_and_pasted_at_the_targets():
    x, donors = torch.zeros(1, 1, 8, 8), torch.arange(64.0).view(1, 1, 8, 8)
    one = Places(torch.tensor([[0.75, 0.25]]), torch.tensor([[0.25, 0.75]]))
    found = edited(x, donors, "localized", 0.25, one)
    assert torch.equal(found[0, 0, 5:7, 1:3], donors[0, 0, 1:3, 5:7])
    assert found.count_nonzero() == 4


def test_center_and_full_sit_in_the_middle():
    x, donors = images()
    for edit in ("center", "full"):
        changed = (edited(x, donors, edit, 0.5) != x).any(dim=1)
        assert changed[:, 4:12, 4:12].all() and changed.sum() == 4 * 64


def test_full_shows_the_whole_donor():
    donors = torch.zeros(1, 1, 8, 8)
    donors[:, :, :4] = 1.0
    found = edited(torch.full((1, 1, 8, 8), 9.0), donors, "full", 0.5)
    assert found[0, 0, 2, 2:6].min() > 0.85 and found[0, 0, 5, 2:6].max() < 0.15


def test_random_places_differ_and_follow_the_generator():
    x, donors = images(n=32)
    one, again, other = (
        edited(x, donors, "random_place", 0.25, None, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    where = (one != x).any(dim=1).flatten(1).int().argmax(1)
    assert len(where.unique()) > 10


def test_none_changes_nothing():
    x, donors = images()
    assert edited(x, donors, "none") is x


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1), st.integers(1, 12), st.integers(1, 12))
def test_windows_stay_inside_and_what_is_pasted_can_be_cut(row, column, window, height, width):
    size = window_pixels(window, (height, width))
    corner = corners(torch.tensor([[row, column]]), size, (height, width))
    x = torch.zeros(1, 2, height, width)
    patch = torch.rand(1, 2, *size) + 1
    assert (corner >= 0).all()
    assert (corner + torch.tensor(size) <= torch.tensor([height, width])).all()
    pasted = paste(x, patch, corner)
    assert torch.equal(cut_out(pasted, corner, size), patch)
    assert (pasted != 0).sum() == patch.numel()


def test_what_cannot_be_pasted_is_refused():
    x, donors = images()
    with pytest.raises(UsageError, match="edit='corner' is not one of none, localized"):
        edited(x, donors, "corner")
    with pytest.raises(UsageError, match="localized needs places"):
        edited(x, donors, "localized")
    with pytest.raises(UsageError, match=r"window=1.5 is not a fraction"):
        edited(x, donors, "center", 1.5)
    with pytest.raises(UsageError, match=r"images .* of one size"):
        edited(x.flatten(1), donors.flatten(1), "center")
