"""What all image data sets share."""

import numpy as np
import pytest
import torch

from mu.data.base import TensorData
from mu.data.image_data import ImageData, Published, PublishedImages, check_images
from mu.errors import UsageError

PARTS = {"train": np.arange(6), "validation": np.arange(6, 8), "test": np.arange(8, 12)}
NAMES = ["low", "middle", "high"]


def bytes_of(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


def made(x=None, y=None, parts=PARTS, **options) -> ImageData:
    x = bytes_of(12, 3, 8, 8) if x is None else x
    y = torch.arange(12) % 3 if y is None else y
    return ImageData(x, y, parts, **{"class_names": NAMES} | options)


def published(**options) -> PublishedImages:
    levels = {"fine": np.arange(24) % 6, "coarse": np.arange(24) % 6 // 2}
    names = {"fine": list("abcdef"), "coarse": list("ABC")}
    source = Published(
        *(bytes_of(24, 1, 8, 8), levels["fine"], 18, names["fine"], (0.5,), (0.25,), None),
        *(levels, names),
    )
    return PublishedImages(source, n_validation=6, **options)


def test_a_model_learns_what_it_needs_to_know():
    data = made()
    assert data.model_facts == {"in_channels": 3, "num_classes": 3, "image_size": 8}
    assert data.class_names == NAMES
    assert "image_size" not in made(x=bytes_of(12, 3, 8, 6)).model_facts


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"x": bytes_of(12, 8, 8)}, r"images must be .*not \(12, 8, 8\)"),
        ({"shape": (3, 9, 8)}, "images are 3×8×8 .* where 3×9×8 is expected"),
        ({"shape": (1, 8, 8)}, "images are 3×8×8 .* where 1×8×8 is expected"),
        ({"y": torch.arange(12) % 4}, "image 3 has label 3; the 3 classes are 0 to 2"),
        ({"y": torch.arange(12) % 3 - 1}, "image 0 has label -1"),
        ({"y": torch.zeros(12)}, "labels must be .* int64"),
        ({"y": torch.arange(11) % 3}, "12 inputs and 11 targets"),
        ({"mean": (0.1, 0.2)}, r"mean=.* must be 1 or 3 numbers"),
        ({"std": (0.1, 0.0, 0.2)}, r"std=.* must be 1 or 3 positive numbers"),
        ({"parts": PARTS | {"test": np.array([12])}}, "sample 12 is not there"),
        ({"parts": PARTS | {"test": np.array([-1])}}, "sample -1 is not there"),
        ({"parts": PARTS | {"test": np.array([5, 9])}}, "sample 5 is named twice"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(change, named):
    with pytest.raises(UsageError, match=named) as caught:
        made(**change)
    assert "\n" not in str(caught.value)


def test_images_that_fit_are_let_through():
    check_images(bytes_of(2, 3, 8, 8), torch.tensor([0, 2]), 3, (3, 8, 8))


def test_one_number_normalises_all_channels():
    (one,) = made(mean=(0.3,), std=(0.2,)).loader(np.arange(12))
    (three,) = made(mean=(0.3,) * 3, std=(0.2,) * 3).loader(np.arange(12))
    (none,) = made().loader(np.arange(12))
    assert torch.equal(one.x, three.x)
    assert torch.allclose(one.x, (none.x - 0.3) / 0.2)


def test_thumbnails_are_the_images_themselves():
    data = made(mean=(0.3,), std=(0.2,))
    found = data.thumbnails(np.array([4, 1]))
    assert (found == data.x[[4, 1]].permute(0, 2, 3, 1).numpy()).all()
    floats = made(x=data.x / 255).thumbnails(np.array([4, 1]))
    assert (floats == found).all()
    assert floats.dtype == np.uint8


def test_thumbnails_of_large_images_are_small():
    flat = torch.full((12, 1, 256, 100), 77, dtype=torch.uint8)
    found = made(x=flat).thumbnails(np.arange(2))
    assert found.shape == (2, 64, 25, 1)
    assert (found == 77).all()
    assert made(x=bytes_of(12, 1, 64, 64)).thumbnails(np.arange(1)).shape == (1, 64, 64, 1)


def test_what_is_no_picture_has_no_thumbnail():
    assert made(x=bytes_of(12, 2, 8, 8)).thumbnails(np.arange(2)) is None
    table = TensorData(torch.zeros(12, 4), torch.zeros(12), **PARTS)
    assert table.thumbnails(np.arange(2)) is None
    assert table.class_names is None


def test_augmentation_is_that_of_the_name():
    data = made()
    ids = data.parts["train"]
    x = data.inputs(ids)
    plain = data.augmented(x, ids, "crop_flip", 1, 2)
    turned = data.augmented(x, ids, "crop_flip_rotate", 1, 2)
    assert not torch.equal(plain, turned)
    assert torch.equal(turned[[2]], data.augmented(x[[2]], ids[[2]], "crop_flip_rotate", 1, 2))
    with pytest.raises(UsageError, match=r"'blur'; images have crop, crop_flip, .*, null"):
        data.augmented(x, ids, "blur", 1, 2)


# Published data and their labellings.


def test_levels_name_other_labels_of_the_same_images():
    coarse, fine = published(labels="coarse"), published(labels="fine")
    assert (coarse.class_names, coarse.model_facts["num_classes"]) == (list("ABC"), 3)
    assert (fine.class_names, fine.model_facts["num_classes"]) == (list("abcdef"), 6)
    assert all((coarse.parts[p] == fine.parts[p]).all() for p in PARTS)
    train = coarse.parts["train"]
    assert (coarse.element_labels("samples") == train % 6 // 2).all()
    assert (coarse.element_labels("samples", "fine") == train % 6).all()
    assert (coarse.element_labels("samples", "coarse") == coarse.targets(train)).all()
    assert published().class_names == fine.class_names


def test_an_unknown_level_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match="no labelling 'finer'; it has coarse, fine"):
        published().element_labels("samples", "finer")
    with pytest.raises(UsageError, match="no labelling 'finer'; it has coarse, fine"):
        published(labels="finer")
    with pytest.raises(UsageError, match="no labelling 'fine'; it has only the one trained on"):
        made().element_labels("samples", "fine")


def test_the_fingerprint_knows_the_levels():
    one, other = published(labels="coarse"), published(labels="coarse")
    assert one.fingerprint() == other.fingerprint() != published(labels="fine").fingerprint()
    other.levels = other.levels | {"fine": np.zeros(24, np.int64)}
    assert one.fingerprint() != other.fingerprint()


def test_a_mean_of_ones_own_replaces_the_customary_one():
    own = published(mean=(0.1,), std=(1.0,))
    assert own.mean.item() == pytest.approx(0.1)
    assert published().mean.item() == 0.5
    assert own.fingerprint() == published().fingerprint()


def test_counts_of_published_data():
    data = published(n_train=6, n_test=3, split_seed=1)
    assert {name: len(ids) for name, ids in data.parts.items()} == {
        "train": 6,
        "validation": 6,
        "test": 3,
    }
    with pytest.raises(UsageError, match="n_train=13, n_validation=6 do not fit 18 images"):
        published(n_train=13)
