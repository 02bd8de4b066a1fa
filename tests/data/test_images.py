"""Image data sets that libraries read."""

import os
import struct
from hashlib import sha256

import numpy as np
import pytest
import torch

from mu.data.cifar100 import CIFAR100
from mu.data.facts import data_files, data_root
from mu.data.images import CIFAR10, MNIST, SVHN, Digits, FashionMNIST, torchvision_images
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.forget_sets.ids import request_from
from mu.forget_sets.request import check

CIFAR_FILES = "cifar-10-batches-py/*"


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


def test_digits_keep_their_bits():
    assert Digits().fingerprint() == "d32f86d1181b45b8faa5cec51d439436"


def test_digits_have_names_and_pictures():
    data = Digits()
    assert data.class_names == list("0123456789")
    pictures = data.thumbnails(np.array([3, 0]))
    assert pictures.shape == (2, 8, 8, 1)
    assert np.abs(pictures / 255 - data.x[[3, 0]].permute(0, 2, 3, 1).numpy()).max() < 0.002


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (MNIST, "MNIST is not .* MNIST/raw"),
        (FashionMNIST, "Fashion-MNIST is not .* FashionMNIST/raw"),
        (CIFAR10, "CIFAR-10 is not .* cifar-10-batches-py"),
        (CIFAR100, "CIFAR-100 is not .* cifar-100-python"),
        (SVHN, "SVHN is not .* train_32x32.mat"),
    ],
)
def test_data_that_are_nowhere_say_where_they_should_be(data, named, tmp_path, monkeypatch):
    import urllib.request
    from urllib.error import URLError

    def offline(*args, **options):
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    with pytest.raises(UsageError, match=named) as caught:
        data()
    assert f"not under {tmp_path} and cannot be downloaded" in str(caught.value)
    assert "set MU_DATA_ROOT" in str(caught.value)
    assert data_files([CIFAR_FILES]) == []


def test_files_are_known_by_name_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    (tmp_path / "cifar-10-batches-py").mkdir()
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(b"abc")
    before = data_files([CIFAR_FILES])
    assert [name for name, *_ in before] == ["cifar-10-batches-py/data_batch_1"]
    os.utime(path, ns=(1, 1))
    assert data_files([CIFAR_FILES]) != before
    assert [name for name, *_ in data_files([str(path.parent / "*")])] == [before[0][0]]


def test_a_file_that_changes_its_folder_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    for name in ("cat", "dog"):
        (tmp_path / "pets [1]" / name).mkdir(parents=True)
    (tmp_path / "pets [1]" / "cat" / "a.png").write_bytes(b"a")
    before = data_files(["pets*/*/*"])
    (tmp_path / "pets [1]" / "cat" / "a.png").rename(tmp_path / "pets [1]" / "dog" / "a.png")
    assert [row[1:] for row in data_files(["pets*/*/*"])] == [row[1:] for row in before]
    assert data_files(["pets*/*/*"]) != before


