"""Where jobs run: in this process, in persistent workers, or on a cluster."""

import asyncio
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Protocol

from mu.doors.device import checked_device
from mu.doors.interrupts import interruptible
from mu.errors import StepFailed, UsageError
from mu.running.fork_server import ForkServer, Started, servers
from mu.running.full_disk import Room
from mu.running.jobs import Job, Progress, execute, set_threads, transferable
from mu.running.machine import AUTO, cards, check_workers, gpu_of, workers_of
from mu.storing.store import Store
from mu.trust.wrong_shapes import in_one_line

TRIES = 2  # of a step whose worker dies: by chance once, by its own doing every time
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
        self.store, self.room, self.stopped = store, Room(), False

    async def run(self, job: Job, progress: Progress) -> None:
        """See `Pool.run`; Ctrl-C ends the step that runs, and all that wait."""
        if self.stopped:
            raise asyncio.CancelledError
        try:
            with interruptible():  # also what is imported for it, which takes seconds
                self.work(job, progress)
        except KeyboardInterrupt:
            self.stopped = True
            answer = signal.getsignal(signal.SIGINT)  # the loop's, which ends it in good order
            if callable(answer) and threading.current_thread() is threading.main_thread():
                answer(signal.SIGINT, None)
            raise asyncio.CancelledError from None

    def work(self, job: Job, progress: Progress) -> None:
        """One step, as a worker would run it."""
        import warnings

        import torch

        from mu.doors.guest import undisturbed
        from mu.running.worker import quiet

        # As in a worker: the recipe's threads (other ones change bits), and no library's chatter.
        # The process may be a user's session, whose random state is not to change.
        threads = torch.get_num_threads()
        with self.room.left(), warnings.catch_warnings(), undisturbed():
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

    A worker outlives its job, stays in the launcher's process group and leaves when the launcher is
    gone; one that dies is started anew, and its step is tried once more.

    Args:
        store: Where results go.
        environments: What the environment of each worker has more than that of this process,
            such as the card that it computes on.
    """

    def __init__(self, store: Store, environments: Sequence[Mapping[str, str]]) -> None:
        self.store, self.room = store, Room()
        self.threads = ThreadPoolExecutor(len(environments))
        self.idle: asyncio.Queue[Worker] = asyncio.Queue()
        self.workers = [
            Worker(server, environment)
            for server, environment in zip(
                servers(store.root, environments), environments, strict=True
            )
        ]
        for worker in self.workers:
            self.idle.put_nowait(worker)

    async def run(self, job: Job, progress: Progress) -> None:
        """See `Pool.run`."""
        worker = await self.idle.get()
        try:
            loop = asyncio.get_running_loop()
            with self.room.left():
                await loop.run_in_executor(self.threads, worker.run, job, progress)
        finally:
            self.idle.put_nowait(worker)

    def close(self) -> None:
        """End the workers, busy ones too."""
        for worker in self.workers:
            worker.server.close()
        self.threads.shutdown(wait=False, cancel_futures=True)


class Worker:
    """One worker process, started when it gets its first job.

    Args:
        server: Starts it.
        environment: What its environment has more than that of this process.
    """

    def __init__(self, server: ForkServer, environment: Mapping[str, str]) -> None:
        self.server, self.environment = server, environment
        self.started: Started | None = None

    def run(self, job: Job, progress: Progress) -> None:
        """Send a job and wait for its end; called in a thread.

        Raises:
            MuError: What the step raised.
            StepFailed: The process died over it as often as it may.
        """
        if self.started is not None and self.started.pipe.poll():  # only its end can be heard
            self.buried()
        for _ in range(TRIES):
            code = None
            try:
                self.started = self.started or self.server.worker(self.environment)
                return follow(self.started.pipe, job, progress)
            except (EOFError, OSError):
                code = self.buried()
        raise StepFailed(f"its worker process died (exit code {code}), {TRIES} times")

    def buried(self) -> int | None:
        """How the process ended, of which nothing is left then."""
        started, self.started = self.started, None
        if started is None:
            return self.server.exit_code()
        started.pipe.close()
        return self.server.exit_code(started.pid)


def follow(pipe: Connection, job: Job, progress: Progress) -> None:
    """Hand a job to a worker and hear of it until it is done.

    Raises:
        MuError: What the step raised.
        EOFError: The worker is gone; an OSError says the same.
    """
    pipe.send(job)
    while True:
        kind, value = pipe.recv()
        if kind == "progress":
            progress(*value)
        elif kind == "error":
            raise value
        else:
            return


@in_one_line("the choice of compute holds what")
def check_compute(compute: dict[str, Any]) -> None:
    """Refuse a ``compute`` configuration that no pool can follow.

    Raises:
        UsageError: An unknown launcher, workers or seconds that are no number or below 0, or a
            device that is none, is not in this machine where it is to compute, or is not asked
            of the cluster.
    """
    seconds = compute.get("checkpoint_seconds")
    if not isinstance(seconds, int | float | None):
        raise UsageError(f"compute.checkpoint_seconds={seconds} is no number of seconds")
    if seconds is not None and seconds < 0:
        raise UsageError(f"compute.checkpoint_seconds={seconds} is negative; null writes none")
    check_workers(compute)
    if compute["launcher"] not in LAUNCHERS:
        known = ", ".join(LAUNCHERS)
        raise UsageError(f"compute.launcher={compute['launcher']!r} is not one of {known}")
    if compute["launcher"] == "slurm" and compute["workers"] == AUTO:
        raise UsageError("compute.workers=auto is for this machine; say how many jobs SLURM runs")
    device, here = compute.get("device", "cpu"), compute["launcher"] == "local"
    asked = [name for name in compute.get("parameters") or () if "gpu" in name or "gres" in name]
    if not here and device == "cuda" and not compute.get("gpus") and not asked:
        raise UsageError(
            "compute.device=cuda with compute.gpus=0: say how many GPUs a worker has, as in "
            "compute.gpus=1"
        )
    if here or device != "cuda":  # the machines of a cluster may have a GPU that this one lacks
        checked_device(device, "compute.device")


def make_pool(store: Store, compute: dict[str, Any]) -> Pool:
    """The pool a ``compute`` configuration asks for.

    Raises:
        UsageError: See `check_compute`; also where a launcher's library is not installed.
    """
    check_compute(compute)
    if store.unwritable:  # no step will run: what is there is shown, on any machine
        return InlinePool(store)
    launcher = compute["launcher"]
    if launcher == "local":
        number, device = workers_of(compute), compute.get("device")
        found = cards() if device == "cuda" else []
        environments = [gpu_of(worker, compute, found) for worker in range(number)]
        return LocalPool(store, environments) if environments else InlinePool(store)
    from mu.running.cluster import ClusterPool

    if launcher == "ray":
        from mu.running.on_ray import Ray

        return ClusterPool(store, Ray(store, compute), compute)
    from mu.running.on_slurm import Slurm

    return ClusterPool(store, Slurm(store, compute), compute)
