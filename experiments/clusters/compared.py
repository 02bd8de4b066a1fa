"""The same small experiment on two pools: run, timed, compared byte for byte."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

WORDS = ("experiment=quickstart", "mode=smoke", "requests=class", "methods=ssd")
ENDED = 5.0  # seconds in which a run is to end after Ctrl-C


def start(top: Path, name: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """``mu run`` with a store and folder of its own; what it says goes to NAME.txt."""
    environment = os.environ | {"MU_STORE": str(top / f"{name}.store")}
    with (top / f"{name}.txt").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "mu", "run", *WORDS, f"out={top / name}", *words],
            env=environment, stdout=log, stderr=log,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip


def finished(
    top: Path, name: str, words: Sequence[str], meanwhile: Callable[[], None] | None = None
) -> bytes:
    """Run to the end; the table."""
    begin = time.monotonic()
    process = start(top, name, words)
    if meanwhile:
        meanwhile()
    code = process.wait()
    print(f"{name}: {time.monotonic() - begin:.0f} s, exit code {code}", flush=True)
    if code:
        raise SystemExit((top / f"{name}.txt").read_text())
    return table(top / name)


def table(folder: Path) -> bytes:
    """Every number of every pair; only what a run took differs between two."""
    lines = (folder / "results_pairs.csv").read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if b",cost/" not in line)


def same(ours: bytes, theirs: bytes, what: str) -> None:
    """Say that two tables are the same, or end."""
    if ours != theirs:
        raise SystemExit(f"{what}: another table")
    print(f"{what}: same table, {len(ours)} bytes", flush=True)


def until(found: Callable[[], object], what: str, seconds: float = 300.0) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def begun(store: Path) -> bool:
    """Whether a training has written a checkpoint."""
    return any(store.glob("scratch/*/*"))


def stopped(top: Path, name: str, words: Sequence[str]) -> None:
    """Ctrl-C within a training ends the run in time."""
    process = start(top, name, words)
    until(lambda: begun(top / f"{name}.store"), "a checkpoint")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, took = process.wait(60), time.monotonic() - begin
    print(f"Ctrl-C: ended after {took:.1f} s, exit code {code}", flush=True)
    if code != 130 or took > ENDED:
        raise SystemExit((top / f"{name}.txt").read_text())


def refused(top: Path, name: str, words: Sequence[str]) -> None:
    """A wrong word about a cluster is one line and exit code 2."""
    code = start(top, name, words).wait()
    said = (top / f"{name}.txt").read_text().strip()
    print(f"exit code {code}: {said.splitlines()[-1]}", flush=True)
    if code != 2 or "Traceback" in said:
        raise SystemExit(said)
