"""What this machine computes with, found out rather than assumed."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mu.doors.device import processor_name
from mu.running.machine import cores

BF16 = ("amx_bf16", "avx512_bf16", "avx10", "bf16")  # flags of /proc/cpuinfo; the last is Arm's
SIZE = 384
REPEATS = 5


def processor() -> dict[str, Any]:
    """Name, cores this process may use, load, and the flags that matter to bfloat16."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    facts = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    return {
        "name": processor_name(),
        "machine": platform.machine(),
        "cores": cores(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "bf16_flags": sorted(flags & set(BF16)),
        "avx512": "avx512f" in flags,
    }


def accelerators() -> list[str]:
    """Names of the devices beside the CPU that torch can use, as ``compute.device`` calls them."""
    import torch

    found = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def bf16_probe() -> dict[str, Any]:
    """Time one matrix product in float32 and in bfloat16 on the CPU.

    Returns:
        ``ratio``: time in bfloat16 divided by time in float32, best of a few; ``verdict`` in words.
    """
    import torch

    def once(dtype: torch.dtype) -> Callable[[], object]:
        a = torch.ones(SIZE, SIZE, dtype=dtype)
        return lambda: a @ a

    ratio = _fastest(once(torch.bfloat16)) / _fastest(once(torch.float32))
    return {"ratio": ratio, "verdict": bf16_verdict(ratio)}


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few calls, after one that is not counted."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return max(min(times), 1e-9)


def bf16_verdict(ratio: float) -> str:
    """What a ratio of times means.

    Example:
        >>> bf16_verdict(0.4), bf16_verdict(1.1), bf16_verdict(8.0)
        ('faster than float32', 'no faster than float32', 'emulated')
    """
    if ratio < 0.8:
        return "faster than float32"
    return "no faster than float32" if ratio < 1.5 else "emulated"
