"""Fine and coarse classes of CIFAR-100."""

import numpy as np
import pytest
import torch

from mu.data.cifar100 import CIFAR100, COARSE, COARSE_OF, FINE, LossyCIFAR100, published
from mu.errors import UsageError


@pytest.fixture
def lossy(tmp_path, monkeypatch):
    """Write a file of made-up images, four training and two test images a class."""
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))

    def write(size=32, dtype=np.uint8, **change):
        rng = np.random.default_rng(0)
        arrays = {}
        for part, each in (("train", 4), ("test", 2)):
            shape = (100 * each, size, size, 3)
            arrays[f"{part}_x"] = rng.integers(256, size=shape).astype(dtype)
            arrays[f"{part}_y"] = np.arange(100 * each) % 100
        arrays |= change
        np.savez(
            tmp_path / "cifar100-lossy.npz", **{k: v for k, v in arrays.items() if v is not None}
        )

    return write


def test_the_classes_have_the_numbers_of_the_published_labels():
    """Numbers that the papers and torchvision use."""
    fine = {"apple": 0, "baby": 2, "lamp": 40, "mushroom": 51, "rocket": 69, "sea": 71, "worm": 99}
    assert {name: FINE.index(name) for name in fine} == fine
    coarse = {"aquatic_mammals": 0, "fruit_and_vegetables": 4, "people": 14, "vehicles_2": 19}
    assert {name: COARSE.index(name) for name in coarse} == coarse
    assert np.bincount(COARSE_OF).tolist() == [5] * 20
    assert COARSE_OF[[4, 1, 54, 9, 0, 22, 5, 6, 3]].tolist() == list(range(9))
    assert COARSE_OF[FINE.index("rocket")] == 19


def test_coarse_data_know_their_fine_classes(lossy):
    lossy()
    data = LossyCIFAR100("coarse", n_train=200, n_validation=100, n_test=100)
    assert len(data.class_names) == data.model_facts["num_classes"] == 20
    fine = data.element_labels("samples", "fine")
    assert (COARSE_OF[fine] == data.element_labels("samples")).all()
    assert np.bincount(fine).tolist() == [2] * 100
    assert data.level_names["fine"][69] == "rocket"


def test_fine_and_coarse_have_the_same_parts(lossy):
    lossy()
    fine, coarse = (LossyCIFAR100(labels, n_validation=100) for labels in ("fine", "coarse"))
    assert all((fine.parts[part] == ids).all() for part, ids in coarse.parts.items())
    assert torch.equal(fine.x, coarse.x)
    assert fine.fingerprint() != coarse.fingerprint()
    assert (fine.element_labels("samples") == fine.element_labels("samples", "fine")).all()
    assert {name: len(ids) for name, ids in fine.parts.items()} == {
        "train": 300,
        "validation": 100,
        "test": 200,
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"size": 28}, r"images must be \(n, 32, 32, 3\) uint8, not \(400, 28, 28, 3\)"),
        ({"dtype": np.float32}, "uint8, not .* float32"),
        ({"train_y": np.full(400, 100)}, "image 0 has label 100; the 100 classes are 0 to 99"),
        ({"train_y": None}, "does not hold train_x, train_y"),
        ({"test_y": np.zeros(3, np.int64)}, "600 inputs and 403 targets"),
    ],
)
def test_a_file_with_something_else_is_refused(lossy, change, named):
    lossy(**change)
    with pytest.raises(UsageError, match=named):
        LossyCIFAR100(n_validation=100)


def test_a_labelling_that_is_not_there_is_named(lossy):
    lossy()
    with pytest.raises(UsageError, match="no labelling 'super'; it has coarse, fine"):
        LossyCIFAR100("super", n_validation=100)


def test_a_lossy_copy_that_is_nowhere_says_where_it_should_be(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    with pytest.raises(
        UsageError, match=f"{tmp_path}/cifar100-lossy.npz is not there.*MU_DATA_ROOT"
    ):
        LossyCIFAR100()


def test_a_file_that_is_no_archive_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    (tmp_path / "cifar100-lossy.npz").write_bytes(b"PK nothing")
    with pytest.raises(UsageError, match=r"cifar100-lossy\.npz does not hold"):
        LossyCIFAR100()


def test_the_original_is_read_by_torchvision(monkeypatch):
    class Original:
        def __init__(self, root, train, download):
            n = 400 if train else 200
            self.data = np.full((n, 32, 32, 3), 1 if train else 2, np.uint8)
            self.targets = [i % 100 for i in range(n)]

    monkeypatch.setattr("torchvision.datasets.CIFAR100", Original)
    data = CIFAR100("coarse", n_validation=100)
    assert data.x[:, 0, 0, 0].tolist() == [1] * 400 + [2] * 200
    assert (data.targets(data.universe()) == COARSE_OF[data.universe() % 100]).all()


def test_labels_are_checked_before_they_are_grouped():
    with pytest.raises(UsageError, match="image 1 has label -1"):
        published(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), np.array([0, -1]), 1)
