"""Honest timing: two variants alternated in one process, the ratio pair by pair."""

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
    ratios, seconds = [], []
    for _ in range(n):
        start = time.perf_counter()
        ours()
        middle = time.perf_counter()
        floor()
        end = time.perf_counter()
        ratios.append((middle - start) / (end - middle))
        seconds.append(middle - start)
    median = statistics.median(ratios)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"{name}: {median:.2f} ({spread}, n={n}); {statistics.median(seconds):.3f} s")
    return median


def conditions() -> None:
    """Print what the numbers were measured on."""
    torch.set_num_threads(1)
    print(f"one thread, {platform.processor() or platform.machine()}, torch {torch.__version__}")
