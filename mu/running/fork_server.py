"""Worker processes: forked, where that is safe, from one process that has loaded the libraries."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import NamedTuple

from mu.errors import StepFailed

SERVER = "mu.running.worker"  # the module of its process
FORKS = sys.platform == "linux"  # the libraries of other systems have threads once imported


class Started(NamedTuple):
    """A worker process, and the pipe that jobs go into and their ends come out of."""

    pid: int
    pipe: Connection


class ForkServer:
    """Starts workers. The libraries that every step needs are imported once, not once a worker.

    Importing torch and Lightning takes seconds and hundreds of MB. The server only imports, so it
    has one thread, and forking it is safe.

    Args:
        store: Root of the store that workers write to.
        forks: Whether workers are forked; else the server becomes the one worker it starts. Not
            for workers on a GPU: what CUDA sets up in a process does not outlive a fork.
    """

    def __init__(self, store: Path, forks: bool = True) -> None:
        self.store, self.forks = store, forks
        self.process: subprocess.Popen[bytes] | None = None
        self.pipe: Connection | None = None
        self.workers: list[int] = []
        self.closed = False
        self.lock = threading.Lock()  # workers are asked for in threads, the end elsewhere
        self.asking = threading.Lock()  # a question and its answer

    def start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        """Start the server unless it runs.

        Raises:
            StepFailed: The pool was closed.
        """
        with self.lock:
            if self.closed:
                raise StepFailed("the run was stopped")
            if self.process is None or self.pipe is None or self.process.poll() is not None:
                self.workers.clear()
                self.pipe, theirs = Pipe()
                environment = os.environ | {
                    "OMP_NUM_THREADS": "1",
                    "MKL_NUM_THREADS": "1",
                    "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path),
                }
                # Ctrl-C goes to the whole group: until it is ignored, it must not reach the server
                masked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
                try:
                    self.process = subprocess.Popen(
                        [sys.executable, "-m", SERVER, str(theirs.fileno()), str(self.store)],
                        pass_fds=[theirs.fileno()],
                        env=environment,
                        stdin=subprocess.DEVNULL,
                    )
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, masked)
                theirs.close()
            return self.process, self.pipe

    def worker(self, environment: Mapping[str, str]) -> Started:
        """Start a worker; the first takes as long as the imports.

        Args:
            environment: What its environment has more than that of this process.

        Raises:
            StepFailed: The pool was closed.
            EOFError: The server died; an OSError says the same.
        """
        with self.asking:
            process, server = self.start()
            pipe, theirs = Pipe()
            try:
                with theirs:
                    server.send((self.forks, dict(environment)))
                    send_handle(server, theirs.fileno(), process.pid)
                pid: int = server.recv()
            except (EOFError, OSError):
                process.kill()
                process.wait()  # the next one is started anew
                raise
        with self.lock:
            self.workers.append(pid)
            if self.closed:  # while it was on its way
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return Started(pid, pipe)

    def exit_code(self, pid: int | None = None) -> int | None:
        """How a worker ended whose pipe is closed, or the server; None where nobody knows."""
        with self.asking:
            with self.lock:
                process, server = self.process, self.pipe
                if process is None or server is None:
                    return None
                if pid is None:
                    return process.poll()
                if pid not in self.workers:  # of a server that is gone
                    return None
                self.workers.remove(pid)  # asked for, the number may become another's
            if pid == process.pid:
                process.kill()
                return process.wait()
            try:
                server.send(pid)
                code: int = server.recv()
            except (EOFError, OSError):
                return None
            return code

    def close(self) -> None:
        """End the workers, whatever they do: within a training SIGTERM waits for a batch."""
        with self.lock:
            self.closed = True
            if self.process is not None and self.process.poll() is None:
                for pid in self.workers:
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()


def servers(store: Path, environments: Sequence[Mapping[str, str]]) -> list[ForkServer]:
    """What starts each worker: one for all, or each its own where they cannot be forked."""
    if FORKS and not any(environments):
        return [ForkServer(store)] * len(environments)
    return [ForkServer(store, forks=False) for _ in environments]
