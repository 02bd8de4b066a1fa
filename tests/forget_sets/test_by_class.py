"""Requests by class: by number, by name, and at another level of labels."""

import numpy as np
import pytest
import torch
from forget_sets.problems import nodes

from mu.artifact import Artifact
from mu.data.base import TensorData
from mu.errors import UsageError
from mu.forget_sets.by_class import ClassSet
from mu.forget_sets.select import groups_of, select

NAMES = ["cat", "dog", "eel"]


class Levels(TensorData):
    """Three named classes, each of two sub-classes: fine = 2 · coarse + parity of id // 3."""

    class_names = NAMES

    def __init__(self) -> None:
        ids = np.arange(60)
        parts = {"train": ids[5:45], "validation": ids[:5], "test": ids[45:]}
        super().__init__(torch.zeros(60, 2), torch.arange(60) % 3, **parts)
        self.levels = {"fine": 2 * (ids % 3) + ids // 3 % 2, "halves": ids // 30}
        self.level_names = {"fine": [f"{age} {name}" for name in NAMES for age in ("young", "old")]}


def chosen(selector, data=None, before=None):
    return select(selector, data or Levels(), before or {}, seed=0).ids.tolist()


def test_a_class_by_name_is_the_class_by_number():
    for number, name in enumerate(NAMES):
        found = chosen(ClassSet(name))
        assert found == chosen(ClassSet(number)) == [i for i in range(5, 45) if i % 3 == number]


def test_subclasses_part_their_class_in_two():
    parts = [chosen(ClassSet(fine, level="fine")) for fine in (2, 3)]
    assert sorted(parts[0] + parts[1]) == chosen(ClassSet("dog"))
    assert parts[0] == chosen(ClassSet("young dog", level="fine"))
    assert parts[0] == [i for i in range(5, 45) if i % 3 == 1 and i // 3 % 2 == 0]


def test_what_was_forgotten_before_is_not_named_again():
    found = chosen(ClassSet("cat"), before={"samples": np.array([6, 9])})
    assert found == [i for i in range(12, 45) if i % 3 == 0]


def test_classes_of_nodes_are_those_of_training_nodes():
    assert chosen(ClassSet(1, kind="nodes"), nodes()) == [i for i in range(20) if i % 3 == 1]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ClassSet("dgo"), "'dgo'; known: dog"),
        (lambda: ClassSet("whale"), "known: cat, dog, eel"),
        (lambda: ClassSet(9), "class 9; classes are 0 to 2"),
        (lambda: ClassSet(9, level="fine"), "class 9; classes are 0 to 5"),
        (lambda: ClassSet("cat", level="fine"), "'cat'; known: old cat"),
        (lambda: ClassSet("first", level="halves"), "first .* no names"),
        (lambda: ClassSet(1, level="finest"), "'finest'; it has fine, halves"),
        (lambda: ClassSet(True), "label=True"),
        (lambda: ClassSet(1.5), "label=1.5"),
        (lambda: ClassSet(None), "label=None"),
    ],
)
def test_a_class_that_is_none_is_named(make, named):
    with pytest.raises(UsageError, match=named) as caught:
        chosen(make())
    assert "\n" not in str(caught.value)


def test_the_level_goes_with_the_selection_and_with_those_after_it():
    data = Levels()
    fine, plain = ClassSet(2, level="fine"), ClassSet(0)
    assert groups_of(data, plain, []) is None
    assert groups_of(data, fine, []).tolist() == data.levels["fine"].tolist()
    before = Artifact({}, {"groups": data.levels["fine"]})
    assert groups_of(data, plain, [before, Artifact({}, {})]).tolist() == (
        data.levels["fine"].tolist()
    )


def test_several_classes_in_one_request():
    assert chosen(ClassSet([2, "cat"])) == sorted(chosen(ClassSet(2)) + chosen(ClassSet(0)))
    with pytest.raises(UsageError, match="names no class"):
        ClassSet([])
    with pytest.raises(UsageError, match=r"label=1\.5 is neither"):
        ClassSet([0, 1.5])
    with pytest.raises(UsageError, match="no samples have class 9"):
        chosen(ClassSet([0, 9]))
