"""Image data sets and their augmentation."""

import os

import numpy as np
import pytest
import torch

from mu.data.facts import data_files
from mu.data.images import CIFAR10, Digits, _balanced_order, crop_flip
from mu.errors import UsageError

CIFAR_FILES = "cifar-10-batches-py/*"


def one_by_one(x: torch.Tensor, uniform: torch.Tensor, padding: int) -> torch.Tensor:
    """What `crop_flip` does, image by image."""
    out = []
    height, width = x.shape[2:]
    for image, (u, v, w) in zip(x, uniform.tolist(), strict=True):
        padded = torch.zeros(x.shape[1], height + 2 * padding, width + 2 * padding)
        padded[:, padding : padding + height, padding : padding + width] = image
        row, column = int(u * (2 * padding + 1)), int(v * (2 * padding + 1))
        crop = padded[:, row : row + height, column : column + width]
        out.append(torch.flip(crop, dims=[2]) if w < 0.5 else crop)
    return torch.stack(out)


@pytest.mark.parametrize(("shape", "padding"), [((9, 3, 8, 8), 4), ((5, 1, 6, 10), 2)])
def test_crop_flip_is_what_a_loop_over_images_does(shape, padding):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(shape, generator=generator)
    uniform = torch.rand(shape[0], 3, generator=generator)
    uniform[0], uniform[1] = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([0.999, 0.999, 0.999])
    assert torch.equal(crop_flip(x, uniform, padding), one_by_one(x, uniform, padding))


def test_crop_flip_in_the_middle_changes_nothing():
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(crop_flip(x, torch.tensor([[0.5, 0.5, 0.9]] * 2)), x)


def test_digits_are_split_as_asked():
    data = Digits(validation=0.1, test=0.3, split_seed=0)
    sizes = {name: len(ids) for name, ids in data.parts.items()}
    assert sizes == {"train": 1078, "validation": 180, "test": 539}
    assert len(data.universe()) == 1797
    other = Digits(split_seed=1)
    assert other.fingerprint() != data.fingerprint()
    assert Digits().fingerprint() == data.fingerprint()
    assert torch.equal(other.x, data.x)


@pytest.mark.parametrize("shares", [(0.0, 0.3), (0.5, 0.5), (-0.1, 0.3), (0.1, 0.0)])
def test_digits_that_leave_nothing_are_refused(shares):
    with pytest.raises(UsageError, match=f"validation={shares[0]}"):
        Digits(*shares)


def test_every_prefix_of_a_balanced_order_is_balanced():
    labels = np.random.default_rng(0).permutation(np.arange(200) % 4)
    order = _balanced_order(labels, 1)
    assert sorted(order) == list(range(200))
    for n in (10, 33, 120):
        counts = np.bincount(labels[order[:n]], minlength=4)
        assert counts.max() - counts.min() <= 1
    assert (_balanced_order(labels, 2) != order).any()


def test_cifar_that_is_nowhere_says_where_it_should_be(tmp_path, monkeypatch):
    import urllib.request
    from urllib.error import URLError

    def offline(*args, **options):
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    with pytest.raises(UsageError, match=f"not under {tmp_path}.*MU_DATA_ROOT"):
        CIFAR10()
    assert data_files([CIFAR_FILES]) == []


def test_files_are_known_by_name_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    (tmp_path / "cifar-10-batches-py").mkdir()
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(b"abc")
    before = data_files([CIFAR_FILES])
    assert [name for name, *_ in before] == ["data_batch_1"]
    os.utime(path, ns=(1, 1))
    assert data_files([CIFAR_FILES]) != before


@pytest.fixture
def made_up(monkeypatch) -> CIFAR10:
    """CIFAR-10 as it would be with 300 made-up training images and 40 to test on."""

    def images(train: bool):
        n = 300 if train else 40
        generator = torch.Generator().manual_seed(n)
        x = torch.randint(256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
        return x, torch.arange(n) % 10

    monkeypatch.setattr("mu.data.images._cifar10", images)
    return CIFAR10(n_train=100, n_validation=50)


def test_a_draw_of_cifar_is_balanced_disjoint_and_stable(made_up):
    parts = made_up.parts
    assert np.bincount(made_up.targets(parts["train"])).tolist() == [10] * 10
    assert np.bincount(made_up.targets(parts["validation"])).tolist() == [5] * 10
    assert not np.intersect1d(parts["train"], parts["validation"]).size
    assert parts["test"].tolist() == list(range(300, 340))
    assert CIFAR10(n_train=100, n_validation=50).fingerprint() == made_up.fingerprint()
    other = CIFAR10(n_train=100, n_validation=50, split_seed=1)
    assert other.fingerprint() != made_up.fingerprint()
    everything = CIFAR10(n_validation=50)
    assert len(everything.parts["train"]) == 250


@pytest.mark.parametrize("counts", [(None, 0), (100, 0), (251, 50), (0, 50), (None, 300)])
def test_counts_that_do_not_fit_are_refused(made_up, counts):
    with pytest.raises(UsageError, match=f"n_train={counts[0]}, n_validation={counts[1]}"):
        CIFAR10(*counts)


def test_crops_of_an_image_depend_on_seed_epoch_and_id_alone(made_up):
    ids = made_up.parts["train"]
    whole = made_up.augmented(made_up.inputs(ids), ids, "crop_flip", 1, 2)
    few = ids[[40, 7, 3]]
    some = made_up.augmented(made_up.inputs(few), few, "crop_flip", 1, 2)
    assert torch.equal(some, whole[[40, 7, 3]])
    for other in ((2, 2), (1, 3)):
        changed = made_up.augmented(made_up.inputs(ids), ids, "crop_flip", *other)
        assert (changed != whole).flatten(1).any(1).float().mean() > 0.9
    with pytest.raises(UsageError, match="'blur'"):
        made_up.augmented(made_up.inputs(few), few, "blur", 1, 2)


@pytest.fixture(scope="module")
def cifar() -> CIFAR10:
    if not data_files([CIFAR_FILES]):
        pytest.skip(f"needs {CIFAR_FILES} under MU_DATA_ROOT")
    return CIFAR10(n_train=1000, n_validation=500)


def test_cifar_is_split_as_asked(cifar):
    assert {name: len(ids) for name, ids in cifar.parts.items()} == {
        "train": 1000,
        "validation": 500,
        "test": 10_000,
    }
    assert not np.intersect1d(cifar.parts["train"], cifar.parts["validation"]).size
    assert cifar.parts["test"].tolist() == list(range(50_000, 60_000))
    for name, each in (("train", 100), ("validation", 50), ("test", 1000)):
        counts = np.bincount(cifar.targets(cifar.parts[name]))
        assert abs(counts - each).max() <= 1


def test_cifar_is_normalised_and_augmented_per_id(cifar):
    ids = cifar.parts["train"]
    x = cifar.inputs(ids)
    assert x.shape == (1000, 3, 32, 32)
    assert x.mean((0, 2, 3)).abs().max() < 0.1
    assert (x.std((0, 2, 3)) - 1).abs().max() < 0.1
    whole = cifar.augmented(x, ids, "crop_flip", 1, 2)
    some = cifar.augmented(x[[7, 3]], ids[[7, 3]], "crop_flip", 1, 2)
    assert torch.equal(some, whole[[7, 3]])
    assert not torch.equal(whole, cifar.augmented(x, ids, "crop_flip", 1, 3))


def test_cifar_counts_that_do_not_fit_are_refused(cifar):
    with pytest.raises(UsageError, match="n_train=50000"):
        CIFAR10(n_train=50_000, n_validation=500)
