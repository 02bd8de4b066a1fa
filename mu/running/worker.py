"""Entry of a server of workers: ``python -m mu.running.worker DESCRIPTOR STORE``."""

import gc
import logging
import os
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path

LIBRARIES = ("mu.running.jobs", "mu.storing.store", "mu.training.fit")  # what nearly all steps need


def main() -> None:
    """Answer the launcher until it goes away (`mu.running.fork_server.ForkServer`)."""
    # The launcher alone answers Ctrl-C; it then closes the pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet()
    with suppress(Exception):  # what is amiss with a library, the step that needs it says
        for name in LIBRARIES:
            import_module(name)
    gc.collect()
    gc.freeze()  # else a collection writes to what workers share, and so copies it
    start_workers(Connection(int(sys.argv[1])), Path(sys.argv[2]))


def start_workers(launcher: Connection, store: Path) -> None:
    """Start workers and tell how they ended, until the launcher is gone."""
    own = os.getpid()
    while True:
        try:
            asked = launcher.recv()
            if isinstance(asked, int):
                launcher.send(ended(asked))
                continue
            forks, environment = asked
            pipe = Connection(recv_handle(launcher))
        except (EOFError, OSError):
            return
        if forks and (pid := os.fork()):
            pipe.close()
            launcher.send(pid)
            continue
        if not forks:
            launcher.send(os.getpid())
        launcher.close()
        os.environ.update(environment)
        work(pipe, store, parent=own if forks else os.getppid())
        return


def ended(pid: int) -> int:
    """The exit code of a worker that closed its pipe, and is of no use if it should live on."""
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def work(pipe: Connection, store: Path, parent: int) -> None:
    """Serve jobs until the launcher or the server goes away."""
    import threading

    from mu.running.jobs import leave_with_parent, serve
    from mu.storing.store import Store

    threading.Thread(target=leave_with_parent, args=[parent], daemon=True).start()
    serve(pipe, Store(store))


def quiet() -> None:
    """Silence what libraries print about themselves; what mu says goes on the card."""
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
