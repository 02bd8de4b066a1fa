"""Where jobs run: in this process, in persistent workers, or on a cluster."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from typing import Any, Protocol

from mu.doors.device import checked_device
from mu.errors import StepFailed, UsageError
from mu.running.jobs import Job, Progress, execute, set_threads, transferable
from mu.storing.store import Store
from mu.trust.wrong_shapes import in_one_line

WORKER = "mu.running.worker"  # the module of a worker process
LAUNCHERS = ("local", "ray", "slurm")


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

        from mu.doors.guest import undisturbed
        from mu.running.worker import quiet

        # As in a worker: the recipe's threads (other ones change bits), and no library's chatter.
        # The process may be a user's session, whose random state is not to change.
        threads = torch.get_num_threads()
        with warnings.catch_warnings(), undisturbed():
            quiet()
            try:
                set_threads(job)
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
                [sys.executable, "-m", WORKER, str(theirs.fileno()), str(self.store.root)],
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


@in_one_line("the choice of compute holds what")
def check_compute(compute: dict[str, Any]) -> None:
    """Refuse a ``compute`` configuration that no pool can follow.

    Raises:
        UsageError: An unknown launcher, a number of workers or seconds below 0, or a device that is
            none, or is not in this machine where it is to compute.
    """
    seconds = compute.get("checkpoint_seconds")
    if seconds is not None and seconds < 0:
        raise UsageError(f"compute.checkpoint_seconds={seconds} is negative; null writes none")
    if compute["workers"] < 0:
        raise UsageError(f"compute.workers={compute['workers']} is negative")
    if compute["launcher"] not in LAUNCHERS:
        known = ", ".join(LAUNCHERS)
        raise UsageError(f"compute.launcher={compute['launcher']!r} is not one of {known}")
    device, here = compute.get("device", "cpu"), compute["launcher"] == "local"
    if here or device != "cuda":  # the machines of a cluster may have a GPU that this one lacks
        checked_device(device, "compute.device")


def make_pool(store: Store, compute: dict[str, Any]) -> Pool:
    """The pool a ``compute`` configuration asks for.

    Raises:
        UsageError: See `check_compute`; also where a launcher's library is not installed.
    """
    check_compute(compute)
    launcher, workers = compute["launcher"], compute["workers"]
    if launcher == "local":
        return LocalPool(store, workers) if workers else InlinePool(store)
    from mu.running.cluster import RayPool, SlurmPool

    return RayPool(store, compute) if launcher == "ray" else SlurmPool(store, compute)
