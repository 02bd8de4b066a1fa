"""Pools beyond one machine: Ray and SLURM. The store must lie on a shared file system."""

import asyncio
from collections.abc import Awaitable
from importlib import import_module
from pathlib import Path
from typing import Any

from mu.errors import MuError, StepFailed, UsageError
from mu.running.jobs import Job, Progress, execute, one_line, set_threads, transferable
from mu.running.machine import AUTO
from mu.storing.store import Store


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


class RayPool:
    """Jobs as Ray tasks of one CPU (and ``gpus`` GPUs) each."""

    def __init__(self, store: Store, compute: dict[str, Any]) -> None:
        self.ray, self.root = _library("ray", "ray"), str(store.root)
        if not self.ray.is_initialized():
            asked = None if compute["workers"] == AUTO else compute["workers"] or None
            self.ray.init(address=compute.get("address"), num_cpus=asked)
        self.task = self.ray.remote(num_cpus=1, num_gpus=compute.get("gpus", 0))(run_remotely)

    async def run(self, job: Job, progress: Progress) -> None:
        """See `mu.running.pool.Pool.run`."""
        await ended(self.task.remote(self.root, job))

    def close(self) -> None:
        """Leave the cluster."""
        self.ray.shutdown()


class SlurmPool:
    """Jobs as SLURM jobs through submitit, at most ``workers`` at a time."""

    def __init__(self, store: Store, compute: dict[str, Any]) -> None:
        submitit = _library("submitit", "slurm")
        self.root = str(store.root)
        self.executor = submitit.AutoExecutor(
            folder=store.root / "slurm", cluster=compute.get("cluster")
        )
        self.executor.update_parameters(**(compute.get("parameters") or {}))
        self.slots = asyncio.Semaphore(max(compute["workers"], 1))

    async def run(self, job: Job, progress: Progress) -> None:
        """See `mu.running.pool.Pool.run`."""
        async with self.slots:
            submitted = self.executor.submit(run_remotely, self.root, job)
            await ended(asyncio.to_thread(submitted.result))

    def close(self) -> None:
        """Jobs already submitted run on; their results stay in the store."""