@pytest.fixture
def made_up(monkeypatch) -> CIFAR10:
    """CIFAR-10 as it would be with 300 made-up training images and 40 to test on."""

    def images(source, title, files, train):
        assert source == "CIFAR10"
        n = 300 if train else 40
        generator = torch.Generator().manual_seed(n)
        x = torch.randint(256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
        return x, np.arange(n) % 10

    monkeypatch.setattr("mu.data.images.torchvision_images", images)
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
        CIFAR10(n_train=counts[0], n_validation=counts[1])


# Who is held out, by the ids of the published training images.


def test_everything_published_is_trained_on_where_none_is_held_out(made_up):
    data = CIFAR10(validation="none")
    assert data.parts["train"].tolist() == list(range(300))
    assert len(data.parts["validation"]) == 0
    assert data.mask_sizes("samples") == [340, 300]
    assert len(CIFAR10(validation="none", n_train=100).parts["train"]) == 100


@pytest.mark.parametrize("name", ["held.npy", "held.csv", "mask.npy"])
def test_a_file_says_who_is_held_out(made_up, tmp_path, name):
    held = [7, 250, 3]
    if name == "mask.npy":
        np.save(tmp_path / name, np.isin(np.arange(300), held))
    elif name == "held.npy":
        np.save(tmp_path / name, held)
    else:
        (tmp_path / name).write_text("id\n7\n250\n3\n")
    data = CIFAR10(validation=str(tmp_path / name))
    assert data.parts["validation"].tolist() == [3, 7, 250]
    assert data.parts["train"].tolist() == [i for i in range(300) if i not in held]
    few = CIFAR10(validation=str(tmp_path / name), n_train=90)
    assert len(few.parts["train"]) == 90
    assert not np.isin(held, few.parts["train"]).any()


def test_a_share_is_one_of_the_published_training_images(made_up):
    assert len(CIFAR10(validation=0.1).parts["validation"]) == 30
    same = CIFAR10(n_train=100, n_validation=50, validation=50 / 300)
    assert same.fingerprint() == made_up.fingerprint()


@pytest.mark.parametrize(
    ("validation", "said"),
    [
        (5, "validation=5 is neither none, a share .* n_validation"),
        (0.0, "validation=0.0 is neither"),
        (True, "validation=True is neither"),
        ("nowhere.npy", "validation=nowhere.npy is neither none, a share, nor a file"),
        ([300], "id 300 is not one of the training images 0 to 299"),
        ([3, 3], "id 3 is named twice"),
        ([], "names 0 of the 300"),
        (list(range(300)), "names 300 of the 300"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\)"),
    ],
)
def test_what_is_no_set_to_hold_out_is_refused(made_up, tmp_path, validation, said):
    if isinstance(validation, list):
        (tmp_path / "held.json").write_text(str(validation))
        validation = str(tmp_path / "held.json")
    with pytest.raises(UsageError, match=said):
        CIFAR10(validation=validation)


def test_an_image_held_out_cannot_be_forgotten_and_the_way_out_is_named(made_up):
    held = int(made_up.parts["validation"][0])
    said = rf"id {held} is not one of the 100 .* validation part: data\.validation=none"
    with pytest.raises(UsageError, match=said):
        check(Request("samples", np.array([held])), made_up, {})


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


def test_cifar_keeps_its_bits(cifar):
    whole = CIFAR10(n_train=10_000, n_validation=2000)
    assert whole.fingerprint() == "372d35eb1410e2b57c139252627bcd3f"
    loader = whole.loader(
        whole.parts["train"], batch_size=64, train=True, seed=3, augment="crop_flip"
    )
    found = [sha256(next(iter(loader)).x.contiguous().numpy()).hexdigest() for _ in range(2)]
    assert [digest[:16] for digest in found] == ["f14558e6fb3f8dba", "3c1b9587429db572"]
    assert whole.class_names[3] == "cat"


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


# Files in the formats torchvision reads.


def write_mnist(folder, n_train=30, n_test=20):
    """Made-up images in the format of MNIST."""
    folder.mkdir(parents=True)
    for name, n in (("train", n_train), ("t10k", n_test)):
        pixels = np.arange(n * 28 * 28, dtype=np.int64) % 251
        images = struct.pack(">IIII", 0x803, n, 28, 28) + pixels.astype(np.uint8).tobytes()
        labels = struct.pack(">II", 0x801, n) + bytes(i % 10 for i in range(n))
        (folder / f"{name}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(labels)


@pytest.mark.parametrize("source", [MNIST, FashionMNIST])
def test_grey_images_get_a_channel(source, tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    write_mnist(tmp_path / source.__name__ / "raw")
    data = source(n_validation=10, n_test=10)
    assert data.x.shape == (50, 1, 28, 28)
    assert data.x[0].flatten()[:252].tolist() == [*range(251), 0]
    assert {name: len(ids) for name, ids in data.parts.items()} == {
        "train": 20,
        "validation": 10,
        "test": 10,
    }
    assert (data.targets(data.universe()) == data.universe() % 10).all()
    assert data.model_facts == {"in_channels": 1, "num_classes": 10, "image_size": 28}
    assert len(data.class_names) == 10


def test_house_numbers_are_read_from_both_files(monkeypatch):
    class Matlab:
        def __init__(self, root, split, download):
            self.data = np.full((20, 3, 32, 32), 7 if split == "train" else 9, np.uint8)
            self.labels = np.arange(20) % 10

    monkeypatch.setattr("torchvision.datasets.SVHN", Matlab)
    data = SVHN(n_validation=10)
    assert data.x.shape == (40, 3, 32, 32)
    assert data.x[data.parts["test"]].unique().tolist() == [9]
    assert data.x[data.parts["train"]].unique().tolist() == [7]


def test_images_of_another_size_are_refused(monkeypatch):
    class Small:
        def __init__(self, root, train, download):
            self.data, self.targets = np.zeros((20, 16, 16, 3), np.uint8), [0] * 20

    monkeypatch.setattr("torchvision.datasets.CIFAR10", Small)
    x, labels = torchvision_images("CIFAR10", "", "", train=True)
    assert x.shape == (20, 3, 16, 16)
    assert labels.tolist() == [0] * 20
    with pytest.raises(UsageError, match=r"images are 3×16×16 .* where 3×32×32 is expected"):
        CIFAR10(n_validation=10)


def test_mnist_is_normalised():
    if not data_files(["MNIST/raw/*"]):
        pytest.skip("needs MNIST/raw under MU_DATA_ROOT")
    data = MNIST(n_train=2000, n_validation=1000)
    x = data.inputs(data.parts["train"])
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02
    assert len(data.universe()) == 13_000


def test_ids_are_those_of_the_published_files_in_their_order(cifar):
    """data_batch_1 to data_batch_5, then test_batch: what published index files count."""
    import pickle

    folder = data_root() / "cifar-10-batches-py"
    for start, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        with (folder / name).open("rb") as file:
            found = pickle.load(file, encoding="latin1")
        ids = slice(10_000 * start, 10_000 * (start + 1))
        assert np.array_equal(cifar.x[ids].flatten(1).numpy(), found["data"])
        assert cifar.y[ids].tolist() == found["labels"]


def test_a_published_forget_set_is_replayed_by_its_ids(cifar, tmp_path):
    """That of AMUN (Ebrahimpour-Boroojeny et al., 2025): unlearn_indices/cifar/5000/seed_1.csv."""
    ids = np.random.RandomState(1).choice(50_000, 5000, replace=False)
    assert ids[:5].tolist() == [26247, 35067, 34590, 16668, 12196], "as published"
    assert ids[-2:].tolist() == [19719, 47381]
    rows = "\n".join(map(str, ids))
    (tmp_path / "seed_1.csv").write_text(f"unlearn_idx\n{rows}\n")
    np.save(tmp_path / "mask.npy", np.isin(np.arange(50_000), ids))
    whole = CIFAR10(validation="none")
    for name in ("seed_1.csv", "mask.npy"):
        found = check(request_from(tmp_path / name, whole), whole, {})
        assert found.ids.tolist() == sorted(ids.tolist())
    with pytest.raises(UsageError, match=r"validation part: data\.validation=none"):
        check(request_from(tmp_path / "seed_1.csv", CIFAR10()), CIFAR10(), {})
