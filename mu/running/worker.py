"""Entry of a worker process: ``python -m mu.running.worker DESCRIPTOR STORE``."""

import logging
import sys
import warnings
from multiprocessing.connection import Connection
from pathlib import Path


def main() -> None:
    """Serve jobs from the launcher until it goes away."""
    import signal
    import threading

    # The launcher alone answers Ctrl-C; it then closes the pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet()
    from mu.running.jobs import leave_with_parent, serve
    from mu.storing.store import Store

    threading.Thread(target=leave_with_parent, daemon=True).start()
    serve(Connection(int(sys.argv[1])), Store(Path(sys.argv[2])))


def quiet() -> None:
    """Silence what libraries print about themselves; what mu says goes on the card."""
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
