"""A process that runs groups of cells: one thread, no warnings, a folder of its own."""

import logging
import os
import tempfile
import time
import warnings
from typing import Any


def quiet() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.chdir(tempfile.mkdtemp(prefix="matrix"))
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import torch

    torch.set_num_threads(1)


def work(group: tuple[str, str]) -> list[Any]:
    from matrix.whole import cells

    start = time.perf_counter()
    found = list(cells(*group))
    return [found, time.perf_counter() - start]
