"""Pools beyond one machine: Ray and SLURM. The store must lie on a shared file system."""

import asyncio
import socket
from collections.abc import Awaitable
from importlib import import_module
from pathlib import Path
from typing import Any

from mu.errors import MuError, StepFailed, UsageError
from mu.running.full_disk import Room
from mu.running.jobs import Job, Progress, execute, one_line, set_threads, transferable
from mu.running.machine import AUTO
from mu.storing.store import Store

PATIENCE = 5.0  # seconds until an address does not answer
POLL = 0.5  # seconds between two looks at a job


def run_remotely(root: str, job: Job) -> MuError | None:
    """Run one job in a process that the cluster started; its error is returned, not raised."""
    from mu.running.worker import quiet

    quiet()
    try:
        set_threads(job)
        execute(Store(Path(root)), job)
    except Exception as error:
        return transferable(error)
    return None


async def ended(job: Awaitable[MuError | None]) -> None:
    """Wait for a job; what it returned, or the cluster raised, is raised here."""
    try:
        error = await job
    except Exception as failure:
        raise StepFailed(one_line(failure)) from failure
    if error is not None:
        raise error


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"launcher {extra} needs {name}: pip install 'mu[{extra}]'") from error


def join(ray: Any, address: str | None, cores: int | None) -> None:
    """Join a Ray cluster, or start one on this machine where no address is given.

    Raises:
        UsageError: Nothing answers there, or Ray refuses; Ray itself would try for a minute.
    """
    where, _, port = (address or "").removeprefix("ray://").rpartition(":")
    try:
        if port.isdigit():
            socket.create_connection((where.strip("[]"), int(port)), PATIENCE).close()
        ray.init(address=address, num_cpus=cores)
    except Exception as error:
        raise UsageError(
            f"compute.address={address}: no Ray cluster ({one_line(error)})"
        ) from error


class RayPool:
    """Jobs as Ray tasks of one CPU (and ``gpus`` GPUs) each."""

    def __init__(self, store: Store, compute: dict[str, Any]) -> None:
        self.ray, self.root = _library("ray", "ray"), str(store.root)
        self.room = Room()
        if not self.ray.is_initialized():
            asked = None if compute["workers"] == AUTO else compute["workers"] or None
            join(self.ray, compute.get("address"), asked)
        self.task = self.ray.remote(num_cpus=1, num_gpus=compute.get("gpus", 0))(run_remotely)

    async def run(self, job: Job, progress: Progress) -> None:
        """See `mu.running.pool.Pool.run`."""
        with self.room.left():
            task = self.task.remote(self.root, job)
            try:
                await ended(task)
            except asyncio.CancelledError:
                self.ray.cancel(task, force=True)
                raise

    def close(self) -> None:
        """Leave the cluster."""
        self.ray.shutdown()


class SlurmPool:
    """Jobs as SLURM jobs through submitit, at most ``workers`` at a time."""

    def __init__(self, store: Store, compute: dict[str, Any]) -> None:
        submitit = _library("submitit", "slurm")
        self.root, self.room, self.accepted = str(store.root), Room(), False
        try:
            self.executor = submitit.AutoExecutor(
                folder=store.root / "slurm", cluster=compute.get("cluster")
            )
            self.executor.update_parameters(**(compute.get("parameters") or {}))
        except Exception as error:  # whatever submitit thinks of a cluster or a parameter
            raise UsageError(f"compute: no SLURM jobs ({one_line(error)})") from error
        self.slots = asyncio.Semaphore(max(compute["workers"], 1))

    async def run(self, job: Job, progress: Progress) -> None:
        """See `mu.running.pool.Pool.run`."""
        async with self.slots:
            with self.room.left():
                submitted = self.submit(job)
                try:
                    # a thread that waited for the result would hold up the end of the run
                    while not await asyncio.to_thread(submitted.done):
                        await asyncio.sleep(POLL)
                except asyncio.CancelledError:
                    submitted.cancel()
                    raise
                await ended(asyncio.to_thread(submitted.result))

    def submit(self, job: Job) -> Any:
        """Hand a job to SLURM.

        Raises:
            UsageError: It refuses the first one: a wrong partition or account, for instance.
            StepFailed: It refuses a later one.
        """
        try:
            submitted = self.executor.submit(run_remotely, self.root, job)
        except Exception as error:
            kind = StepFailed if self.accepted else UsageError
            reason = f"SLURM refuses the job, see compute.parameters ({one_line(error)})"
            raise kind(reason) from error
        self.accepted = True
        return submitted

    def close(self) -> None:
        """Nothing to let go of: a job that is not waited for any more was cancelled."""
