"""Groups of samples, images by the names of their files, and parts that a file lists."""

import numpy as np
import pytest
from forget_sets.problems import nodes

from mu.data.base import Data
from mu.data.build import build_data
from mu.data.file_names import FileNames, matches
from mu.data.folders import ImageFolder
from mu.data.groups import read_groups
from mu.errors import UsageError
from mu.forget_sets.by_group import GroupSet
from mu.forget_sets.ids import IdSet
from mu.forget_sets.select import select


@pytest.fixture
def faces(picture, root):
    """Five pictures of each of three people; the last of each is not trained on."""
    rows = ["file,part"]
    for number, name in enumerate(("ann", "bob", "eve")):
        for i in range(5):
            picture(f"faces/{name}/{i}.png", 60 * number + i)
            rows.append(f"{name}/{i}.png,{'test' if i == 4 else 'train'}")
    picture("faces/eve/[1] only.png", 200)
    rows.append("eve/[1] only.png,validation")
    (root / "split.csv").write_text("\n".join(rows))
    return root / "faces"


@pytest.fixture
def data(faces, root) -> ImageFolder:
    return ImageFolder("faces", image_size=8, split=str(root / "split.csv"))


def named(data: Data, ids) -> list[str]:
    return [data.file_names[i] for i in ids]


def asked(data: Data, root, text: str, before=None) -> list[str]:
    (root / "who.txt").write_text(text)
    return named(data, select(IdSet(path=str(root / "who.txt")), data, before or {}, seed=0).ids)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ann/1.png\nbob/0.png\n", ["ann/1.png", "bob/0.png"]),
        ("./ann/1.png\n", ["ann/1.png"]),
        ("faces/ann/1.png\n", ["ann/1.png"]),
        ("ann/*\n", [f"ann/{i}.png" for i in range(4)]),
        ("*/0.png\n", ["ann/0.png", "bob/0.png", "eve/0.png"]),
        ("**/0.png\nann/0.png\n", ["ann/0.png", "bob/0.png", "eve/0.png"]),
        ("ann/[01].png\n", ["ann/0.png", "ann/1.png"]),
    ],
)
def test_images_are_named_by_their_files(data, root, text, found):
    assert asked(data, root, text) == found


def test_absolute_names_and_tables_are_read(data, root, faces):
    assert asked(data, root, f"{faces / 'ann/1.png'}\n") == ["ann/1.png"]
    (root / "who.csv").write_text("file,reason\nann/1.png,asked\nbob/2.png,asked\n")
    found = select(IdSet(path=str(root / "who.csv")), data, {}, seed=0)
    assert named(data, found.ids) == ["ann/1.png", "bob/2.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann/9.png\n", "no file 'ann/9.png' below .*names look like 'ann/0.png'"),
        ("0.png\n", "'0.png' may be ann/0.png and bob/0.png: name its folder"),
        ("zoe/*\n", "no file fits 'zoe/\\*'"),
        ("ann/4.png\nann/1.png\n", "'ann/4.png' is in the test part.*1 of 2 files"),
        ("[[]1] only.png\n", "no file fits"),
        ("[1] only.png\n", "is in the validation part"),
        ("*/4.png\n", "3 files fit .* none of them is trained on"),
        ("ann/1.png\n./ann/1.png\n", "named twice"),
    ],
)
def test_a_name_that_is_nobody_to_forget_is_refused(data, root, text, said):
    with pytest.raises(UsageError, match=rf"who\.txt.*{said}"):
        asked(data, root, text)


def test_a_pattern_means_those_who_are_still_there(data, root):
    gone = {"samples": np.array([data.file_names.index("ann/1.png")])}
    assert asked(data, root, "ann/*", gone) == ["ann/0.png", "ann/2.png", "ann/3.png"]
    with pytest.raises(UsageError, match=r"\(ann/1.png\) of samples was forgotten"):
        asked(data, root, "ann/1.png", gone)


def test_one_star_stays_in_its_folder():
    assert not matches("a/b/c.png", "a/*") and matches("a/b/c.png", "a/**")
    assert FileNames(["a/b.png"], None, "x").one("b.png") == 0


# Groups.


@pytest.mark.parametrize(
    "text",
    [
        "file,customer\nann/0.png,K 1\nbob/3.png,K 1\nbob/4.png,K 1\neve/1.png,K2\n",
        "group;id\nK 1;0\nK 1;8\nK 1;9\nK2;11\n",
        "id,reason,group\n0,x,K 1\n8,y,K 1\n9,y,K 1\n11,z,K2\n",
    ],
)
def test_a_group_is_its_trained_samples(data, root, text):
    (root / "groups.csv").write_text(text)
    data.groups = read_groups(root / "groups.csv", data)
    found = select(GroupSet("K 1"), data, {}, seed=0)
    assert named(data, found.ids) == ["ann/0.png", "bob/3.png"]
    assert len(select(GroupSet(["K 1", "K2"]), data, {}, seed=0).ids) == 3
    with pytest.raises(UsageError, match="no group is called 'K3'; known: K"):
        select(GroupSet("K3"), data, {}, seed=0)


