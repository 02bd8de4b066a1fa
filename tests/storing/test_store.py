"""The store: whole or absent, verified, locked, never unpickled."""

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import mu.storing.store
from mu.__main__ import main
from mu.artifact import Artifact, digest
from mu.errors import UsageError
from mu.running.jobs import Job, execute
from mu.storing.cleaning import leftovers, remove_all
from mu.storing.store import CorruptArtifact, Store, UnreadableArtifact


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def written(store) -> Path:
    """An artifact with all three kinds of content, in place."""
    import torch

    content = Artifact(
        {"n": 3, "text": "ü"}, {"ids": np.arange(3)}, {"w": torch.arange(4.0).view(2, 2).T}
    )
    store.write("fit", "k1", content, versions={"numpy": "1"})
    return store.path("fit", "k1")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def forge(folder: Path) -> None:
    """Make the manifest agree with what the folder holds."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {n: mu.storing.store.digest_of_file(folder / n) for n in manifest["files"]}
    path.write_text(json.dumps(manifest))


def test_what_is_written_is_read(store, written):
    found = store.load("fit", "k1")
    assert found.facts == {"n": 3, "text": "ü"}
    assert found.arrays["ids"].tolist() == [0, 1, 2]
    assert found.tensors["w"].tolist() == [[0, 2], [1, 3]]
    assert store.manifest("fit", "k1")["versions"] == {"numpy": "1"}
    assert sorted(p.name for p in (store.root / "tmp").iterdir()) == []


def test_tensors_that_share_memory_are_written(store):
    import torch

    tied = torch.arange(3.0)
    store.write("fit", "k1", Artifact(tensors={"a": tied, "b": tied, "c": tied[1:]}))
    found = store.load("fit", "k1").tensors
    assert {n: t.tolist() for n, t in found.items()} == {
        "a": [0, 1, 2],
        "b": [0, 1, 2],
        "c": [1, 2],
    }


def test_what_is_absent_is_absent(store):
    assert not store.has("fit", "k1")
    with pytest.raises(CorruptArtifact, match="not in the store"):
        store.load("fit", "k1")


@pytest.mark.parametrize("name", ["facts.json", "arrays.npz", "tensors.safetensors"])
def test_a_flipped_bit_is_noticed(store, written, name):
    flip(written / name)
    with pytest.raises(CorruptArtifact, match=name):
        store.has("fit", "k1")
    with pytest.raises(CorruptArtifact, match=name):
        store.load("fit", "k1")


@pytest.mark.parametrize("name", ["facts.json", "arrays.npz", "manifest.json"])
def test_a_missing_file_is_noticed(store, written, name):
    (written / name).unlink()
    with pytest.raises(CorruptArtifact):
        store.has("fit", "k1")


@pytest.mark.parametrize("text", ["", '{"files": {', "[]", '{"files": 3}', '{"schema": 1}', "null"])
def test_a_broken_manifest_is_noticed(store, written, text):
    (written / "manifest.json").write_text(text)
    with pytest.raises(CorruptArtifact):
        store.has("fit", "k1")


@pytest.mark.parametrize("name", ["facts.json", "arrays.npz", "tensors.safetensors"])
def test_a_file_of_the_right_digest_that_cannot_be_read_is_corrupt(store, written, name):
    (written / name).write_bytes(b"{ nothing of the kind")
    forge(written)
    with pytest.raises(CorruptArtifact):
        store.load("fit", "k1")


def test_what_memory_does_not_hold_is_not_called_damaged(store, written, monkeypatch):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr(mu.storing.store, "read_arrays", fail)
    with pytest.raises(UnreadableArtifact, match="not enough memory"):
        store.load("fit", "k1")
    assert store.has("fit", "k1")


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EMFILE])
def test_what_the_system_cannot_read_is_not_called_damaged_and_stays(
    store, written, monkeypatch, capsys, number
):
    """A disk that does not answer shows no damage: what it holds may be whole."""
    monkeypatch.setenv("MU_STORE", str(store.root))
    job = Job("fit", "k1", "never:run", {})

    def fail(path):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(mu.storing.store, "digest_of_file", fail)
        for read in (store.has, store.load, store.settled):
            with pytest.raises(UnreadableArtifact, match="fit/k1 cannot be read"):
                read("fit", "k1")
        with pytest.raises(UnreadableArtifact):
            execute(store, job)
        assert main(["store", "verify"]) == 1
        assert main(["store", "gc", "--yes"]) == 0
        assert "0 of 1 artifacts are whole" in capsys.readouterr().out
    assert store.load("fit", "k1").facts == {"n": 3, "text": "ü"}


class Trap:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (exec, ("import os; os.environ['MU_TEST_UNPICKLED'] = 'yes'",))


def test_nothing_is_unpickled(store, written, monkeypatch):
    monkeypatch.delenv("MU_TEST_UNPICKLED", raising=False)
    np.savez(written / "arrays.npz", ids=np.array([Trap()], dtype=object))
    forge(written)
    assert store.has("fit", "k1")
    with pytest.raises(CorruptArtifact):
        store.load("fit", "k1")
    assert "MU_TEST_UNPICKLED" not in os.environ
    with np.load(written / "arrays.npz", allow_pickle=True) as file:
        assert file["ids"].tolist() == [None]
    assert os.environ.pop("MU_TEST_UNPICKLED") == "yes"


def test_an_array_of_objects_is_not_written(store):
    with pytest.raises(TypeError, match="ids"):
        store.write("fit", "k1", Artifact(arrays={"ids": np.array([{}], dtype=object)}))
    assert not store.has("fit", "k1")
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("step", ["_sync", "digest_of_file"])
def test_a_failure_before_the_rename_leaves_nothing(store, monkeypatch, step):
    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mu.storing.store, step, fail)
    with pytest.raises(OSError, match="No space"):
        store.write("fit", "k1", Artifact({"n": 1}))
    monkeypatch.undo()
    assert not store.has("fit", "k1")
    assert list((store.root / "tmp").iterdir()) == []


def test_a_crash_before_the_rename_leaves_nothing(store):
    code = (
        "import os, sys, mu.storing.store\n"
        "from pathlib import Path\n"
        "from mu.artifact import Artifact\n"
        "mu.storing.store._sync = lambda path: os._exit(9)\n"
        "mu.storing.store.Store(Path(sys.argv[1])).write('fit', 'k1', Artifact({'n': 1}))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(store.root)], check=False)
    assert ended.returncode == 9
    assert not store.has("fit", "k1")
    assert len(leftovers(store.root)) == 1
    Store(store.root)
    assert list((store.root / "tmp").iterdir()) == []


def test_temporary_folders_that_are_held_and_those_of_other_machines_stay(store):
    """No process number says who is alive: the folder of process 1 of another container is held."""
    here = platform.node()
    with store.staging() as mine:
        elsewhere = store.root / "tmp" / f"not-{here}@abc"
        abandoned = store.root / "tmp" / f"{here}@abc"
        lock = store.root / "tmp" / f"{here}@def.lock"  # killed between lock and folder, or a probe
        for folder in (elsewhere, abandoned):
            folder.mkdir()
        lock.touch()
        Store(store.root)
        assert mine.exists()
        assert elsewhere.exists()
        assert not abandoned.exists()
        assert not lock.exists()
    elsewhere.rmdir()
    assert list((store.root / "tmp").iterdir()) == []


HOLDER = """
import sys, time
from pathlib import Path
from mu.storing.store import Store

