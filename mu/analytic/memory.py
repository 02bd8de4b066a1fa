"""A ridge head among the tensors that a state remembers."""

import json
from typing import Any

import torch
from torch import Tensor

from mu.analytic.head import AnalyticHead

SOLVED: dict[str, Any] = {"crossover": 0}  # one request is solved anew: the state holds no inverse
ABOUT = "about"  # the JSON among the tensors that a head is stored as


def remembered(head: AnalyticHead) -> dict[str, Tensor]:
    """A head as tensors, for the state that a request leaves."""
    about, tensors = head.state()
    return {ABOUT: torch.tensor(list(json.dumps(about).encode()), dtype=torch.uint8), **tensors}


def recalled(memory: dict[str, Tensor], key: bytes) -> AnalyticHead:
    """The head of the tensors that `remembered` gave.

    Raises:
        UsageError: The key is not the one that the head was made with.
    """
    about = json.loads(bytes(memory[ABOUT].tolist()))
    return AnalyticHead.of_state(about, memory, key, **SOLVED)
