"""Archives of arrays: what they unfold to is known before they do."""

import io
import zipfile

import numpy as np
import pytest

from mu.artifact import Artifact
from mu.storing.store import CorruptArtifact, Store
from mu.trust.arrays import check_arrays, read_arrays

BOMB = 1 << 28


@pytest.fixture
def bomb(tmp_path):
    """A quarter of a gigabyte of zeros in a few hundred kilobytes."""
    path = tmp_path / "arrays.npz"
    head = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (BOMB,)}
    np.lib.format.write_array_header_1_0(head, shape)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("a.npy", "w") as to,
    ):
        to.write(head.getvalue())
        for _ in range(BOMB >> 24):
            to.write(bytes(1 << 24))
    assert path.stat().st_size < 1 << 20
    return path


def test_what_unfolds_to_more_is_refused(bomb):
    for most in (None, 1 << 20):
        with pytest.raises(ValueError, match="unfolds to 268435"):
            read_arrays(bomb, most)
    check_arrays(bomb, 2 * BOMB)


def test_an_artifact_that_unfolds_is_corrupt(bomb, tmp_path):
    store = Store(tmp_path / "store")
    key = "a" * 32
    store.write("fit", key, Artifact({}, {"a": np.zeros(3)}))
    assert store.load("fit", key).arrays["a"].shape == (3,)
    path = store.path("fit", key)
    bomb.replace(path / "arrays.npz")
    with pytest.raises(CorruptArtifact):
        store.load("fit", key)
    with pytest.raises(ValueError, match="unfolds"):
        store._read(path)


@pytest.mark.parametrize(
    ("shape", "kind"), [((1 << 50,), "|u1"), ((3,), "|O"), ((-1,), "<f8"), ((1 << 62, 9), "<f8")]
)
def test_a_header_that_lies_is_refused(tmp_path, shape, kind):
    head = io.BytesIO()
    lying = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, lying)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as packed:
        packed.writestr("a.npy", head.getvalue() + bytes(24))
    with pytest.raises(ValueError):  # noqa: PT011 (numpy says it in many ways)
        read_arrays(tmp_path / "a.npz")
