"""Workers as long tasks of a Ray cluster, which starts those of a lost machine anew by itself."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mu.errors import UsageError
from mu.running.cluster import Loss, cluster_library, run_folder
from mu.running.jobs import one_line
from mu.running.joining import Invitation, take_part
from mu.running.machine import AUTO
from mu.storing.store import Store

ANSWER = 5.0  # seconds until an address does not answer
NOTICED = 10.0  # seconds in which Ray notices that a machine is gone


class Ray:
    """Asks Ray for workers of one CPU, and ``gpus`` GPUs, each.

    Args:
        store: Below it stand the logs.
        compute: ``workers``, ``address``, ``gpus``.

    Raises:
        UsageError: Ray is missing, or no cluster answers.
    """

    def __init__(self, store: Store, compute: dict[str, Any]) -> None:
        ray = cluster_library("ray", "ray")
        self.ray, self.tasks = ray, dict[int, Any]()
        asked = 0 if compute["workers"] == AUTO else int(compute["workers"])
        self.joined = not ray.is_initialized()
        if self.joined:
            join(ray, compute.get("address"), asked or None)
        gpus = compute.get("gpus") or 0
        self.most = asked or workers_in(ray.cluster_resources(), gpus)
        self.folder = run_folder(store)
        # a worker stays for many steps (max_calls=0 is not Ray's default with a GPU), and is
        # started again whenever its process or its machine is gone
        options = {"num_cpus": 1, "num_gpus": gpus, "max_calls": 0, "max_retries": -1}
        self.task = ray.remote(**options)(in_task)

    def start(self, numbers: Sequence[int], invitation: Invitation) -> None:
        """See `mu.running.cluster.Cluster.start`."""
        for number in numbers:
            self.tasks[number] = self.task.remote(invitation, number, self.log(number))

    def ended(self, numbers: Collection[int]) -> dict[int, str]:
        """See `mu.running.cluster.Cluster.ended`."""
        asked = {self.tasks[number]: number for number in numbers if number in self.tasks}
        if not asked:
            return {}
        ready, _ = self.ray.wait(list(asked), num_returns=len(asked), timeout=0)
        return {asked[task]: self.why(task) for task in ready}

    def why(self, task: Any) -> str:
        """How a task ended, in words."""
        try:
            self.ray.get(task)
        except Exception as error:
            return f"failed ({one_line(getattr(error, 'cause', None) or error)})"
        return "ended"

    def lost(self, number: int, place: str) -> Loss:
        """See `mu.running.cluster.Cluster.lost`."""
        end = time.monotonic() + NOTICED
        while time.monotonic() < end:
            alive = {node["NodeID"] for node in self.ray.nodes() if node["Alive"]}
            if place not in alive:
                return Loss(f"is gone with its machine (Ray node {place[:12]})", True, True)
            time.sleep(1.0)
        return Loss("died", returns=True)

    def log(self, number: int) -> str:
        """See `mu.running.cluster.Cluster.log`."""
        return str(self.folder / f"{number}.log")

    def stop(self) -> None:
        """See `mu.running.cluster.Cluster.stop`."""
        for task in self.tasks.values():
            with suppress(Exception):
                self.ray.cancel(task, force=True)
        if self.joined:
            self.ray.shutdown()


def in_task(invitation: Invitation, number: int, log: str) -> None:
    """A Ray task: one worker, which writes what it says to a file of the store."""
    ray = cluster_library("ray", "ray")
    with written_to(Path(log)):
        take_part(invitation, number, ray.get_runtime_context().get_node_id())


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Have the output of this process in a file; where it cannot be written, where it was."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        yield
        return
    before = [os.dup(1), os.dup(2)]
    for number in (1, 2):
        os.dup2(file, number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in enumerate(before, 1):
            os.dup2(old, number)
            os.close(old)
        os.close(file)


def workers_in(resources: dict[str, float], gpus: float) -> int:
    """How many workers a cluster has room for.

    Example:
        >>> workers_in({"CPU": 8.0, "GPU": 2.0}, 0), workers_in({"CPU": 8.0, "GPU": 2.0}, 0.5)
        (8, 4)
    """
    room = resources.get("CPU", 1.0)
    return max(1, int(min(room, resources.get("GPU", 0.0) / gpus) if gpus else room))


def join(ray: Any, address: str | None, cores: int | None) -> None:
    """Join a Ray cluster, or start one on this machine where no address is given.

    Raises:
        UsageError: Nothing answers there, or Ray refuses; Ray itself would try for a minute.
    """
    where, _, port = (address or "").removeprefix("ray://").rpartition(":")
    cores = None if address or os.environ.get("RAY_ADDRESS") else cores
    quiet = {"logging_level": "ERROR", "log_to_driver": False, "include_dashboard": False}
    try:
        if port.isdigit():
            socket.create_connection((where.strip("[]"), int(port)), ANSWER).close()
        with same_signals():
            ray.init(address=address, num_cpus=cores, **quiet)
    except Exception as error:
        raise UsageError(
            f"compute.address={address}: no Ray cluster ({one_line(error)})"
        ) from error


@contextmanager
def same_signals() -> Iterator[None]:
    """Keep how Ctrl-C and SIGTERM are answered; Ray would answer for the whole program."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, answer in before.items():
                signal.signal(number, answer)
