"""Steps as jobs: run once, in persistent one-thread workers, results in the store."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from typing import Any, Protocol

from mu.errors import MuError, NotApplicable, StepFailed, UsageError
from mu.store import CorruptArtifact, Store

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
    """Run a job unless its result is there; the key's lock lets one process at a time do so."""
    module, _, name = job.call.partition(":")
    with store.lock(job.key):
        try:
            if store.has(job.step, job.key):
                return
        except CorruptArtifact:
            store.discard(job.step, job.key)
        inputs = {
            name: [store.load(*r) for r in ref] if isinstance(ref, list) else store.load(*ref)
            for name, ref in job.inputs.items()
        }
        start = time.perf_counter()
        artifact = getattr(import_module(module), name)(job.config, inputs, progress)
        seconds = time.perf_counter() - start
        store.write(job.step, job.key, artifact, family=job.family, seconds=seconds, **record())


def record() -> dict[str, Any]:
    """Versions and device that an artifact was made with; recorded, not part of its key."""
    import platform

    torch = sys.modules.get("torch")
    versions = {"python": platform.python_version(), "numpy": import_module("numpy").__version__}
    if torch is not None:
        versions["torch"] = str(torch.__version__)
    return {"versions": versions, "device": platform.machine()}


class Pool(Protocol):
    """Where jobs run."""

    async def run(self, job: Job, progress: Progress) -> None:
        """Run one job to its end.

        Raises:
            MuError: What the step itself raised.
            StepFailed: Any other failure, with its reason in one line.
        """
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...


class InlinePool:
    """Run jobs in this process, one after the other."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def run(self, job: Job, progress: Progress) -> None:
        """See `Pool.run`."""
        import warnings

        import torch

        from mu.worker import quiet

        # As in a worker: the recipe's threads (other ones change bits), and no library's chatter.
        threads = torch.get_num_threads()
        with warnings.catch_warnings():
            quiet()
            try:
                prepare(job)
                execute(self.store, job, progress)
            except Exception as error:
                raise transferable(error) from error
            finally:
                torch.set_num_threads(threads)

    def close(self) -> None:
        """Nothing to let go of."""


class LocalPool:
    """Persistent worker processes on this machine.

    Importing torch, Lightning and torch_geometric costs seconds, so a worker outlives its job. A
    worker stays in the launcher's process group and leaves when the launcher is gone; one that
    dies costs the step it was running, and is replaced.

    Args:
        store: Where results go.
        workers: How many.
    """

    def __init__(self, store: Store, workers: int) -> None:
        self.store = store
        self.threads = ThreadPoolExecutor(workers)
        self.idle: asyncio.Queue[Worker] = asyncio.Queue()
        self.workers = [Worker(store) for _ in range(workers)]
        for worker in self.workers:
            self.idle.put_nowait(worker)

    async def run(self, job: Job, progress: Progress) -> None:
        """See `Pool.run`."""
        worker = await self.idle.get()
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self.threads, worker.run, job, progress)
        finally:
            self.idle.put_nowait(worker)

    def close(self) -> None:
        """Close the pipes; workers leave by themselves, busy ones are ended."""
        for worker in self.workers:
            worker.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


class Worker:
    """One worker process, started when it gets its first job."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.process: subprocess.Popen[bytes] | None = None
        self.pipe: Connection | None = None
        self.closed = False

    def start(self) -> Connection:
        """Start the process unless it runs."""
        if self.process is None or self.pipe is None or self.process.poll() is not None:
            self.pipe, theirs = Pipe()
            environment = os.environ | {
                "OMP_NUM_THREADS": "1",
                "MKL_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path),
            }
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mu.worker", str(theirs.fileno()), str(self.store.root)],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
            )
            theirs.close()
        return self.pipe

    def run(self, job: Job, progress: Progress) -> None:
        """Send a job and wait for its end; called in a thread."""
        if self.closed:
            raise StepFailed("the run was stopped")
        pipe = self.start()
        try:
            pipe.send(job)
            while True:
                kind, value = pipe.recv()
                if kind == "progress":
                    progress(*value)
                elif kind == "error":
                    raise value
                else:
                    return
        except (EOFError, OSError) as error:
            code = self.process.wait() if self.process else None
            self.process = None
            raise StepFailed(f"its worker process died (exit code {code})") from error

    def close(self) -> None:
        """End the process."""
        self.closed = True
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()


def one_line(error: BaseException) -> str:
    """The reason of a failure in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, MuError) else f"{type(error).__name__}: {text}"[:500]


def transferable(error: Exception) -> MuError:
    """The same error in a form that crosses process borders: its kind and its reason."""
    for kind in (UsageError, NotApplicable):
        if isinstance(error, kind):
            return kind(one_line(error))
    return StepFailed(one_line(error))


def serve(pipe: Connection, store: Store) -> None:
    """A worker's life: jobs in, progress and the end of each out."""
    threading.Thread(target=leave_with_parent, daemon=True).start()
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        reporter = Reporter(pipe)
        try:
            prepare(job)
            execute(store, job, reporter)
        except Exception as error:
            if not isinstance(error, MuError) and os.environ.get("MU_DEBUG"):
                import traceback

                traceback.print_exc()
            pipe.send(("error", transferable(error)))
        else:
            pipe.send(("done", None))


class Reporter:
    """Sends progress over a pipe, at most ten times a second."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.last = pipe, 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.last > 0.1:
            self.last = time.monotonic()
            self.pipe.send(("progress", (done, total)))


def prepare(job: Job) -> None:
    """Give the process the threads the recipe names (they are part of the key)."""
    import torch

    torch.set_num_threads(job.config.get("threads", 1))


def leave_with_parent() -> None:
    """End this process when its parent is gone, however the parent went."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def make_pool(store: Store, compute: dict[str, Any]) -> Pool:
    """The pool a ``compute`` configuration asks for.

    Raises:
        UsageError: An unknown launcher, or a number of workers below 0.
    """
    launcher, workers = compute["launcher"], compute["workers"]
    if workers < 0:
        raise UsageError(f"compute.workers={workers} is negative")
    if launcher == "local":
        return LocalPool(store, workers) if workers else InlinePool(store)
    if launcher in ("ray", "slurm"):
        from mu.cluster import RayPool, SlurmPool

        return RayPool(store, compute) if launcher == "ray" else SlurmPool(store, compute)
    raise UsageError(f"compute.launcher={launcher!r} is not one of local, ray, slurm")
