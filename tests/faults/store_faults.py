"""Each call that the store makes fails in its turn, or is the last before the process is killed.

Of every case is asked: what was there is there, nothing half-written is read, the failure is one
of the words that mu has for it, and the same command again ends with the bytes of one that nothing
befell.
"""

import contextlib
import errno
import io
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faults.injection import KILL, Faults, injected
from faults.tally import LOST, OTHER, TRACEBACK, Tally, Wrong

from mu.__main__ import main
from mu.artifact import Artifact, digest_of_file
from mu.errors import MuError
from mu.running.jobs import Job, execute
from mu.storing.packing import write_archive
from mu.storing.request_log import NAME, RequestLog
from mu.storing.store import CorruptArtifact, Store
from mu.storing.whole_files import write_text
from mu.verbs.folder import folder_for

ERRORS = {"ENOSPC": 28, "EIO": 5, "EACCES": 13, "EINTR": errno.EINTR, "killed": KILL}
A, B, BROKEN, NEW = ("a" * 32, "b" * 32, "d" * 32, "e" * 32)
SECONDS = 60


@dataclass(frozen=True)
class Operation:
    """Something a user does with a store in ``place / "store"``."""

    name: str
    act: Callable[[Path], object]


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """A step that leaves all kinds of files that need no torch."""
    scratch = Path(config["scratch"])
    scratch.mkdir(parents=True, exist_ok=True)
    np.save(scratch / "activations.npy", np.arange(99))
    files = {"activations.npy": scratch / "activations.npy"}
    return Artifact({"made": config["n"]}, {"ids": np.arange(9)}, files=files)


def computed(key: str) -> Callable[[Path], object]:
    job = Job("fit", key, "faults.store_faults:step", {"n": 7})
    return lambda place: execute(Store(place / "store"), job)


def called(*words: str) -> Callable[[Path], object]:
    """The command line; a code that says failure is raised as the error it stands for."""

    def act(place: Path) -> str:
        said, complained = io.StringIO(), io.StringIO()
        os.environ["MU_STORE"] = str(place / "store")
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            code = main([word.format(place=place) for word in words])
        if code:
            last = complained.getvalue().splitlines()[-1:] or said.getvalue().splitlines()[-1:]
            if code not in (1, 2) or not last or "Traceback" in complained.getvalue():
                raise Wrong(TRACEBACK, f"code {code}: {complained.getvalue()}")
            raise MuError(last[0])
        return said.getvalue()

    return act


def read(place: Path) -> None:
    store = Store(place / "store")
    for key, n in ((A, 1), (B, 2)):
        check_whole(store.load("fit", key), n)


def check_whole(found: Artifact, n: int) -> None:
    if found.facts != {"n": n} or found.arrays["ids"].tolist() != list(range(70)):
        raise Wrong(LOST, f"other content was read: {found.facts}")


def logged(place: Path) -> None:
    log = RequestLog(place / "store" / NAME)
    log.add({"n": 2})


def held(place: Path) -> None:
    with folder_for(place / "store" / "out"):
        write_text(place / "store" / "out" / "results.json", '{\n "schema": 1}')


OPERATIONS = [
    Operation("put", computed(NEW)),
    Operation("put for a damaged one", computed(BROKEN)),
    Operation("put where it is", computed(A)),
    Operation("get", read),
    Operation("ls", called("store", "ls")),
    Operation("verify", lambda place: verified(place)),
    Operation("gc", called("store", "gc", "--yes")),
    Operation("gc by age", called("store", "gc", "--older-than", "1000", "--yes")),
    Operation("export", called("store", "export", "{place}/store/out.tar", A[:9])),
    Operation("export packed", called("store", "export", "{place}/store/o.tgz", A[:9], B[:9])),
    Operation("import", called("store", "import", "{place}/given.tar")),
    Operation("request log", logged),
    Operation("results", held),
]


def verified(place: Path) -> str:
    """The damaged artifact is found, and nothing else is called damaged."""
    try:
        said = called("store", "verify")(place)
    except MuError as error:
        if "mu store gc --yes" not in str(error):
            raise
        return "damaged"
    raise Wrong(OTHER, f"the damaged artifact was not found: {said}")


