"""Tiny-ImageNet's own folders."""

import numpy as np
import pytest

from mu.data.tiny_imagenet import TinyImageNet
from mu.errors import UsageError

WORDS = "n01\ttabby, tabby cat\nn02\tbeagle\nn03\tnot in it\n"


@pytest.fixture
def tiny(root, picture):
    """Two classes, ten training and three test images each."""
    for number, name in enumerate(("n01", "n02")):
        for i in range(10):
            picture(
                f"tiny-imagenet-200/train/{name}/images/{name}_{i}.JPEG", 100 * number, (64, 64)
            )
    lines = []
    for i in range(6):
        picture(f"tiny-imagenet-200/val/images/val_{i}.JPEG", 100 * (i % 2), (64, 64))
        lines.append(f"val_{i}.JPEG\tn0{i % 2 + 1}\t0\t0\t62\t62\n")
    folder = root / "tiny-imagenet-200"
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "words.txt").write_text(WORDS)
    return folder


def test_the_test_part_is_val(tiny):
    data = TinyImageNet(n_validation=6)
    assert {name: len(ids) for name, ids in data.parts.items()} == {
        "train": 14,
        "validation": 6,
        "test": 6,
    }
    assert data.parts["test"].tolist() == list(range(20, 26))
    assert np.bincount(data.targets(data.parts["validation"])).tolist() == [3, 3]
    colours = data.thumbnails(data.universe())[:, 30, 30, 0].astype(int)
    assert (abs(colours - 100 * data.targets(data.universe())) <= 2).all()
    assert data.class_names == ["tabby", "beagle"]
    assert data.model_facts == {"in_channels": 3, "num_classes": 2, "image_size": 64}


def test_images_come_from_a_file_above_the_limit(tiny, root):
    held = TinyImageNet(n_validation=6)
    mapped = TinyImageNet(n_validation=6, memory_gb=0)
    assert held.fingerprint() == mapped.fingerprint()
    assert len(list((root / ".mu-cache").glob("*.npy"))) == 1


def test_data_that_are_nowhere_say_where_they_should_be(root):
    with pytest.raises(UsageError, match=f"not in {root}/tiny-imagenet-200 .*MU_DATA_ROOT"):
        TinyImageNet()


def test_what_is_missing_or_wrong_is_named(tiny, picture):
    (tiny / "train" / "n04").mkdir()
    with pytest.raises(UsageError, match="class 'n04' has no images"):
        TinyImageNet(n_validation=6)
    (tiny / "train" / "n04").rmdir()
    notes = tiny / "val" / "val_annotations.txt"
    text = notes.read_text()
    notes.write_text(text + "val_0.JPEG\tn09\t0\n")
    with pytest.raises(UsageError, match="'n09' is no class"):
        TinyImageNet(n_validation=6)
    notes.write_text(text + "val_0.JPEG\n")
    with pytest.raises(
        UsageError, match=r"val_annotations\.txt, line 7: 2 columns expected, not 1"
    ):
        TinyImageNet(n_validation=6)
    notes.write_text(text + "val_9.JPEG\tn01\n")
    with pytest.raises(UsageError, match=r"val_9\.JPEG cannot be read"):
        TinyImageNet(n_validation=6)
    notes.unlink()
    with pytest.raises(UsageError, match=r"val/val_annotations\.txt is missing"):
        TinyImageNet(n_validation=6)
