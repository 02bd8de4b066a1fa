"""Where to compute: on the CPU or on a GPU that is there."""

import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

from mu.errors import UsageError


def checked_device(device: Any, name: str = "device") -> str:
    """The device as a word: ``cpu``, ``cuda`` or ``mps`` (the GPU of an Apple machine).

    Args:
        device: A word, or a `torch.device`.
        name: What it is called where it was given.

    Raises:
        UsageError: Another word, one GPU of several by number, or no GPU that torch can use.

    Example:
        >>> checked_device("cpu")
        'cpu'
        >>> checked_device("cuda:1")
        Traceback (most recent call last):
        mu.errors.UsageError: device='cuda:1' names one GPU of several; take 'cuda', and choose \
the GPU by the environment: CUDA_VISIBLE_DEVICES=1
    """
    word = str(device)
    if word == "cpu":  # said without torch, which takes seconds to import
        return word
    if numbered := re.fullmatch(r"cuda:(\d+)", word):
        raise UsageError(
            f"{name}={word!r} names one GPU of several; take 'cuda', and choose the GPU by the "
            f"environment: CUDA_VISIBLE_DEVICES={numbered[1]}"
        )
    if word not in ("cuda", "mps"):
        raise UsageError(f"{name}={word!r} is neither 'cpu' nor 'cuda' nor 'mps'")
    import torch

    there = torch.cuda if word == "cuda" else torch.backends.mps
    if not there.is_available():
        raise UsageError(f"{name}={word!r}: torch finds no such GPU here; take {name}='cpu'")
    return word


@cache
def processor_name() -> str:
    """The model of this machine's processor, as far as it says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    facts = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    return facts.get("model name") or platform.processor() or platform.machine()
