"""Where and how a search runs methods."""

from collections.abc import Mapping
from dataclasses import dataclass

from mu.data.base import Ids
from mu.unlearning.context import Context


@dataclass(frozen=True)
class Setting:
    """What a selector needs to try methods.

    Attributes:
        before: Elements already forgotten, by kind.
        context: Where and how a method runs; its seed is the selection's.
        batch_size: Samples a batch where losses are looked at.
    """

    before: Mapping[str, Ids]
    context: Context
    batch_size: int | None = None
