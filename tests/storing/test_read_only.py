"""A store that can only be read: everything that changes nothing works, all else is one line.

Whoever runs the tests may be root, whom no mode of a folder keeps from writing: here every call of
Python that would change something below the store fails as on a disk mounted read-only, and the
store is looked at afterwards.
"""

import errno
import os
import sys
from pathlib import Path

import pytest

from mu.artifact import Artifact
from mu.errors import UsageError
from mu.storing.store import Store

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
SAID = "Read-only file system"
CLASS = ("experiment=quickstart", "requests=class", "methods=ssd", "recipe.epochs=1")
ONE = ("seeds=1", "oracles=2", "compute.workers=0", "compute.progress=false")
kept: list[Path] = []  # folders that cannot be written; a hook stays as long as the process


def refuse(event: str, given: tuple) -> None:
    if not kept or not (event in CHANGES or (event == "open" and given[2] & WRITING)):
        return
    for path in given[:2] if event in ("os.rename", "os.link") else given[:1]:
        if isinstance(path, str | os.PathLike) and Path(path).absolute().is_relative_to(kept[0]):
            raise OSError(errno.EROFS, SAID, str(path))


@pytest.fixture(scope="session")
def hook() -> None:
    sys.addaudithook(refuse)


def state(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in (root, *root.rglob("*"))
    }


@pytest.fixture
def read_only(hook, tiny_store):
    """A store with all of a run; it must be the same afterwards."""
    Store(tiny_store)
    before = state(tiny_store)
    kept.append(tiny_store)
    with pytest.raises(OSError, match=SAID):
        (tiny_store / "probe").touch()
    with pytest.raises(OSError, match=SAID):
        (tiny_store / "tmp").rmdir()
    yield tiny_store
    kept.clear()
    assert state(tiny_store) == before


def test_what_is_there_is_read_and_nothing_is_written(read_only):
    store = Store(read_only)
    entry = next(iter(store.entries()))
    assert store.has(entry.step, entry.key)
    assert store.load(entry.step, entry.key).facts == store.facts(entry.step, entry.key)
    for change in (
        lambda: store.write("fit", "k1", Artifact({"n": 1})),
        lambda: store.discard(entry.step, entry.key),
        lambda: store.lock("k1").__enter__(),
        lambda: store.staging().__enter__(),
    ):
        with pytest.raises(UsageError, match=f"cannot be written .{SAID}.*MU_STORE"):
            change()


def test_it_is_listed_verified_exported_and_planned_from(mu, read_only, tmp_path):
    count = len(list(Store(read_only).entries()))
    assert f"{count} artifacts" in mu("store", "ls").out.splitlines()[-1]
    assert f"{count} of {count} artifacts are whole" in mu("store", "verify").out
    exported = mu("store", "export", str(tmp_path / "all.tar"))
    assert exported.code == 0 and f"{count} artifacts in" in exported.out
    assert mu("store", "import", str(tmp_path / "all.tar"), store=tmp_path / "new").code == 0
    planned = mu("plan", *CLASS, *ONE)
    assert planned.code == 0 and "0.0 minutes" in planned.out


def test_a_plan_of_what_is_not_there_runs_no_step(mu, read_only):
    planned = mu("plan", *CLASS, *ONE, "data.validation=0.3")
    assert planned.code == 0
    assert "1 cells wait" in planned.out


def test_results_that_are_there_are_run_from(mu, read_only, tmp_path):
    found = mu("run", *CLASS, *ONE)
    assert found.code == 0, found.err
    assert found.steps[0] == 0
    assert (tmp_path / "out" / "report.html").is_file()


def test_what_is_not_there_is_refused_in_a_line(mu, read_only, tmp_path):
    found = mu("run", *CLASS, *ONE, "method.alpha=3.5")
    assert found.code == 2
    assert found.err.count("\n") == 1
    assert f"store {read_only} cannot be written ({SAID}), and does not have" in found.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("results*"))


@pytest.mark.parametrize("verb", [["gc", "--yes"], ["import", "{tmp}/one.tar"]])
def test_what_would_change_it_is_refused_in_a_line(mu, read_only, tmp_path, verb):
    assert mu("store", "export", str(tmp_path / "one.tar"), "--step", "fit").code == 0
    found = mu("store", *(word.format(tmp=tmp_path) for word in verb))
    assert found.code == 2
    assert found.err.count("\n") == 1 and SAID in found.err
    assert mu("store", "gc").code == 0  # only says what could go