def template(place: Path) -> Path:
    """A store with two whole artifacts, a damaged one, what killed processes left, and a log."""
    other = Store(place / "other")
    for key in (A, "c" * 32):
        other.write("score", key, Artifact({"values": {"ua": 1.0}}), label="x", seconds=1.0)
    write_archive(other, list(other.entries()), place / "given.tar", lambda _: None)
    shutil.rmtree(other.root)
    store = Store(place / "store")
    for key, n in ((A, 1), (B, 2)):
        store.write("fit", key, Artifact({"n": n}, {"ids": np.arange(70)}), label="x", seconds=1.0)
    store.write("fit", BROKEN, Artifact({"n": 3}, {"ids": np.arange(70)}), seconds=1.0)
    (store.path("fit", BROKEN) / "facts.json").write_text("{}")
    (store.scratch(A)).mkdir(parents=True)
    (store.scratch(A) / "half").write_text("half")
    (store.root / "tmp" / f"{os.uname().nodename}@left").mkdir()
    (store.root / "out").mkdir()
    (store.root / "out" / "results.json").write_text('{\n "schema": 1, "old": 1}')
    RequestLog(store.root / NAME).add({"n": 1})
    return place


def state(root: Path) -> dict[str, str]:
    """Digest of each file that lasts; a manifest holds a time, so only what it says of files."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith(("locks/", "tmp/", "scratch/")):
            found[name] = digest_of_file(path)
            if path.name == "manifest.json":
                found[name] = json.dumps(json.loads(path.read_text())["files"])
    return found


def cases(operation: Operation, errors: list[str], folder: Path, every: int = 1) -> Iterator[Any]:
    """Of each case its name, and the error if it did not hold.

    Args:
        operation: What is done.
        errors: How the calls fail.
        folder: To work in.
        every: Only every so many of the calls.
    """
    given = template(folder / "given")
    place = folder / "place"
    shutil.copytree(given, place)
    operation.act(place)  # what it imports is there
    due, calls = fresh(operation, given, place)
    for turn in range(1, len(calls) + 1, every):
        for error in errors:
            name = f"{error} at call {turn} ({calls[turn - 1]}) of {operation.name}"
            try:
                one(operation, given, place, Faults(place / "store", turn, ERRORS[error]), due)
            except Exception as wrong:
                yield name, wrong
            else:
                yield name, None


def fresh(operation: Operation, given: Path, place: Path) -> tuple[dict[str, str], list[str]]:
    """The state after the operation, and its calls, where nothing befell it."""
    replace(given, place)
    faults = Faults(place / "store")
    with injected(faults):
        operation.act(place)
    return state(place / "store"), faults.met


def replace(given: Path, place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(given, place)


def one(operation: Operation, given: Path, place: Path, faults: Faults, due: Any) -> None:
    """One case, judged."""
    replace(given, place)
    before = {path.name for path in place.iterdir()} | {
        path.name for path in given.parent.iterdir()
    }
    signal.alarm(SECONDS)
    try:
        befallen(operation, place, faults)
        check_kept(place)
        operation.act(place)
    finally:
        signal.alarm(0)
    check_kept(place)
    after = state(place / "store")
    if after != due:
        differ = {n for n in after.keys() | due.keys() if after.get(n) != due.get(n)}
        raise Wrong(OTHER, f"done again it leaves other bytes: {sorted(differ)}")
    if left := [p for p in place.rglob(".*") if p.is_file()]:
        raise Wrong(OTHER, f"left behind: {left}")
    if before != {p.name for p in place.iterdir()} | {p.name for p in given.parent.iterdir()}:
        raise Wrong("elsewhere", "a file outside the store")


def befallen(operation: Operation, place: Path, faults: Faults) -> None:
    """The operation with a fault: it fails in words of mu or of the system, or does not notice."""
    if faults.error == KILL:
        if not (child := os.fork()):
            with contextlib.suppress(BaseException), injected(faults):
                operation.act(place)
            os._exit(0)
        os.waitpid(child, 0)
        return
    try:
        with injected(faults):
            operation.act(place)
    except (MuError, OSError):
        return


def check_kept(place: Path) -> None:
    """What was whole is whole, the log is one, and no artifact is half there."""
    store = Store(place / "store")
    for key, n in ((A, 1), (B, 2)):
        try:
            check_whole(store.load("fit", key), n)
        except CorruptArtifact as error:
            raise Wrong(LOST, str(error)) from error
    for entry in store.entries():
        try:
            store.load(entry.step, entry.key)
        except CorruptArtifact as error:
            if entry.key != BROKEN:
                raise Wrong(OTHER, f"half an artifact: {error}") from error
    if list((store.root / "tmp").iterdir()):
        raise Wrong(OTHER, "a temporary folder that nobody holds stayed")
    if RequestLog(store.root / NAME).entries[:1][0]["n"] != 1:
        raise Wrong(LOST, "the request log")
    json.loads((store.root / "out" / "results.json").read_text())


def tally(operation: Operation, errors: list[str], folder: Path, every: int = 1) -> Tally:
    found = Tally(f"store: {operation.name}")
    for name, error in cases(operation, errors, folder, every):
        found.add(name, error)
    return found
