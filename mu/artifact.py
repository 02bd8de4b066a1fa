"""What a step leaves behind, and the digest of plain data."""

import json
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Artifact:
    """What a step leaves behind: JSON facts, numpy arrays and torch tensors by name.

    ``files`` are those too large for memory that the step wrote itself, by the names of
    `mu.storing.inventory.LARGE`; the store moves them into the artifact, and reads none of them.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    tensors: "dict[str, Tensor]" = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


def digest(value: object) -> str:
    """Digest of anything JSON can hold; dictionaries by content, not by order.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digest_of_file(path: Path) -> str:
    """Digest of the content of a file."""
    value = blake2b(digest_size=16)
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            value.update(chunk)
    return value.hexdigest()
