"""What of this machine a run may use: cores, memory, cards."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mu.errors import UsageError

WORKER_GB = 0.8  # what a worker holds before it has any data
AUTO = "auto"
CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores this process may use: by affinity and, in a container, by its share of time."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))


def memory_gb() -> float:
    """GB of memory: of the machine or, in a container, what it may have."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not every system says
        return float("inf")
    with suppress(OSError, ValueError):
        whole = min(whole, int((CGROUP / "memory.max").read_text()))
    return whole / 1e9


def cards(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that torch may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [card.strip() for card in named.split(",") if card.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def check_workers(compute: Mapping[str, Any]) -> None:
    """Refuse numbers of workers that are none.

    Raises:
        UsageError: Naming the option.
    """
    for name, words in {"workers": (AUTO,), "workers_per_gpu": ()}.items():
        value = compute.get(name, 1)
        least = 0 if name == "workers" else 1
        count = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not count and value not in words:
            also = f", or {words[0]}" if words else ""
            raise UsageError(f"compute.{name}={value!r} is not a number from {least} on{also}")


def workers_of(compute: Mapping[str, Any], found: Sequence[str] | None = None) -> int:
    """How many processes a ``compute`` configuration asks for on this machine.

    ``auto`` is one a core as far as memory goes and, with a GPU, ``workers_per_gpu`` a card.

    Args:
        compute: ``workers``, ``device`` and ``workers_per_gpu``.
        found: The cards; None looks.

    Example:
        >>> workers_of({"workers": "auto", "device": "cuda", "workers_per_gpu": 3}, ["0", "1"])
        6
    """
    if compute["workers"] != AUTO:
        return int(compute["workers"])
    if compute.get("device") == "cuda":
        number = len(cards() if found is None else found)
        return max(1, number) * int(compute.get("workers_per_gpu", 1))
    return max(1, min(cores(), int(memory_gb() / WORKER_GB) - 1))  # one share for the launcher


def gpu_of(worker: int, compute: Mapping[str, Any], found: Sequence[str]) -> dict[str, str]:
    """What the environment of a worker says of its card: cards are dealt out in turn.

    Example:
        >>> gpu_of(3, {"device": "cuda"}, ["0", "2"]), gpu_of(3, {"device": "cpu"}, ["0"])
        ({'CUDA_VISIBLE_DEVICES': '2'}, {})
    """
    if compute.get("device") != "cuda" or not found:
        return {}
    return {"CUDA_VISIBLE_DEVICES": found[worker % len(found)]}


def workers_said(compute: Mapping[str, Any], found: Sequence[str] | None = None) -> str:
    """What a run will use, in words.

    Example:
        >>> workers_said({"workers": 4, "device": "cuda", "launcher": "local"}, ["0", "1"])
        '4 workers on 2 GPUs'
        >>> workers_said({"workers": 0, "device": "cpu", "launcher": "local"})
        '1 worker, this process'
    """
    number = workers_of(compute, found)
    if not number:
        return "1 worker, this process"
    words = f"{number} worker{'s' if number > 1 else ''}"
    if compute.get("device") != "cuda":
        return words
    count = len(cards() if found is None else found)
    return f"{words} on {count} GPU{'s' if count != 1 else ''}"
