"""How a worker on another machine joins a run: both ends of its connection."""

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from mu.errors import StepFailed
from mu.running.installed import digest_of_mu

PATIENCE = 20.0  # seconds for an address to answer
KEY = "key"  # the file of a run's folder that only its own workers can read
# Seconds: a machine that vanished is noticed within a minute, at either end.
ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4}


@dataclass(frozen=True)
class Invitation:
    """What a worker has to know before it can ask for steps.

    Attributes:
        root: Folder of the store.
        folder: Folder of this run below it, with the key.
        hosts: Names and addresses of the machine that started the run, tried in turn.
        port: Where it listens.
        idle: Seconds without a step after which the worker leaves.
        path: Folders in which the run finds modules.
        environment: The run's own settings.
    """

    root: str
    folder: str
    hosts: tuple[str, ...]
    port: int
    idle: float
    path: tuple[str, ...] = field(default_factory=lambda: tuple(p or os.getcwd() for p in sys.path))
    environment: dict[str, str] = field(default_factory=lambda: environment_of_workers(os.environ))


def environment_of_workers(environment: Any) -> dict[str, str]:
    """What of an environment decides what a worker does: mu's own variables, and one thread.

    Example:
        >>> environment_of_workers({"MU_DATA_ROOT": "data", "HOME": "/root"})
        {'MU_DATA_ROOT': 'data', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
    """
    own = {name: value for name, value in environment.items() if name.startswith("MU_")}
    return own | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def take_part(invitation: Invitation, number: int, place: str = "") -> None:
    """The life of a worker on another machine: it connects, and takes step after step.

    Args:
        invitation: Of the run.
        number: The worker's own, by which the launcher knows what it asked the cluster for.
        place: What the launcher asks the cluster for to learn what became of it.

    Raises:
        StepFailed: It cannot connect.
    """
    sys.path[:] = dict.fromkeys([*invitation.path, *sys.path])
    os.environ.update(invitation.environment)
    from mu.running.jobs import serve
    from mu.running.worker import quiet
    from mu.storing.store import Store

    quiet()
    link = connect(invitation)
    link.send((number, place or socket.gethostname(), digest_of_mu()))
    threading.Thread(target=leave_with, args=(link, os._exit), daemon=True).start()
    serve(link, Store(Path(invitation.root)), invitation.idle)


def connect(invitation: Invitation) -> Connection:
    """A connection to the launcher, each end sure that the other holds the key.

    Raises:
        StepFailed: There is no store here, or no launcher there.
    """
    try:
        key = (Path(invitation.folder) / KEY).read_bytes()
    except OSError as error:
        raise StepFailed(
            f"{socket.gethostname()} cannot read {invitation.folder} ({error.strerror}): the store "
            "must lie on a file system that all machines share"
        ) from error
    reasons = []
    for host in invitation.hosts:
        try:
            link = as_connection(socket.create_connection((host, invitation.port), PATIENCE))
            answer_challenge(link, key)
            deliver_challenge(link, key)
            return link
        except (OSError, EOFError, AuthenticationError) as error:
            reasons.append(f"{host}:{invitation.port} {error or 'closes the connection'}")
    raise StepFailed(
        f"{socket.gethostname()} does not reach the launcher ({'; '.join(reasons)}): "
        "compute.host=NAME says by which name or address it does"
    )


def as_connection(connected: socket.socket) -> Connection:
    """A connection that carries objects, and ends when the machine at its other end is gone."""
    connected.settimeout(None)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in ALIVE.items():
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return Connection(connected.detach())


def leave_with(link: Connection, leave: Callable[[int], object]) -> None:
    """Leave when the other end of a connection is closed, whatever computes here meanwhile."""
    closed = select.poll()
    closed.register(link.fileno(), getattr(select, "POLLRDHUP", 0))  # an error is always told
    closed.poll()
    leave(0)


def greeted(link: Connection, key: bytes) -> tuple[int, str, str]:
    """The launcher's part of `connect`: the number, place and code of who connected.

    Raises:
        AuthenticationError: Somebody without the key.
        EOFError: It left.
        OSError: The connection broke.
    """
    deliver_challenge(link, key)
    answer_challenge(link, key)
    number, place, code = link.recv()
    return number, place, code


def own_signals() -> None:
    """Be ended at once by what a cluster sends; libraries that submit jobs put it off."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # a warning that the time is nearly over
