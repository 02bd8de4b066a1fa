"""Honest timing: two variants alternated in one process, the ratio pair by pair.

Seconds of the processor decide, since others who use the machine add nothing to them; those on the
clock stand beside them.
"""

import platform
import statistics
import time
from collections.abc import Callable

import torch


def compare(
    name: str, ours: Callable[[], object], floor: Callable[[], object], n: int = 7
) -> float:
    """Print and return the median of ours ÷ floor over n alternations, after one warm-up."""
    ours(), floor()
    both = [(_spent(ours), _spent(floor)) for _ in range(n)]
    ratios, clock = ([own[i] / other[i] for own, other in both] for i in range(2))
    median, seconds = statistics.median(ratios), statistics.median(own[0] for own, _ in both)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    beside = f"{statistics.median(clock):.2f} on the clock"
    print(f"{name}: {median:.2f} ({spread}, n={n}; {beside}); {seconds:.3f} s")
    return median


def _spent(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the processor, and on the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - processor, time.perf_counter() - clock


def conditions() -> None:
    """Print what the numbers were measured on."""
    torch.set_num_threads(1)
    print(f"one thread, {platform.processor() or platform.machine()}, torch {torch.__version__}")
