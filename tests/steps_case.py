"""Steps of a test's own in a folder of modules, beside a torch that takes no time to import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
