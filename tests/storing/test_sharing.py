"""``mu store``: what goes out comes in elsewhere; what is hostile or damaged stays out."""

import gzip
import io
import json
import os
import re
import shutil
import tarfile
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

import mu.storing.packing
import mu.storing.unpacking
from mu.artifact import Artifact
from mu.errors import UsageError
from mu.storing.cleaning import superfluous
from mu.storing.inventory import Entry, entries
from mu.storing.packing import BadArchive, write_archive
from mu.storing.store import CorruptArtifact, Store
from mu.storing.unpacking import read_archive
from mu.verbs.reachable import closure, needed
from mu.verbs.store import age, command, human

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


def quiet(amount):
    pass


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """Three artifacts, in the store that the environment names."""
    monkeypatch.setenv("MU_STORE", str(tmp_path / "store"))
    return filled(tmp_path / "store")


def filled(root: Path) -> Store:
    made = Store(root)
    made.write("fit", A, Artifact({"n": 1}, {"ids": np.arange(700)}), seconds=2.5, label="train")
    made.write("fit", B, Artifact({"n": 2}), versions={"numpy": "1"}, device="cpu")
    made.write("score", C, Artifact({"values": {"ua": 1.0}}))
    return made


@pytest.fixture
def other(tmp_path) -> Store:
    return Store(tmp_path / "other")


@pytest.fixture
def archive(store, tmp_path) -> Path:
    path = tmp_path / "all.tar"
    write_archive(store, list(store.entries()), path, quiet)
    return path


def said(capsys, *words):
    code = command(list(words))
    return code, capsys.readouterr().out


