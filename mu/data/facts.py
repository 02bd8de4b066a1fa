"""What the launcher must know of data without importing torch."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mu.errors import UsageError


def data_root() -> Path:
    """``MU_DATA_ROOT``, or ``data`` in the working directory."""
    return Path(os.environ.get("MU_DATA_ROOT") or "data")


def data_files(patterns: Sequence[str]) -> list[list[Any]]:
    """Name, size and time of the files a data set reads: changed files are read anew."""
    root = data_root()
    found = sorted({path for pattern in patterns for path in root.glob(pattern)})
    return [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in found]


def resolved(model: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Fill every ``???`` of a model configuration with the data set's fact of that name.

    Raises:
        UsageError: The data set does not know the name.

    Example:
        >>> resolved({"network": {"num_classes": "???"}}, {"num_classes": 10})
        {'network': {'num_classes': 10}}
    """

    def fill(node: Any, name: str) -> Any:
        if isinstance(node, dict):
            return {key: fill(value, key) for key, value in node.items()}
        if isinstance(node, list):
            return [fill(value, name) for value in node]
        if node == "???":
            if name not in facts:
                raise UsageError(
                    f"the model wants {name}, which the data set does not know; set model.{name}"
                )
            return facts[name]
        return node

    filled: dict[str, Any] = fill(json.loads(json.dumps(model)), "")
    return filled
