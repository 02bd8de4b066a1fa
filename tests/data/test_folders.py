"""Folders of images."""

import numpy as np
import pytest

from mu.data.build import build
from mu.data.facts import data_files
from mu.data.folders import ImageFolder
from mu.errors import UsageError

COLOURS = {"bird": 10, "cat": 90, "dog": 200}


@pytest.fixture
def pets(picture, root):
    for name, colour in COLOURS.items():
        for i in range(10):
            picture(f"pets/{name}/{i}.png", colour + i)
    (root / "pets" / "README").write_text("files beside the classes do not count")
    return root / "pets"


@pytest.fixture
def parted(picture, root):
    """Write one folder a part."""

    def write(**sizes):
        for part, size in sizes.items():
            for number, name in enumerate(COLOURS):
                for i in range(size):
                    picture(f"parted/{part}/{name}/{i}.png", 80 * number + i)
        return root / "parted"

    return write


def test_classes_are_folders_in_the_order_of_their_names(pets):
    data = ImageFolder("pets", image_size=8)
    assert data.class_names == list(COLOURS)
    colours = data.thumbnails(data.universe())[:, 0, 0, 0]
    assert colours.tolist() == [c + i for c in COLOURS.values() for i in range(10)]
    assert data.targets(data.universe()).tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert data.model_facts == {"in_channels": 3, "num_classes": 3, "image_size": 8}
    assert ImageFolder("pets", image_size=8, grey=True).model_facts["in_channels"] == 1
    assert "image_size" not in ImageFolder("pets", image_size=None).model_facts


def test_shares_are_taken_of_each_class(pets):
    data = ImageFolder("pets", image_size=8, validation=0.2, test=0.3)
    for part, each in (("train", 5), ("validation", 2), ("test", 3)):
        assert np.bincount(data.targets(data.parts[part])).tolist() == [each] * 3
    other = ImageFolder("pets", image_size=8, validation=0.2, test=0.3, split_seed=1)
    assert other.fingerprint() != data.fingerprint()


def test_from_a_file_or_from_memory_the_data_are_the_same(pets):
    held, mapped = (ImageFolder("pets", image_size=8, memory_gb=gb) for gb in (1, 0))
    assert held.fingerprint() == mapped.fingerprint()
    for one, other in zip(
        *(
            d.loader(d.parts["train"], train=True, augment="crop_flip_rotate")
            for d in (held, mapped)
        ),
        strict=True,
    ):
        assert (one.x == other.x).all()


def test_the_configuration_builds_it(pets):
    config = {"_target_": "mu.data.folders.ImageFolder", "folder": "pets", "mean": [0.1, 0.2, 0.3]}
    assert build(config).mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_parts_are_read_from_their_folders(parted):
    parted(train=4, val=2, test=3)
    data = ImageFolder("parted", image_size=8, split="folders")
    sizes = {"train": 12, "validation": 6, "test": 9}
    assert {name: len(ids) for name, ids in data.parts.items()} == sizes
    for ids in data.parts.values():
        assert np.bincount(data.targets(ids)).tolist() == [len(ids) // 3] * 3
        assert (data.thumbnails(ids)[:, 0, 0, 0] // 80 == data.targets(ids)).all()


def test_without_a_folder_validation_is_drawn_from_training(parted):
    parted(train=10, test=3)
    data = ImageFolder("parted", image_size=8, split="folders", validation=0.2)
    assert np.bincount(data.targets(data.parts["validation"])).tolist() == [2] * 3
    assert data.parts["validation"].max() < 30
    assert len(data.parts["train"]) == 24


def test_val_without_test_is_the_test_part(parted):
    parted(train=10, val=3)
    data = ImageFolder("parted", image_size=8, split="folders")
    assert data.parts["test"].tolist() == list(range(30, 39))
    assert len(data.parts["validation"]) == 3


def test_a_folder_that_is_not_there_is_named(root):
    with pytest.raises(
        UsageError, match=f"{root}/nowhere is not there.*data.folder or MU_DATA_ROOT"
    ):
        ImageFolder("nowhere")


def test_a_class_without_images_is_named(pets):
    (pets / "empty").mkdir()
    with pytest.raises(UsageError, match="class 'empty' has no images"):
        ImageFolder("pets")


def test_a_file_that_is_no_image_is_named(pets):
    (pets / "cat" / "11.png").write_bytes(b"not a picture")
    with pytest.raises(UsageError, match=r"cat/11\.png cannot be read as an image"):
        ImageFolder("pets", image_size=8)
    (pets / "cat" / "11.png").rename(pets / "cat" / "11.doc")
    with pytest.raises(UsageError, match=r"cat/11\.doc is not an image"):
        ImageFolder("pets", image_size=8)


def test_mistakes_in_the_split_are_named(pets, parted, picture):
    with pytest.raises(UsageError, match="split=random is not one of shares, folders"):
        ImageFolder("pets", split="random")
    with pytest.raises(UsageError, match="pets has no folder train"):
        ImageFolder("pets", split="folders")
    with pytest.raises(UsageError, match=r"validation=0\.6, test=0\.5 must"):
        ImageFolder("pets", validation=0.6, test=0.5)
    parted(train=10)
    with pytest.raises(UsageError, match="parted has no folder test"):
        ImageFolder("parted", split="folders")
    parted(test=2)
    with pytest.raises(UsageError, match=r"folders test, train: set data\.split=folders"):
        ImageFolder("parted")
    picture("parted/test/fish/1.png")
    with pytest.raises(UsageError, match="test/fish is a class that the training part"):
        ImageFolder("parted", split="folders")
    picture("one/alone/1.png")
    with pytest.raises(UsageError, match="one has 1 folders of images"):
        ImageFolder("one")


def test_a_test_folder_may_lack_a_class(parted, root):
    parted(train=10, test=2)
    for path in (root / "parted" / "test" / "cat").iterdir():
        path.unlink()
    (root / "parted" / "test" / "cat").rmdir()
    data = ImageFolder("parted", image_size=8, split="folders")
    assert np.bincount(data.targets(data.parts["test"])).tolist() == [2, 0, 2]
    assert data.class_names == list(COLOURS)


def test_the_word_for_the_folder_reaches_title_and_files():
    from mu.configuration.experiment import load_experiment

    words = ["data=image_folder", "model=resnet20", "requests=class", "data.folder=holiday"]
    (block,) = load_experiment("quickstart", words).blocks[:1]
    assert block.config["data"]["files"] == ["holiday/**/*"]
    assert block.config["data"]["title"] == "images in holiday"


def test_faces_are_split_by_person():
    if not data_files(["att_faces/*/*"]):
        pytest.skip("needs att_faces under MU_DATA_ROOT")
    data = ImageFolder("att_faces", image_size=32, grey=True)
    assert data.x.shape == (400, 1, 32, 32)
    for part, each in (("train", 7), ("validation", 1), ("test", 2)):
        assert np.bincount(data.targets(data.parts[part])).tolist() == [each] * 40