with Store(Path(sys.argv[1])).staging() as folder:
    (folder / "half").write_text("half")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_the_folder_of_another_process_stays_until_it_is_killed(store, start):
    holder = start("-c", HOLDER, str(store.root))
    folder = Path(holder.stdout.readline().strip())
    Store(store.root)
    remove_all(store, [], leftovers(store.root), lambda _: None)
    assert (folder / "half").exists()
    holder.kill()
    holder.wait()
    Store(store.root)
    assert list((store.root / "tmp").iterdir()) == []


def test_writing_again_replaces(store, written):
    store.write("fit", "k1", Artifact({"n": 4}))
    found = store.load("fit", "k1")
    assert (found.facts, found.arrays, found.tensors) == ({"n": 4}, {}, {})


@pytest.mark.parametrize("place", ["/proc/mu-store", "{file}/below"])
def test_a_store_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    root = place.format(file=tmp_path / "file")
    with pytest.raises(UsageError, match=root):
        Store(Path(root))


def test_the_store_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MU_STORE", str(tmp_path / "there"))
    assert mu.storing.store.default_root() == tmp_path / "there"
    monkeypatch.delenv("MU_STORE")
    monkeypatch.chdir(tmp_path)
    assert mu.storing.store.default_root() == tmp_path / ".mu"