def content(root: Path) -> dict:
    """Every file of a store but locks."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "locks" not in path.parts
    }


@pytest.mark.parametrize("name", ["all.tar", "all.tar.gz", "all.tgz"])
def test_what_is_exported_is_imported_elsewhere(store, other, tmp_path, name):
    path = tmp_path / name
    size = write_archive(store, list(store.entries()), path, quiet)
    assert size == path.stat().st_size
    found = read_archive(other, path, quiet)
    assert (found.entered, found.present) == (3, 0)
    assert content(other.root) == content(store.root)
    assert list((other.root / "tmp").iterdir()) == []
    assert other.load("fit", A).arrays["ids"].tolist() == list(range(700))
    again = read_archive(other, path, quiet)
    assert (again.entered, again.present, again.different) == (0, 3, 0)


def test_any_tar_can_read_the_archive_and_its_origin_is_noted(archive):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        noted = json.load(tar.extractfile("manifest.json"))
    assert names[0] == "manifest.json"
    assert f"fit/{A}/arrays.npz" in names
    assert noted["artifacts"][1]["versions"] == {"numpy": "1"}
    assert noted["artifacts"][1]["device"] == "cpu"


@pytest.mark.parametrize("name", ["one.tar", "one.tar.gz"])
def test_equal_artifacts_give_equal_bytes(store, tmp_path, name):
    first, second = tmp_path / name, tmp_path / f"again_{name}"
    for path in (first, second):
        write_archive(store, list(store.entries()), path, quiet)
        os.utime(store.path("fit", A) / "facts.json", (1, 1))
    assert first.read_bytes() == second.read_bytes()


def test_a_damaged_artifact_is_not_exported(store, tmp_path, capsys):
    file = store.path("fit", A) / "arrays.npz"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptArtifact, match=r"arrays\.npz changed"):
        write_archive(store, list(store.entries()), tmp_path / "x.tar", quiet)
    file.unlink()
    assert command(["export", str(tmp_path / "x.tar")]) == 1
    assert f"fit/{A[:12]}" in capsys.readouterr().err
    assert not list(tmp_path.glob("*x.tar*"))


def test_other_numbers_under_a_key_stay_and_are_counted(store, other, archive):
    other.write("fit", A, Artifact({"n": 1}, {"ids": np.arange(3)}))
    other.write("fit", B, Artifact({"n": 99}))  # facts hold times, which differ
    found = read_archive(other, archive, quiet)
    assert (found.entered, found.present, found.different) == (1, 2, 1)
    assert len(other.load("fit", A).arrays["ids"]) == 3


def test_a_damaged_artifact_in_the_store_is_replaced(store, other, archive):
    read_archive(other, archive, quiet)
    (other.path("fit", A) / "facts.json").write_text("{}")
    assert read_archive(other, archive, quiet).entered == 1
    assert other.has("fit", A)


# --- hostile and damaged archives -----------------------------------------------------------


def members(path: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(path) as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]


def rewrite(path: Path, found: list[tuple[tarfile.TarInfo, bytes]], format=tarfile.GNU_FORMAT):
    with tarfile.open(path, "w", format=format) as tar:
        for info, data in found:
            tar.addfile(info, io.BytesIO(data))


def change_manifest(path: Path, change) -> None:
    found = members(path)
    noted = json.loads(found[0][1])
    change(noted)
    data = json.dumps(noted).encode()
    found[0][0].size = len(data)
    rewrite(path, [(found[0][0], data), *found[1:]])


def refused(other: Store, path: Path, match: str | None = None) -> None:
    """The archive is refused with a reason; the store is as before, and nothing lies about."""
    other.write("fit", "d" * 32, Artifact({"own": True}))
    before = content(other.root)
    beside = sorted(other.root.parent.iterdir())
    with pytest.raises(BadArchive, match=match):
        read_archive(other, path, quiet)
    assert content(other.root) == before
    assert list((other.root / "tmp").iterdir()) == []
    assert sorted(other.root.parent.iterdir()) == beside


@pytest.mark.parametrize("step", ["..", "../..", "/tmp", "tmp", "locks", "a/b", "FIT", "", "fit\n"])
def test_a_step_that_leads_elsewhere_is_refused(other, archive, step):
    change_manifest(archive, lambda noted: noted["artifacts"][0].update(step=step))
    refused(other, archive, "is not a step")


@pytest.mark.parametrize("key", ["..", "../../x", "/etc", "a", A.upper(), A + "\n", A[:-1] + "/"])
def test_a_key_that_leads_elsewhere_is_refused(other, archive, key):
    change_manifest(archive, lambda noted: noted["artifacts"][0].update(key=key))
    refused(other, archive, "is not a key")


@pytest.mark.parametrize("name", ["../facts.json", "/etc/passwd", "run.py", "weights.pt", ".."])
def test_a_file_of_another_name_is_refused(other, archive, name):
    def change(noted):
        noted["artifacts"][0]["files"][name] = [3, A]

    change_manifest(archive, change)
    refused(other, archive, "does not hold the files")


@pytest.mark.parametrize("size", [-1, 1.5, True, "3", None, 10**30])
def test_a_size_that_is_none_is_refused(other, archive, size):
    def change(noted):
        noted["artifacts"][0]["files"]["facts.json"][0] = size

    change_manifest(archive, change)
    refused(other, archive)


def test_more_than_the_disk_holds_is_refused(other, archive):
    def change(noted):
        noted["artifacts"][0]["files"]["arrays.npz"][0] = 1 << 60

    change_manifest(archive, change)
    with pytest.raises(UsageError, match="bytes left"):
        read_archive(other, archive, quiet)
    assert list(other.entries()) == []


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "../../secret"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
        (tarfile.XHDTYPE, ""),
        (tarfile.GNUTYPE_LONGNAME, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ],
)
def test_anything_but_a_plain_file_is_refused(other, archive, kind, target):
    found = members(archive)
    found[1][0].type, found[1][0].linkname = kind, target
    if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE):
        found[1][0].size, found[1] = 0, (found[1][0], b"")
    rewrite(archive, found)
    refused(other, archive, "not a plain file")


@pytest.mark.parametrize("name", ["../x", "/x", f"fit/{A}/../../x", f"fit/{A}/manifest.json"])
def test_a_member_of_another_name_than_announced_is_refused(other, archive, name):
    found = members(archive)
    found[1][0].name = name
    rewrite(archive, found)
    refused(other, archive, re.escape(name))


def test_a_member_longer_than_announced_is_refused(other, archive):
    found = members(archive)
    info, data = found[1]
    info.size += 1
    rewrite(archive, [found[0], (info, data + b"x"), *found[2:]])
    refused(other, archive, "stands where")


@pytest.mark.parametrize("place", [1, 2, 3, -1])
def test_a_changed_byte_is_refused(other, archive, place):
    found = members(archive)
    info, data = found[place]
    found[place] = (info, bytes([data[0] ^ 1]) + data[1:])
    rewrite(archive, found)
    refused(other, archive, "differs from its digest")


def test_digests_made_to_fit_do_not_hide_another_key(other, archive):
    def change(noted):
        noted["artifacts"][0]["key"] = "e" * 32

    found = members(archive)
    for info, _ in found:
        info.name = info.name.replace(A, "e" * 32)
    rewrite(archive, found)
    change_manifest(archive, change)
    refused(other, archive, "does not agree with its manifest")


def test_every_way_to_cut_an_archive_short_is_noticed(other, archive, tmp_path):
    whole = archive.read_bytes()
    end = max(i for i, byte in enumerate(whole) if byte)
    for length in (0, 1, 511, 512, 600, end // 2, end, len(whole) - 10_000):
        short = tmp_path / "short.tar"
        short.write_bytes(whole[: min(length, end)])
        refused(other, short)
        packed = tmp_path / "short.tar.gz"
        packed.write_bytes(gzip.compress(whole)[: 1 + length // 8])
        refused(other, packed)


def test_a_compressed_archive_with_a_wrong_check_sum_is_refused(other, store, tmp_path):
    path = tmp_path / "all.tar.gz"
    write_archive(store, list(store.entries()), path, quiet)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    refused(other, path, "cut short or changed")


@pytest.mark.parametrize("tail", [b"x", bytes(1 << 15)])
def test_what_follows_the_end_is_refused(other, archive, tail):
    archive.write_bytes(archive.read_bytes() + tail)
    refused(other, archive, "follows its end")


def test_more_files_than_announced_are_refused(other, archive):
    change_manifest(archive, lambda noted: noted["artifacts"].pop())
    refused(other, archive, "more files than announced")


def test_an_artifact_named_twice_is_refused(other, archive):
    change_manifest(archive, lambda n: n["artifacts"].append(n["artifacts"][0]))
    refused(other, archive, "twice")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"kind": "mu store", "schema": 2}', "[" * 100_000]
)
def test_a_manifest_that_says_nothing_is_refused(other, archive, text):
    found = members(archive)
    found[0][0].size = len(text)
    rewrite(archive, [(found[0][0], text.encode()), *found[1:]])
    refused(other, archive)


def test_a_huge_manifest_is_not_read(other, archive, monkeypatch):
    monkeypatch.setattr(mu.storing.unpacking, "LARGEST_JSON", 100)
    refused(other, archive, "not an archive")


def test_what_is_no_archive_is_refused(other, tmp_path):
    path = tmp_path / "picture.tar"
    path.write_bytes(os.urandom(4096))
    refused(other, path)
    with pytest.raises(UsageError, match="cannot read"):
        read_archive(other, tmp_path / "nowhere.tar", quiet)


def test_a_damaged_archive_is_exit_code_1_and_one_line(store, archive, capsys):
    archive.write_bytes(archive.read_bytes()[:2000])
    assert command(["import", str(archive)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# --- a table served from what another store computed -----------------------------------------


def test_a_run_on_a_second_store_computes_nothing(tiny, mu, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MU_STORE", str(tiny.store))
    path, second = tmp_path / "oracles.tar.gz", tmp_path / "second"
    assert command(["export", str(path), "--results", str(tiny.folder)]) == 0
    monkeypatch.setenv("MU_STORE", str(second))
    assert command(["import", str(path)]) == 0
    assert re.search(r"(\d+) artifacts entered the store, 0 were", capsys.readouterr().out)
    words = [*tiny.results["command"].split()[2:], "compute.workers=0", "compute.progress=false"]
    found = mu("run", *words, store=second)
    assert found.code == 0, found.err
    assert found.steps == (0, sum(tiny.steps))
    assert found.values == tiny.values


def test_gc_leaves_what_results_need(tiny, mu, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "store"
    shutil.copytree(tiny.store, folder)
    monkeypatch.setenv("MU_STORE", str(folder))
    store = Store(folder)
    store.write("fit", A, Artifact({"nobody": "needs this"}))
    code, text = said(capsys, "gc", "--keep-results", str(tiny.folder), "--yes")
    assert code == 0
    assert re.search(r"removed: [1-9]\d* of ", text)
    assert not store.has("fit", A)
    words = [*tiny.results["command"].split()[2:], "compute.workers=0", "compute.progress=false"]
    assert mu("run", *words, store=folder).steps == (0, sum(tiny.steps))


def test_gc_keeps_models_of_results_whose_command_leads_nowhere(tiny, tmp_path):
    results = tiny.results | {"command": "mu run experiment=gone"}
    (tmp_path / "results.json").write_text(json.dumps(results))
    found = needed(Store(tiny.store), tmp_path)
    cards = [card["keys"] for card in results["cards"]]
    assert {key for keys in cards for key in (keys["learner"], *keys["oracles"])} <= found


def test_results_that_lead_nowhere_stop_gc(tiny, tmp_path):
    cards = [{k: v for k, v in card.items() if k != "keys"} for card in tiny.results["cards"]]
    results = tiny.results | {"command": "mu run experiment=gone", "cards": cards}
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(UsageError, match="run it again"):
        needed(Store(tiny.store), tmp_path)


def test_inputs_lead_to_what_was_made_from_them_and_only_them():
    def entry(step, key, *inputs):
        return Entry(step, key * 32, 1, 0.0, {"inputs": {"x": [("any", i * 32) for i in inputs]}})

    known = [
        entry("fit", "a"),
        entry("unlearn", "b", "a"),
        entry("predict", "c", "a"),
        entry("score", "d", "c", "b"),
        entry("score", "e", "c"),
        Entry("fit", "f" * 32, 1, 0.0),
    ]
    assert closure(["a" * 32], known) == {c * 32 for c in "ace"}
    assert closure(["b" * 32], known) == {c * 32 for c in "abcde"}


# --- ls, verify, gc --------------------------------------------------------------------------


def test_ls_names_artifacts_and_totals(store, capsys):
    code, text = said(capsys, "ls")
    assert code == 0
    assert all(len(line) <= 80 for line in text.splitlines())
    assert re.search(rf"fit +{A[:12]} .* 2.5  train", text)
    assert re.search(r"fit +2 artifacts", text)
    assert re.search(r"all +3 artifacts", text)
    code, text = said(capsys, "ls", "--step", "score", "--sort", "size")
    assert A[:12] not in text
    assert C[:12] in text


def test_ls_sorts(store, capsys):
    os.utime(store.path("score", C) / "manifest.json", (1, 1))
    _, text = said(capsys, "ls", "--sort", "size")
    assert A[:12] in text.splitlines()[1]
    _, text = said(capsys, "ls", "--sort", "age")
    assert C[:12] in text.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["ls", "--step", "fitt"], "did you mean fit"),
        (["ls", "--sort", "name"], "name"),
        (["lss"], "lss"),
        ([], "ls, gc"),
        (["gc", "--older-than", "-1"], "-1"),
        (["gc", "--older-than", "nan"], "nan"),
        (["gc", "--yes", "--dry-run"], "not allowed"),
        (["gc", "--keep-results", "nowhere"], "nowhere"),
        (["export", "x.zip"], "x.zip"),
        (["export", "x.tar", "abc1"], "abc1"),
        (["import"], "FILE"),
    ],
)
def test_a_wrong_word_is_refused(store, tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    before = content(store.root)
    with pytest.raises(UsageError, match=re.escape(named)):
        command(words)
    assert content(store.root) == before
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize("words", [["ls"], ["gc"], ["verify"], ["export", "x.tar"]])
def test_a_store_that_is_not_there_is_named_and_not_made(tmp_path, monkeypatch, words):
    monkeypatch.setenv("MU_STORE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="there is no store"):
        command(words)
    assert list(tmp_path.iterdir()) == []


def test_verify_lists_the_damaged(store, capsys):
    assert said(capsys, "verify") == (0, "3 of 3 artifacts are whole\n")
    (store.path("fit", A) / "facts.json").write_text("{}")
    (store.path("score", C) / "manifest.json").unlink()
    code, text = said(capsys, "verify")
    assert code == 1
    assert f"fit/{A[:12]}: facts.json changed" in text
    assert f"score/{C[:12]}" in text
    assert "1 of 3 artifacts are whole" in text


def test_gc_is_dry_until_told_otherwise(store, capsys):
    (store.path("fit", A) / "facts.json").write_text("{}")
    for words in (["gc"], ["gc", "--dry-run"]):
        code, text = said(capsys, *words)
        assert code == 0
        assert "can go: 1 of 3 artifacts" in text
        assert "add --yes" in text
        assert store.path("fit", A).is_dir()
    _, text = said(capsys, "gc", "--yes")
    assert "removed: 1 of 3 artifacts" in text
    assert [(e.step, e.key) for e in store.entries()] == [("fit", B), ("score", C)]
    assert "can go: 0 of 2" in said(capsys, "gc")[1]


def test_gc_by_age(store, capsys):
    old = time.time() - 10 * 86_400
    os.utime(store.path("fit", B) / "manifest.json", (old, old))
    assert "can go: 0" in said(capsys, "gc", "--older-than", "11")[1]
    assert "removed: 1 of 3" in said(capsys, "gc", "--older-than", "9", "--yes")[1]
    assert [e.key for e in store.entries()] == [A, C]


def test_age_and_need_must_both_allow_it():
    young, old = Entry("fit", A, 1, 100.0), Entry("fit", B, 1, 10.0)
    assert list(superfluous([young, old], [], wanted=set(), before=50.0)) == [old]
    assert list(superfluous([young, old], [], wanted={B}, before=50.0)) == []
    assert list(superfluous([young, old], [], wanted={B})) == [young]
    assert list(superfluous([young, old], [])) == []
    assert list(superfluous([young, old], [young], wanted={A, B}, before=50.0)) == [young]


def test_gc_does_not_touch_a_store_in_use(store, capsys):
    (store.path("fit", A) / "facts.json").write_text("{}")
    with store.lock(B), pytest.raises(UsageError, match="just now"):
        command(["gc", "--yes"])
    assert store.path("fit", A).is_dir()


def test_gc_removes_temporary_folders_that_nobody_owns(store, capsys):
    young, old = (store.root / "tmp" / f"1@elsewhere@{name}" for name in "ab")
    for folder in (young, old):
        folder.mkdir()
    os.utime(old, (1, 1))
    assert "1 temporary folders older" in said(capsys, "gc", "--yes")[1]
    assert young.exists()
    assert not old.exists()


def test_entries_ignore_what_is_no_artifact(store):
    (store.root / "fit" / "notes").mkdir()
    (store.root / "README").write_text("mine")
    (store.root / "slurm" / A).mkdir(parents=True)
    assert [(e.step, e.key) for e in entries(store.root)] == [
        ("fit", A),
        ("fit", B),
        ("score", C),
    ]
    shutil.rmtree(store.path("fit", A))
    store.path("fit", A).mkdir()  # all its files are lost: damaged, not absent
    assert next(entries(store.root)).manifest == {}


def test_export_of_some(store, other, tmp_path, capsys):
    path = tmp_path / "some.tar"
    assert "1 artifacts" in said(capsys, "export", str(path), B[:6])[1]
    assert "2 artifacts" in said(capsys, "export", str(path), "--step", "fit")[1]
    read_archive(other, path, quiet)
    assert {e.key for e in other.entries()} == {A, B}


def test_sizes_and_ages_in_words():
    assert [human(n) for n in (999, 999_949, 999_960, 5e15)] == [
        "999 B",
        "999.9 kB",
        "1.0 MB",
        "5000.0 TB",
    ]
    assert age(-3) == "0 s"


def test_nothing_is_left_when_writing_fails(store, tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mu.storing.packing.os, "fsync", fail)
    with pytest.raises(UsageError, match="No space"):
        write_archive(store, list(store.entries()), tmp_path / "x.tar", quiet)
    assert not list(tmp_path.glob("*x.tar*"))


def test_an_archive_that_unfolds_to_much_more_is_refused(store, other, tmp_path):
    """Zeros of 300 MB in 0.3 MB would fill a disk."""
    store.write("fit", "e" * 32, Artifact({"n": 1}, {"zeros": np.zeros(300 << 20, np.uint8)}))
    path = tmp_path / "bomb.tar.gz"
    write_archive(store, list(store.entries()), path, quiet)
    assert path.stat().st_size < 1 << 20
    refused(other, path, "unfolds to")


def test_arrays_that_unfold_are_refused(store, other, tmp_path):
    """A store compresses nothing: what is compressed in an artifact was made to unfold."""
    folder = store.path("fit", A)
    np.savez_compressed(folder / "arrays.npz", ids=np.zeros(1 << 20))
    manifest = json.loads((folder / "manifest.json").read_text())
    value = blake2b((folder / "arrays.npz").read_bytes(), digest_size=16).hexdigest()
    manifest["files"]["arrays.npz"] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_archive(store, list(store.entries()), tmp_path / "x.tar", quiet)
    refused(other, tmp_path / "x.tar", "it unfolds to")
