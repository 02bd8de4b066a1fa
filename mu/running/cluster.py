"""Steps on other machines, in workers that a cluster starts and that connect to this process.

A step is often too small for a submission of its own: it would wait for the queue, for a poll, and
for imports. A worker is one job of the cluster and takes step after step, as a worker on this
machine does. Workers are asked for together, in one array, as steps get ready; they leave when
there is nothing for them, when the run is stopped, and when this process is gone.
"""

import asyncio
import os
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from mu.errors import MuError, StepFailed, UsageError
from mu.running.full_disk import Room
from mu.running.installed import digest_of_mu
from mu.running.jobs import Job, Progress
from mu.running.joining import KEY, Invitation, as_connection, greeted
from mu.running.pool import TRIES, follow
from mu.storing.inventory import CLUSTER
from mu.storing.store import Store

GATHER = 0.2  # seconds in which steps get ready together: their workers are asked for in one call
LOOK = 15.0  # seconds between two questions whether those that have not come yet still will
EVICTIONS = 50  # workers that the cluster may take away from one step
SEEN = 90.0  # seconds until a file of another machine is seen here, as NFS has it


@dataclass(frozen=True)
class Loss:
    """Why a worker is gone.

    Attributes:
        why: In words.
        evicted: The cluster took it, by no fault of the step; the step is tried again.
        returns: The cluster starts it again by itself.
        cancelled: Somebody cancelled it, and with it the step.
    """

    why: str
    evicted: bool = False
    returns: bool = False
    cancelled: bool = False


class Cluster(Protocol):
    """Where workers are asked for."""

    folder: Path
    most: int

    def start(self, numbers: Sequence[int], invitation: Invitation) -> None:
        """Ask for workers of these numbers, in one call.

        Raises:
            UsageError: The cluster refuses.
        """
        ...

    def ended(self, numbers: Collection[int]) -> dict[int, str]:
        """Of workers that have not connected, those that never will, and why; one call for all."""
        ...

    def lost(self, number: int, place: str) -> Loss:
        """What became of a worker whose connection ended."""
        ...

    def log(self, number: int) -> str:
        """Where a worker wrote what it had to say."""
        ...

    def stop(self) -> None:
        """Cancel every worker of this run."""
        ...


@dataclass
class Member:
    """A worker that has connected."""

    number: int
    place: str
    link: Connection

    @property
    def left(self) -> bool:
        """Whether it has gone while it had nothing to do, when it has nothing to say."""
        try:
            return self.link.poll()
        except OSError:
            return True


