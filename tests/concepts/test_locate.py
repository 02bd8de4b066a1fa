"""Sliding windows: their number, their places, and whether they find what is there."""

import pytest
import torch
from concept_case import ColourEncoder, squares

from mu.concepts.edit import window_pixels
from mu.concepts.locate import peaks, similarity_map, window_corners
from mu.errors import UsageError


@pytest.mark.parametrize(("side", "window", "stride"), [(224, 64, 16), (32, 9, 2), (16, 4, 4)])
def test_the_map_has_a_value_for_each_window(side, window, stride):
    fractions = (window / side, stride / side)
    rows, columns = window_corners((side, side), *fractions)
    assert len(rows) == len(columns) == (side - window) // stride + 1
    assert rows[0] == 0 and rows[-1] + window <= side
    if side < 224:
        found = similarity_map(
            ColourEncoder(), torch.rand(2, 3, side, side), torch.tensor([1.0, 0, 0, 0]), *fractions
        )
        assert found.shape == (2, len(rows), len(columns))


def test_a_window_is_compared_by_its_cosine():
    x, vector = torch.rand(1, 3, 8, 8), torch.tensor([1.0, -2.0, 0.5, 0.3])
    found = similarity_map(ColourEncoder(), x, vector, 0.5, 0.5)
    own = torch.cat([x[0, :, 4:8, 0:4].mean(dim=(1, 2)) - 0.5, torch.tensor([0.2])])
    assert float(found[0, 1, 0]) == pytest.approx(
        float(own @ vector / own.norm() / vector.norm()), abs=1e-6
    )


def test_squares_are_found():
    x, y, corners = squares(60)
    encoder = ColourEncoder()
    blue = encoder.texts(["blue"])[0]
    maps = similarity_map(encoder, x[y == 2], blue, window=6 / 16, stride=1 / 16)
    found = 16 * peaks(maps, (16, 16), 6 / 16, 1 / 16)
    centres = corners[y == 2] + 3
    assert torch.allclose(found, centres.double().to(found), atol=1e-4)


def test_peaks_are_centres_of_windows_inside_the_image():
    maps = torch.zeros(3, 12, 12)
    maps[0, 0, 0] = maps[1, 11, 11] = maps[2, 4, 7] = 1.0
    size = window_pixels(9 / 32, (32, 32))
    found = 32 * peaks(maps, (32, 32), 9 / 32, 2 / 32)
    assert size == (9, 9)
    assert found.tolist() == [[4.5, 4.5], [26.5, 26.5], [12.5, 18.5]]


def test_no_image_gives_no_map():
    found = similarity_map(ColourEncoder(), torch.empty(0, 3, 16, 16), torch.ones(4), 0.25, 0.25)
    assert found.shape == (0, 4, 4)


def test_fractions_out_of_range_are_refused():
    with pytest.raises(UsageError, match="window=0 is not a fraction"):
        window_corners((8, 8), 0)
    with pytest.raises(UsageError, match="stride=2 is not a fraction"):
        window_corners((8, 8), 0.5, 2)
