"""Several requests as one: what a method is asked that starts anew from the original each time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.data.base import removed_elements
from mu.data.build import build_data
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.forget_sets.request import selection


def union(selections: Sequence[Artifact]) -> Request:
    """One request for all elements of some selections.

    Raises:
        UsageError: They are of different kinds, which no single request can name.
    """
    removed = removed_elements(selections)
    if len(removed) > 1:
        raise UsageError(
            f"sequence=cumulative joins requests of one kind, and these are of {', '.join(removed)}"
        )
    ((kind, ids),) = removed.items()
    return Request(kind, np.asarray(ids))


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Step ``union``: the selections ``inputs["removed"]`` as one request to the original."""
    return selection(build_data(config["data"]), union(inputs["removed"]), {})
