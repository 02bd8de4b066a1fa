"""Ranking, donor and places from end to end, and the file they go into."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from concept_case import WORDS, ColourEncoder, data, squares

from mu.concepts.concept_map import read_maps, write_maps
from mu.concepts.finding import concept_map, learn_concepts, pictures
from mu.data.base import TensorData
from mu.errors import UsageError


@pytest.fixture(scope="module")
def found():
    x, y, _ = squares()
    concepts = learn_concepts(ColourEncoder(), WORDS, x, y)
    index = np.arange(len(y)) + 1000
    return concept_map(ColourEncoder(), concepts, x, y, index, 0, window=6 / 16, stride=1 / 16)


def test_the_second_colour_of_a_class_names_its_donor(found):
    assert (found.target, found.donor, found.rule) == (0, 1, "confusion")
    assert (found.concept, found.donor_concept) == ("green", "green")


def test_places_are_those_of_the_donors_concept(found):
    _, y, corners = squares()
    np.testing.assert_array_equal(found.index, 1000 + np.flatnonzero(y == 0))
    np.testing.assert_array_equal(found.donor_index, 1000 + np.flatnonzero(y == 1))
    np.testing.assert_allclose(16 * found.donor_peaks, corners[y == 1].numpy() + 3, atol=1e-4)
    # The green of class 0 is in the upper left corner, wherever its red square is.
    np.testing.assert_allclose(16 * found.peaks, 3.0, atol=1e-4)


def test_a_class_that_may_not_lend_does_not(found):
    x, y, _ = squares()
    concepts = learn_concepts(ColourEncoder(), WORDS, x, y)
    other = concept_map(ColourEncoder(), concepts, x, y, np.arange(len(y)), 0, allowed=[2])
    assert other.donor == 2


def test_missing_images_are_named():
    x, y, _ = squares()
    concepts = learn_concepts(ColourEncoder(), WORDS, x, y)
    with pytest.raises(UsageError, match="no image of class 0"):
        concept_map(ColourEncoder(), concepts, x[y > 0], y[y > 0], np.arange(80), 0)
    with pytest.raises(UsageError, match="1 concept words"):
        learn_concepts(ColourEncoder(), ["red"], x, y)


def test_maps_come_back_from_their_file(found, tmp_path):
    path = tmp_path / "maps.npz"
    write_maps(path, {0: found, 2: replace(found, target=2)})
    maps = read_maps(path)
    assert set(maps) == {0, 2}
    for name in ("target", "donor", "concept", "donor_concept", "rule"):
        assert getattr(maps[0], name) == getattr(found, name)
        assert type(getattr(maps[0], name)) is type(getattr(found, name))
    for name in ("index", "peaks", "donor_index", "donor_peaks"):
        np.testing.assert_array_equal(getattr(maps[0], name), getattr(found, name))


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no file of concept maps"):
        read_maps(tmp_path / "nowhere.npz")
    text = tmp_path / "text.npz"
    text.write_text("donor: 1")
    with pytest.raises(UsageError, match="is no file of concept maps"):
        read_maps(text)
    other = tmp_path / "other.npz"
    np.savez(other, **{"0/target": 0})
    with pytest.raises(UsageError, match="0/donor is missing"):
        read_maps(other)


def test_maps_that_make_no_sense_are_refused(found):
    with pytest.raises(UsageError, match="its own donor"):
        replace(found, donor=0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        replace(found, peaks=found.peaks * 16)
    with pytest.raises(UsageError, match="each once"):
        replace(found, index=np.zeros_like(found.index))


def test_pictures_are_in_the_range_of_images():
    one = data()
    x = pictures(one, np.array([3, 5]))
    assert torch.equal(x, squares()[0][[3, 5]])
    empty = np.array([], np.int64)
    bytes_ = TensorData(
        torch.full((2, 3, 4, 4), 255, dtype=torch.uint8),
        torch.tensor([0, 1]),
        train=np.arange(2),
        validation=empty,
        test=empty,
    )
    assert pictures(bytes_, np.arange(2)).max() == 1.0
