"""Image files to bytes, in memory and in a memory-mapped file."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mu.data import decode
from mu.data.decode import CACHE, decoded, image_files, read_image
from mu.errors import UsageError


@pytest.fixture
def files(picture):
    return [picture(f"{i}.png", 20 * i) for i in range(10)]


def test_images_are_in_the_order_of_their_files(files):
    found = decoded(files[::-1], 8, False, 1, "these")
    assert found.shape == (10, 3, 8, 8)
    assert found[:, 0, 0, 0].tolist() == [20 * i for i in range(9, -1, -1)]
    assert (found == found[:, :1, :1, :1]).all()


def test_the_middle_of_an_image_is_taken(root):
    rows = np.repeat(np.array([0, 200, 200, 0], np.uint8), 4)
    Image.fromarray(np.tile(rows[:, None], (1, 8))).save(root / "tall.png")
    found = read_image(root / "tall.png", 8, True)
    assert found.shape == (1, 8, 8)
    assert (found == 200).all()
    assert read_image(root / "tall.png", None, False).shape == (3, 16, 8)
    assert read_image(root / "tall.png", 4, True).shape == (1, 4, 4)


def test_a_turned_photograph_is_set_upright(root):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    pixels = np.repeat(np.array([[0], [255]], np.uint8), 16, axis=0).repeat(32, axis=1)
    Image.fromarray(pixels).save(root / "a.jpg", exif=exif, quality=95)
    found = read_image(root / "a.jpg", 32, True)
    assert found[0, 0, 0] > 250
    assert found[0, -1, 0] < 5


def test_above_the_limit_the_same_bytes_come_from_a_file(files, root):
    held = decoded(files, 8, False, 1, "these")
    assert not (root / CACHE).exists()
    mapped = decoded(files, 8, False, 0, "these")
    assert torch.equal(mapped, held)
    (path,) = (root / CACHE).glob("*.npy")
    assert (np.load(path) == held.numpy()).all()
    assert not list((root / CACHE).glob("*.part"))


def test_the_file_is_made_once(files, monkeypatch):
    first = decoded(files, 8, False, 0, "these")
    monkeypatch.setattr(decode, "_fill", None)
    assert torch.equal(decoded(files, 8, False, 0, "these"), first)
    for other in ({"size": 4, "grey": False}, {"size": 8, "grey": True}):
        with pytest.raises(TypeError):
            decoded(files, memory_gb=0, title="these", **other)


def test_a_changed_image_is_decoded_again(files, picture):
    before = decoded(files, 8, False, 0, "these")
    picture("3.png", 255, (30, 30))
    after = decoded(files, 8, False, 0, "these")
    assert (before != after).flatten(1).any(1).tolist() == [i == 3 for i in range(10)]


def test_a_failure_leaves_no_file(files, root):
    files[7].write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"7\.png cannot be read as an image"):
        decoded(files, 8, False, 0, "these")
    assert not list((root / CACHE).glob("*.npy"))


def test_a_cache_that_cannot_be_written_names_the_way_out(files, root):
    (root / CACHE).write_text("in the way")
    with pytest.raises(UsageError, match=r"cannot write .*\.npy .*MU_DATA_ROOT.*raise memory_gb=0"):
        decoded(files, 8, False, 0, "these")


def half_of(path, form):
    sink = io.BytesIO()
    pixels = np.random.default_rng(0).integers(256, size=(40, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(sink, form)
    path.write_bytes(sink.getvalue()[: len(sink.getvalue()) // 2])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
def test_a_file_that_was_cut_off_is_named(form, root):
    path = root / f"cut.{form.lower()}"
    half_of(path, form)
    with pytest.raises(UsageError, match=f"{path} cannot be read as an image"):
        decoded([path], 8, False, 1, "this")


def test_more_than_eight_bits_are_refused(root):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(root / "deep.png")
    with pytest.raises(UsageError, match=r"deep\.png .*more than 8 bits"):
        read_image(root / "deep.png", 8, True)


def test_without_a_size_all_must_have_one(files, picture):
    odd = picture("odd.png", 1, (13, 8))
    assert decoded(files, None, False, 1, "these").shape == (10, 3, 8, 12)
    with pytest.raises(UsageError, match=f"{odd} is 3×8×13 .* where 3×8×12 is expected"):
        decoded([*files, odd], None, False, 1, "these")


def test_files_of_a_folder_by_name(files, root):
    (root / ".hidden").write_text("not seen")
    (root / "below").mkdir()
    assert image_files(root) == files
    (root / "notes.txt").write_text("seen")
    with pytest.raises(UsageError, match=r"notes\.txt is not an image"):
        image_files(root)


def test_a_bar_is_shown_where_it_takes_a_while(files, monkeypatch, capsys):
    monkeypatch.setattr(decode, "QUIET_SECONDS", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    decoded(files, 8, False, 1, "these")
    said = capsys.readouterr()
    assert "decode these" in said.err
    assert not said.out


def bomb(path, kind, side=20_000):
    """A picture of a few hundred kilobytes at most that unfolds to more than a gigabyte."""
    Image.new("1", (side, side)).save(
        path, kind, **({"compression": "group4"} if kind == "TIFF" else {})
    )
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.tif", "TIFF"), ("a.png", "TIFF")])
def test_a_picture_that_unfolds_to_a_gigabyte_is_refused(root, name, kind):
    bomb(root / name, kind)
    for size in (None, 8):
        with pytest.raises(UsageError, match=rf"{name} .*(20000×20000|exceeds limit)"):
            read_image(root / name, size, False)


def test_a_postscript_file_starts_nothing(root, monkeypatch):
    """Pillow hands them to Ghostscript, whatever their name says."""
    from PIL import EpsImagePlugin

    Image.new("RGB", (8, 8)).save(root / "a.eps", "EPS")
    (root / "a.eps").rename(root / "a.png")
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("it was started"))
    with pytest.raises(UsageError, match="cannot be read as an image"):
        read_image(root / "a.png", 8, False)


def test_texts_that_unfold_are_refused(root):
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("a", "x" * (80 << 20), zip=True)
    Image.new("RGB", (8, 8)).save(root / "a.png", pnginfo=text)
    with pytest.raises(UsageError, match="cannot be read as an image"):
        read_image(root / "a.png", 8, False)