SLOW = """
import os, time
from mu.artifact import Artifact

def step(config, inputs, progress):
    with open(config["log"], "a") as log:
        log.write(f"{os.getpid()}\\n")
    time.sleep(0.3)
    return Artifact({"pid": os.getpid()})
"""
TAKER = """
import sys
from pathlib import Path
import mu.running.jobs
from mu.storing.store import Store

mu.running.jobs.set_threads = lambda job: None  # importing torch would take longer than the step
job = mu.running.jobs.Job("fit", "k1", "slow:step", {"log": sys.argv[2]})
mu.running.jobs.execute(Store(Path(sys.argv[1])), job)
"""


def test_two_processes_compute_a_key_once(store, start, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    log = tmp_path / "log"
    processes = [start("-c", TAKER, str(store.root), str(log)) for _ in range(3)]
    assert [p.wait(timeout=300) for p in processes] == [0, 0, 0]
    assert log.read_text().split() == [str(store.facts("fit", "k1")["pid"])]


def test_the_lock_of_another_key_is_free(store):
    taken = threading.Event()

    def take() -> None:
        with store.lock("bb"):
            taken.set()

    with store.lock("aa"):
        other = threading.Thread(target=take, daemon=True)
        other.start()
        assert taken.wait(timeout=300)


def test_a_corrupt_artifact_is_computed_again(store, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stepone.py").write_text(
        "from mu.artifact import Artifact\n"
        "def step(config, inputs, progress):\n    return Artifact({'n': config['n']})\n"
    )
    execute(store, Job("fit", "k1", "stepone:step", {"n": 1}))
    execute(store, Job("fit", "k1", "stepone:step", {"n": 2}))
    assert store.facts("fit", "k1") == {"n": 1}
    flip(store.path("fit", "k1") / "facts.json")
    execute(store, Job("fit", "k1", "stepone:step", {"n": 2}))
    assert store.load("fit", "k1").facts == {"n": 2}


def test_digests_know_content_not_order():
    assert digest({"a": [1, None], "b": 2}) == digest({"b": 2, "a": [1, None]})
    assert digest([1, 2]) != digest([2, 1])
    assert digest(1) != digest("1")
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))


def test_entries_are_what_lies_there(store, written):
    [entry] = store.entries()
    assert (entry.step, entry.key) == ("fit", "k1")
    assert entry.size == sum(path.stat().st_size for path in written.iterdir())
    assert entry.manifest["versions"] == {"numpy": "1"}
    (written / "manifest.json").write_text("[]")
    assert next(store.entries()).manifest == {}


def test_a_folder_is_adopted_unless_a_whole_artifact_is_there(store, written, tmp_path):
    other = Store(tmp_path / "other")
    with other.staging() as folder:
        shutil.copytree(written, folder / "k1")
        assert other.adopt("fit", "k1", folder / "k1")
    assert list((other.root / "tmp").iterdir()) == []
    assert other.load("fit", "k1").facts == {"n": 3, "text": "ü"}
    for damage, taken in ((False, False), (True, True)):
        if damage:
            flip(other.path("fit", "k1") / "facts.json")
        with other.staging() as folder:
            shutil.copytree(written, folder / "k1")
            assert other.adopt("fit", "k1", folder / "k1") is taken
        assert other.has("fit", "k1")