def test_one_group_a_line_for_every_id(tmp_path):
    data = nodes()
    np.save(tmp_path / "g.npy", np.arange(30) % 7)
    data.groups = read_groups(tmp_path / "g.npy", data)
    assert select(GroupSet(3, kind="nodes"), data, {}, seed=0).ids.tolist() == [3, 10, 17]
    data.groups = np.array([""] * 29 + ["x"], object)
    with pytest.raises(UsageError, match="none of the 1 nodes of group"):
        select(GroupSet("x", kind="nodes"), data, {}, seed=0)
    (tmp_path / "g.txt").write_text("1\n2\n")
    with pytest.raises(UsageError, match="lists 2 groups for 30 ids"):
        read_groups(tmp_path / "g.txt", data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,customer\nann/9.png,a\n", "line 2: 'ann/9.png' is no file"),
        ("id,customer\n99,a\n", "line 2: '99' is not one of the ids 0 to 15"),
        ("id,customer\n3,a\n3,b\n", "line 3: '3' is named in line 2 already"),
        ("who,customer\nx,a\n", "first row that names its columns"),
        ("number,customer\n1,a\n2,5\n", "first row that names|none called id or file"),
        ("id,a,b\n1,2,3\n", "call the one that counts group"),
        ("1,2\n", "first row that names its columns"),
    ],
)
def test_groups_of_nobody_are_refused(data, root, text, said):
    (root / "groups.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_groups(root / "groups.csv", data)


def test_groups_come_with_the_configuration_and_change_no_sample(data, root):
    config = {
        "_target_": "mu.data.folders.ImageFolder",
        **{"folder": "faces", "image_size": 8, "split": str(root / "split.csv")},
    }
    (root / "groups.csv").write_text("file,customer\nann/0.png,a\n")
    built = build_data(config | {"groups": str(root / "groups.csv")})
    assert built.groups.tolist() == ["a"] + [""] * 15
    assert built.fingerprint() == data.fingerprint() == build_data(config).fingerprint()
    assert build_data(config).groups is None
    with pytest.raises(UsageError, match="these data have no groups"):
        select(GroupSet("a"), data, {}, seed=0)
    with pytest.raises(UsageError, match="there is no file"):
        build_data(config | {"groups": str(root / "none.csv")})


# Parts that a file lists.


def test_parts_are_those_of_the_file(data):
    parts = {part: named(data, ids) for part, ids in data.parts.items()}
    assert parts["test"] == ["ann/4.png", "bob/4.png", "eve/4.png"]
    assert parts["validation"] == ["eve/[1] only.png"]
    assert len(parts["train"]) == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("ann/0.png,train", "ann/0.png,none"), None),
        (("ann/0.png,train", "ann/0.png,held"), "line 2: 'held' is not one of train"),
        (("ann/0.png,train", "ann/7.png,train"), "line 2: 'ann/7.png' is no file"),
        (("ann/0.png,train", "ann/1.png,train"), "line 3: 'ann/1.png' is named in line 2"),
        (("ann/0.png,train\n", ""), "does not say of which part 'ann/0.png' is"),
        ((",test", ",train"), "no image of the test part"),
        (("file,part\n", ""), "names its columns: file,part"),
    ],
)
def test_a_list_of_parts_is_checked(faces, root, change, said):
    path = root / "split.csv"
    path.write_text(path.read_text().replace(*change))
    if said is None:
        found = ImageFolder("faces", image_size=8, split=str(path))
        assert 0 not in found.universe()
        return
    with pytest.raises(UsageError, match=said):
        ImageFolder("faces", image_size=8, split=str(path))


def test_a_split_that_is_nowhere_is_named(faces):
    with pytest.raises(UsageError, match=r"split=rows.csv is not one of shares, folders, nor"):
        ImageFolder("faces", split="rows.csv")


def test_no_validation_part_is_drawn_where_none_is_wanted(faces):
    data = ImageFolder("faces", image_size=8, validation="none")
    assert len(data.parts["validation"]) == 0
    assert len(data.parts["train"]) + len(data.parts["test"]) == 16
    with pytest.raises(UsageError, match="validation=half is neither"):
        ImageFolder("faces", validation="half")
