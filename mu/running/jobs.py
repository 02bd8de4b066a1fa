"""Steps as jobs: what a job is, and how a process runs one and serves others."""

import gc
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mu.doors.device import processor_name
from mu.doors.free_memory import return_free_memory
from mu.errors import MuError, NotApplicable, StepFailed, UsageError
from mu.running.full_disk import FULL, DiskFull, is_full
from mu.storing.store import Store

Ref = tuple[str, str]  # (step, key)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """One step of the pipeline.

    Attributes:
        step: Name of the step, the store's top folder.
        key: Store key.
        call: "module:function" taking (config, inputs, progress) and returning an Artifact.
        config: Plain data handed to the function.
        inputs: Name → reference, or list of references, of artifacts handed over.
        label: What the progress display calls it.
        family: Digest of what decides how long it takes; jobs of one family take alike.
    """

    step: str
    key: str
    call: str
    config: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    family: str = ""


def execute(store: Store, job: Job, progress: Progress | None = None) -> None:
    """Run a job unless its result is there; the key's lock lets one process at a time do so.

    The step finds in ``config["scratch"]`` a folder to make (`mu.storing.store.Store.scratch`).
    """
    module, _, name = job.call.partition(":")
    with store.lock(job.key):
        if store.settled(job.step, job.key):
            return
        inputs = {
            name: [store.load(*r) for r in ref] if isinstance(ref, list) else store.load(*ref)
            for name, ref in job.inputs.items()
        }
        start, scratch = time.perf_counter(), store.scratch(job.key)
        config = job.config | {"scratch": str(scratch)}
        artifact = getattr(import_module(module), name)(config, inputs, progress)
        # a training that went on from a checkpoint took longer than this process knows
        took = artifact.facts.get("cost", {}).get("seconds_request", 0.0)
        seconds = max(time.perf_counter() - start, took)
        made = record(job.config.get("device", "cpu"))
        made |= {"family": job.family, "label": job.label, "inputs": read_by(job)}
        if artifact.tensors and "model" in job.config:  # whose weights they are
            made["model"] = job.config["model"]
        store.write(job.step, job.key, artifact, seconds=seconds, **made)
        shutil.rmtree(scratch, ignore_errors=True)


def read_by(job: Job) -> dict[str, Any]:
    """References of all that a job reads; activations of a trunk are not handed over, but mapped.

    Example:
        >>> job = Job("fit", "", "", {"data": {"activations": "store/activations/1f"}})
        >>> read_by(job)
        {'activations': ['activations', '1f']}
    """
    folder = (job.config.get("data") or {}).get("activations")
    return job.inputs | ({"activations": list(Path(folder).parts[-2:])} if folder else {})


def record(device: str) -> dict[str, Any]:
    """Versions and device that an artifact was made with; recorded, not part of its key."""
    import platform

    torch = sys.modules.get("torch")
    versions = {"python": platform.python_version(), "numpy": import_module("numpy").__version__}
    name = platform.machine()
    if not device.startswith("cuda"):  # of one kind of device several give other bits in bf16
        versions["processor"] = processor_name()
    if torch is not None:
        versions["torch"] = str(torch.__version__)
        name += f" {torch.backends.cpu.get_cpu_capability()}"
        if device.startswith("cuda"):
            name = torch.cuda.get_device_name()
    return {"versions": versions, "device": name}


def one_line(error: BaseException) -> str:
    """The reason of a failure in one line, with the notes that say where it came from."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, MuError):
        text = f"{type(error).__name__}: {text}"[:500]
    notes = (" ".join(note.split())[:200] for note in getattr(error, "__notes__", ()))
    return " ".join([text, *(f"({note})" for note in notes)])


def transferable(error: Exception) -> MuError:
    """The same error in a form that crosses process borders: its kind and its reason."""
    if is_full(error):
        return DiskFull(f"{FULL}: {one_line(error)}")
    for kind in (UsageError, NotApplicable):
        if isinstance(error, kind):
            return kind(one_line(error))
    return StepFailed(one_line(error))


def serve(pipe: Connection, store: Store, idle: float | None = None) -> None:
    """A worker's life: jobs in, progress and the end of each out.

    Args:
        pipe: To the launcher.
        store: Where results go.
        idle: Seconds without a job after which the worker leaves; None waits for ever.
    """
    inherited = gc.get_freeze_count()
    while True:
        try:
            if not pipe.poll(idle):
                return
            job: Job = pipe.recv()
            pipe.send(outcome(store, job, Reporter(pipe)))
        except (EOFError, OSError):  # the launcher is gone
            return
        tidy(inherited)


def outcome(store: Store, job: Job, progress: Progress) -> tuple[str, MuError | None]:
    """Run a job in a worker; how it ended, in the words of the pipe."""
    try:
        set_threads(job)
        execute(store, job, progress)
    except Exception as error:
        if not isinstance(error, MuError) and os.environ.get("MU_DEBUG"):
            import traceback

            traceback.print_exc()
        return "error", transferable(error)
    return "done", None


def tidy(frozen: int = 0) -> None:
    """Free what a job left in reference cycles, a trainer and its batches for instance.

    Python looks for old cycles once the objects grow by a quarter. Beside the half million objects
    of torch those of a job are few, but hold large tensors: workers would grow for hours. Tensors
    below 32 MB would stay with the process, gigabytes after a method that held a gradient a sample.

    Args:
        frozen: Objects that were no longer looked at before the first job.
    """
    gc.collect()
    return_free_memory()
    if gc.get_freeze_count() <= frozen:  # what libraries made stays, and is not looked at again
        gc.freeze()


class Reporter:
    """Sends progress over a pipe, at most ten times a second."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.last = pipe, 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.last > 0.1:
            self.last = time.monotonic()
            self.pipe.send(("progress", (done, total)))


def set_threads(job: Job) -> None:
    """Give the process the threads the recipe names (they are part of the key)."""
    import torch

    torch.set_num_threads(job.config.get("threads", 1))


def leave_with_parent(parent: int) -> None:
    """End this process when its parent, of this number, is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
