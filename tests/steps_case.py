"""Steps of a test's own in a folder of modules, beside a torch that takes no time to import."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 300  # seconds; others may use the machine, so only what never comes is late
# Importing torch takes seconds, and these workers only set its number of threads.
TORCH = """
from pathlib import Path

__version__ = "0"

class backends:
    class cpu:
        get_cpu_capability = staticmethod(lambda: "NONE")

def set_num_threads(number):
    Path(__file__).with_name("threads").write_text(str(number))
"""


def write_steps(folder: Path, module: str, steps: str) -> None:
    (folder / f"{module}.py").write_text(steps)
    (folder / "torch.py").write_text(TORCH)


@contextmanager
def importable(folder: Path, module: str, steps: str) -> Iterator[pytest.MonkeyPatch]:
    """The folder with these steps, first on the path of this process and of its workers."""
    write_steps(folder, module, steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield patch


def gone(pid: int) -> bool:
    """Whether a process ends (or is a zombie) before it is late."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