class ClusterPool:
    """Persistent workers on the machines of a cluster.

    Args:
        store: Where results go: on a file system that all machines share.
        cluster: Starts them.
        compute: ``host`` (by which name they find this machine), ``idle_seconds``.
    """

    def __init__(self, store: Store, cluster: Cluster, compute: dict[str, Any]) -> None:
        self.store, self.cluster, self.most, self.room = store, cluster, cluster.most, Room()
        self.threads = ThreadPoolExecutor(self.most)
        self.changed = threading.Condition()
        self.idle: list[Member] = []
        self.members: set[Connection] = set()
        self.coming: set[int] = set()  # numbers of workers that were asked for
        self.waiting = self.number = 0
        self.refused: MuError | None = None
        self.closed = False
        self.door = socket.create_server(("", 0), backlog=self.most)
        self.key = new_key(cluster.folder)
        self.invitation = Invitation(
            str(store.root),
            str(cluster.folder),
            names_of_this_machine(compute.get("host")),
            self.door.getsockname()[1],
            float(compute.get("idle_seconds", 120)),
        )
        for service in (self.welcome, self.ask):
            threading.Thread(target=service, daemon=True).start()

    async def run(self, job: Job, progress: Progress) -> None:
        """See `mu.running.pool.Pool.run`."""
        await asyncio.get_running_loop().run_in_executor(self.threads, self.work, job, progress)

    def work(self, job: Job, progress: Progress) -> None:
        """Have one step done; called in a thread.

        Raises:
            MuError: What the step raised.
            StepFailed: Its workers died over it as often as they may, or were cancelled.
        """
        died = evicted = 0
        with self.room.left():
            while True:
                member = self.take()
                loss = self.attempt(member, job, progress)
                if loss is None:
                    return self.see(job, member)
                died, evicted = died + (not loss.evicted), evicted + loss.evicted
                if loss.cancelled or died >= TRIES or evicted >= EVICTIONS:
                    times = f", {died + evicted} times" if died + evicted > 1 else ""
                    where = self.cluster.log(member.number)
                    raise StepFailed(f"its worker {loss.why}{times}; log: {where}")

    def attempt(self, member: Member, job: Job, progress: Progress) -> Loss | None:
        """Have a worker do a step; what became of the worker where it did not come back."""
        try:
            follow(member.link, job, progress)
        except (EOFError, OSError):
            return self.lose(member)
        finally:  # the step's own error leaves the worker as it was
            self.give_back(member)
        return None

    def take(self) -> Member:
        """A worker that has nothing to do, once there is one.

        Raises:
            MuError: There will be none.
        """
        with self.changed:
            self.waiting += 1
            self.changed.notify_all()
            try:
                while True:
                    if self.closed:
                        raise StepFailed("the run was stopped")
                    while self.idle:
                        member = self.idle.pop()  # the last one that worked: the others may leave
                        if not member.left:
                            return member
                        self.forget(member)
                    if self.refused:
                        raise self.refused
                    self.changed.wait()
            finally:
                self.waiting -= 1

    def give_back(self, member: Member) -> None:
        """A worker has nothing to do any more."""
        with self.changed:
            if member.link in self.members and member not in self.idle:
                self.idle.append(member)
                self.changed.notify_all()

    def forget(self, member: Member) -> None:
        """A worker has left."""
        with self.changed:
            self.members.discard(member.link)
            member.link.close()

    def lose(self, member: Member) -> Loss:
        """A worker has gone within a step: what became of it."""
        self.forget(member)
        if self.closed:
            raise StepFailed("the run was stopped")
        loss = self.cluster.lost(member.number, member.place)
        with self.changed:
            if loss.returns:
                self.coming.add(member.number)
        return loss

    def see(self, job: Job, member: Member) -> None:
        """Wait until what another machine wrote is seen here.

        Raises:
            StepFailed: It never is.
        """
        end, folder = time.monotonic() + SEEN, self.store.path(job.step, job.key)
        while not folder.is_dir():
            if time.monotonic() > end:
                raise StepFailed(
                    f"{member.place} wrote {folder}, which is not here: the store must lie on a "
                    "file system that all machines share"
                )
            with suppress(OSError):  # NFS looks again where a folder is read
                os.listdir(folder.parent)
            time.sleep(0.1)

    def welcome(self) -> None:
        """A thread that lets workers in."""
        while not self.closed:
            try:
                link = as_connection(self.door.accept()[0])
            except OSError:  # the door was closed
                return
            threading.Thread(target=self.admit, args=(link,), daemon=True).start()

    def admit(self, link: Connection) -> None:
        """Let a worker in that has the key; a stranger that says nothing keeps nobody waiting."""
        try:
            number, place, code = greeted(link, self.key)
        except (OSError, EOFError, AuthenticationError):
            link.close()
            return
        with self.changed:
            self.coming.discard(number)
            if code != digest_of_mu():
                link.close()
                self.refuse(
                    UsageError(f"{place} has another version of mu than {socket.gethostname()}")
                )
            elif self.closed:
                link.close()
            else:
                self.members.add(link)
                self.give_back(Member(number, place, link))

    def ask(self) -> None:
        """A thread that asks the cluster for workers, and looks whether they still come."""
        looked = time.monotonic()
        while not self.closed:
            with self.changed:
                self.changed.wait_for(lambda: self.closed or self.short > 0, LOOK)
            time.sleep(GATHER)
            with self.changed:
                numbers = range(self.number, self.number + max(self.short, 0))
                self.number += len(numbers)
                self.coming |= set(numbers)
            if numbers and not self.closed:
                self.start(numbers)
            if self.coming and time.monotonic() - looked > LOOK:
                looked = time.monotonic()
                self.look()

    @property
    def short(self) -> int:
        """How many workers more could be put to use."""
        room = self.most - len(self.members) - len(self.coming)
        return min(self.waiting - len(self.coming), room) if not self.refused else 0

    def start(self, numbers: Sequence[int]) -> None:
        """Ask for workers; once the cluster has given some, a refusal says that it is full."""
        try:
            self.cluster.start(numbers, self.invitation)
        except UsageError as error:
            with self.changed:
                self.coming -= set(numbers)
                self.most = len(self.members) + len(self.coming)
                if not self.most:
                    self.refuse(error)

    def look(self) -> None:
        """Count no more on workers that ended before they connected."""
        ended = self.cluster.ended(set(self.coming))
        with self.changed:
            never = {n: why for n, why in ended.items() if n in self.coming}
            self.coming -= set(never)
            if never and not self.members and not self.coming:
                number, why = next(iter(never.items()))
                where = self.cluster.log(number)
                self.refuse(UsageError(f"a worker {why} before it connected; log: {where}"))

    def refuse(self, error: MuError) -> None:
        """No step will find a worker any more."""
        with self.changed:
            self.refused = error
            self.changed.notify_all()

    def close(self) -> None:
        """Cancel the workers, and let those that wait for them go."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        with suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there
        self.door.close()
        self.cluster.stop()
        with self.changed:
            for link in self.members:
                hang_up(link)
        self.threads.shutdown(wait=False, cancel_futures=True)
        if not self.number:  # nobody was asked for: there is nothing to read in it
            shutil.rmtree(self.cluster.folder, ignore_errors=True)


def hang_up(link: Connection) -> None:
    """End a connection, also for a thread of this process that waits for what comes from it."""
    with suppress(OSError), socket.socket(fileno=os.dup(link.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


def new_key(folder: Path) -> bytes:
    """A secret in a run's folder, which nobody else may read."""
    key = os.urandom(32)
    with open(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def run_folder(store: Store) -> Path:
    """A folder of the store for one run on a cluster: its key, and the logs of its workers."""
    store.check_writable()
    folder = store.root / CLUSTER / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    folder.parent.mkdir(exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder


def cluster_library(name: str, extra: str) -> Any:
    """What reaches a cluster.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"launcher {extra} needs {name}: pip install 'mu[{extra}]'") from error


def names_of_this_machine(host: str | None) -> tuple[str, ...]:
    """By which names and addresses other machines may find this one; by one that is given."""
    if host:
        return (host,)
    name = socket.gethostname()
    found = [name, socket.getfqdn()]
    with suppress(OSError):
        found += socket.gethostbyname_ex(name)[2]
    return tuple(dict.fromkeys(found))
