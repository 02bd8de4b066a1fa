"""Honest timing: two variants alternated in one process, the ratio pair by pair."""

import platform
import statistics
import time
from collections.abc import Callable

import torch


def compare(
    name: str, ours: Callable[[], object], floor: Callable[[], object], n: int = 7
) -> float:
    """Print and return the median of ours ÷ floor over n alternations, after one warm-up.

    Returned is the ratio of the clock; that of the processor's seconds, printed beside it, does not
    count what others do on a busy machine.
    """
    ours(), floor()
    ratios, of_processor, seconds = [], [], []
    for _ in range(n):
        start = time.perf_counter(), time.process_time()
        ours()
        middle = time.perf_counter(), time.process_time()
        floor()
        end = time.perf_counter(), time.process_time()
        ratios.append((middle[0] - start[0]) / (end[0] - middle[0]))
        of_processor.append((middle[1] - start[1]) / (end[1] - middle[1]))
        seconds.append(middle[0] - start[0])
    median = statistics.median(ratios)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    processor = f"processor {statistics.median(of_processor):.2f}"
    print(
        f"{name}: {median:.2f} ({spread}, n={n}), {processor}; {statistics.median(seconds):.3f} s"
    )
    return median


def conditions() -> None:
    """Print what the numbers were measured on."""
    torch.set_num_threads(1)
    print(f"one thread, {platform.processor() or platform.machine()}, torch {torch.__version__}")
