"""Archives behind a URL: there and back, and what goes wrong in one line."""

import sys

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.storing import object_store
from mu.storing.object_store import downloaded, uploaded
from mu.storing.packing import BadArchive
from mu.storing.store import Store
from mu.verbs.store import command


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("MU_STORE", str(tmp_path / "store"))
    MemoryFileSystem.store.clear()
    store = Store(tmp_path / "store")
    store.write("fit", "a" * 32, Artifact({"n": 1}), seconds=1.0)
    return store


@pytest.mark.parametrize("place", ["memory://box/oracles.tar.gz", "file://{}/oracles.tar"])
def test_what_is_exported_to_a_url_is_imported_from_it(store, place, tmp_path, monkeypatch, capsys):
    place = place.format(tmp_path)
    assert command(["export", place]) == 0
    assert f"1 artifacts in {place}" in capsys.readouterr().out
    monkeypatch.setenv("MU_STORE", str(tmp_path / "other"))
    assert command(["import", place]) == 0
    assert Store(tmp_path / "other").facts("fit", "a" * 32) == {"n": 1}
    assert not list((store.root / "tmp").glob("*/*"))


def test_an_archive_that_is_damaged_is_named_by_its_url(store, capsys):
    command(["export", "memory://box/whole.tar"])
    system = MemoryFileSystem()
    system.pipe("/box/half.tar", system.cat("/box/whole.tar")[:2000])
    assert command(["import", "memory://box/half.tar"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mu: memory://box/half.tar")
    assert str(store.root) not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "memory://box/nothing.tar"], r"memory://box/nothing.tar cannot be read \("),
        (["import", "nosuch://box/a.tar"], r"nosuch://box/a.tar cannot be opened \(Protocol not"),
        (["export", "memory://box/a.zip"], r"^memory://box/a.zip must end in one of .tar"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(store, words, message):
    with pytest.raises(UsageError, match=message) as caught:
        command(words)
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UsageError, match=r"s3://box/a.tar: a package is missing \(Install s3fs"):
        command(["export", "s3://box/a.tar"])


def test_nothing_is_left_at_the_place_of_an_export_that_fails(store):
    class Broken(Exception):
        pass

    def fail():
        with uploaded(store, "memory://box/a.tar") as path:
            path.write_bytes(b"half")
            raise Broken

    with pytest.raises(Broken):
        fail()
    assert not MemoryFileSystem().exists("/box/a.tar")


def test_what_is_larger_than_the_disk_is_not_fetched(store, monkeypatch):
    MemoryFileSystem().pipe("/box/large.tar", b"x" * 100)
    usage = object_store.shutil._ntuple_diskusage(200, 150, 50)
    monkeypatch.setattr(object_store.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UsageError, match=r"has 100 bytes; .* has 50 bytes left"):
        command(["import", "memory://box/large.tar"])


def test_what_is_said_of_the_file_here_is_said_of_the_url(store):
    MemoryFileSystem().pipe("/box/a.tar", b"x")

    def refuse():
        with downloaded(store, "memory://box/a.tar") as path:
            raise BadArchive(f"{path} is not an archive of a store")

    with pytest.raises(BadArchive, match=r"^memory://box/a\.tar is not an archive"):
        refuse()
