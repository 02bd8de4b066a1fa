"""Whole runs that are killed, fail, or are many at once: their results are those of a calm one."""

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faults.injection import Faults, injected
from faults.store_faults import ERRORS
from faults.tally import LOST, OTHER, TRACEBACK, Tally, Wrong
from records import comparable

from mu.__main__ import main
from mu.storing.request_log import NAME, RequestLog
from mu.storing.store import CorruptArtifact, Store

EXPERIMENT = """
blocks:
  - {data: digits, model: small_cnn, recipe: digits, evaluation: few, seeds: 1, oracles: 2,
     methods: [ssd, finetune], requests: {class: {request: class, label: 3}}}
"""
EVALUATION = """
batch_size: 512
scores:
  ua: {_target_: mu.evaluation.accuracy.UnlearningAccuracy}
  ta: {_target_: mu.evaluation.accuracy.TestAccuracy}
headline: [ua, ta]
margins: {ua: 0.02, ta: 0.02}
"""
WORDS = ("recipe.epochs=1", "compute.workers=0", "compute.progress=false")
SECONDS = 600  # after which a run hangs


def prepared(folder: Path) -> Path:
    """The experiment's files, and what it imports: children of this process need not."""
    import mu.data.images
    import mu.evaluation.scoring
    import mu.models.predict
    import mu.reporting.report
    import mu.training.fit
    import mu.unlearning.serve
    import mu.unlearning.ssd  # noqa: F401

    (folder / "own" / "evaluation").mkdir(parents=True)
    (folder / "own" / "evaluation" / "few.yaml").write_text(EVALUATION)
    (folder / "small.yaml").write_text(EXPERIMENT)
    return folder


def begun(folder: Path, store: Path, out: Path, faults: Faults | None = None) -> int:
    """A process of its own that runs the experiment; its number."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    code = 99
    try:
        os.chdir(folder)
        log = os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.alarm(SECONDS)
        os.environ |= {"MU_STORE": str(store), "MU_CONFIGS": str(folder / "own")}
        with injected(faults) if faults else contextlib.nullcontext():
            code = main(["run", str(folder / "small.yaml"), *WORDS, f"out={out}"])
    except BaseException:
        import traceback

        traceback.print_exc(file=sys.stderr)
    finally:
        with contextlib.suppress(Exception):
            if faults:  # how many calls there were
                out.with_suffix(".calls").write_text(str(len(faults.met)))
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    """The exit code; negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def said(out: Path) -> str:
    return out.with_suffix(".log").read_text()


def due(folder: Path) -> tuple[dict[str, Any], float, int]:
    """Results of a calm run, its seconds, and the calls it makes."""
    store, out = folder / "calm", folder / "calm out"
    begin = time.monotonic()
    code = ended(begun(folder, store, out, Faults(folder)))
    if code:
        raise Wrong(OTHER, f"the calm run ended with {code}: {said(out)}")
    found = json.loads((out / "results.json").read_text())
    return found, time.monotonic() - begin, int(out.with_suffix(".calls").read_text())


def check(store: Path, out: Path, calm: dict[str, Any]) -> None:
    """The results are those of the calm run, the store is whole, and the log is one."""
    if comparable(json.loads((out / "results.json").read_text())) != comparable(calm):
        raise Wrong(LOST, "other results than those of a run that nothing befell")
    kept = Store(store)
    try:
        if not all(kept.has(entry.step, entry.key) for entry in kept.entries()):
            raise Wrong(LOST, "an artifact is gone")
    except CorruptArtifact as error:
        raise Wrong(OTHER, str(error)) from error
    if len(RequestLog(out / NAME).entries) != 2:
        raise Wrong(LOST, "the request log has other entries than those of two methods")
    if left := [*(store / "tmp").iterdir(), *out.rglob(".*")]:
        raise Wrong(OTHER, f"left behind: {left}")


def again(folder: Path, store: Path, out: Path, calm: dict[str, Any]) -> None:
    """The same run to its end."""
    if code := ended(begun(folder, store, out)):
        raise Wrong(OTHER, f"run again it ends with {code}: {said(out)}")
    check(store, out, calm)


def killed(folder: Path, calm: dict[str, Any], seconds: float, seed: int, kills: int) -> Tally:
    """Runs on one store that are killed at random moments, until one may end."""
    found, chance, number = Tally("runs killed at any moment"), random.Random(seed), 0
    while found.cases < kills:
        number += 1
        store, out = folder / f"killed {number}", folder / f"killed {number} out"
        ends = []
        for _ in range(3):
            child = begun(folder, store, out)
            time.sleep(chance.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
            ends.append(ended(child))
        try:
            again(folder, store, out, calm)
        except Exception as error:
            found.add(f"kills of {number}", error)
        for end in ends:
            if end == -signal.SIGKILL:
                found.add("killed")
    return found


def failing(folder: Path, calm: dict[str, Any], calls: int, names: Sequence[str]) -> Tally:
    """Runs of which one call fails or is the last, each run again; calls lie evenly."""
    found = Tally("runs of which a call fails")
    for number, name in enumerate(names):
        turn = 1 + (2 * number + 1) * calls // (2 * len(names))
        store, out = folder / f"failing {number}", folder / f"failing {number} out"
        try:
            code = ended(begun(folder, store, out, Faults(folder, turn, ERRORS[name])))
            if "Traceback" in (words := said(out)) or code not in (0, 1, 2, 137):
                raise Wrong(TRACEBACK, f"code {code}: {words}")
            again(folder, store, out, calm)
        except Exception as error:
            found.add(f"{name} at call {turn}", error)
        else:
            found.add(name)
    return found


def at_once(folder: Path, calm: dict[str, Any], count: int = 8) -> Tally:
    """Runs that begin together on one store."""
    found, store = Tally("runs at once on one store"), folder / "shared"
    outs = [folder / f"shared out {number}" for number in range(count)]
    children = [begun(folder, store, out) for out in outs]
    for child, out in zip(children, outs, strict=True):
        code = ended(child)
        try:
            if code:
                raise Wrong(OTHER, f"code {code}: {said(out)}")
            check(store, out, calm)
        except Exception as error:
            found.add(out.name, error)
        else:
            found.add(out.name)
    return found


def one_folder(folder: Path, calm: dict[str, Any]) -> Tally:
    """Two runs that write to one folder: one does, the other is refused, or comes later."""
    found, out = Tally("two runs on one out="), folder / "both"
    store = folder / "stores of both"
    first = begun(folder, store, out)
    while not (out / ".lock").exists() and os.waitpid(first, os.WNOHANG) == (0, 0):
        time.sleep(0.01)
    kept = out.with_suffix(".log").rename(folder / "first.log")
    second = ended(begun(folder, store, out))
    try:
        if second != 2 or "another mu writes" not in said(out):
            raise Wrong(OTHER, f"the second ended with {second}: {said(out)}")
    except Exception as error:
        found.add("the second", error)
    else:
        found.add("the second")
    try:
        if code := ended(first):
            raise Wrong(OTHER, f"code {code}: {kept.read_text()}")
        check(store, out, calm)
    except Exception as error:
        found.add("the first", error)
    else:
        found.add("the first")
    return found
