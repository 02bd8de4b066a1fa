"""What a step leaves behind, and the digest of plain data."""

import json
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Artifact:
    """What a step leaves behind: JSON facts, numpy arrays and torch tensors by name."""

    facts: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    tensors: "dict[str, Tensor]" = field(default_factory=dict)


def digest(value: object) -> str:
    """Digest of anything JSON can hold; dictionaries by content, not by order.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()
