"""Where and how a method runs, and what it leaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

from torch import Tensor

from mu.data.normalisation import Normalisation
from mu.models.base import Learner, Progress
from mu.training.fit import Meter


@dataclass
class Context:
    """Where and how a method runs.

    Attributes:
        watched: Part → batches whose accuracy and loss are noted while a method trains.
        points: How often.
        secret: Gives the key of what a method remembers in a form that only it can read.
        normalisation: How inputs come normalised; None where nobody knows.
    """

    seed: int = 0
    device: str = "cpu"
    precision: str = "32-true"
    channels_last: bool = False
    augment: str | None = None
    progress: Progress | None = None
    watched: Mapping[str, Any] = field(default_factory=dict)
    points: int = 10
    secret: Callable[[], bytes] = token_bytes
    normalisation: Normalisation | None = None


@dataclass
class Unlearned:
    """What a method leaves: a plain Learner, what it remembers, and what it cost.

    Attributes:
        upfront: How many of the meter's passes serve many requests.
        model_of: Where the architecture changed, maps the configuration of the model handed in to
            that of ``learner``.
    """

    learner: Learner
    meter: Meter
    memory: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    trajectory: dict[str, list[Any]] = field(default_factory=dict)
    model_of: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    upfront: dict[str, int] = field(default_factory=dict)

    def cost(self) -> dict[str, Any]:
        """Passes and seconds; those that serve many requests also apart, as set-up."""
        return self.meter.facts() | {f"{k}_setup": n for k, n in self.upfront.items()}
