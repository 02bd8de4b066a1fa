"""One search: a method's options for one data set, model and kind of request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mu.tuning.space import starting_point, suggested

if TYPE_CHECKING:
    from optuna import Study, Trial

WORST = 1.0  # the largest average gap of accuracies: what a trial counts that failed
SEED = 0


@dataclass
class Tried:
    """One trial.

    Attributes:
        options: What was tried.
        objective: Mean average gap to the oracles, `WORST` where the method failed.
        error: Why it failed, or None.
    """

    options: dict[str, Any]
    objective: float
    error: str | None = None


@dataclass
class Search:
    """Optuna's proposals for one method on one kind of request, and what came of them.

    The first trial takes the method's defaults, as far as the space holds them. Proposals depend on
    a fixed seed and on earlier objectives only, so that a search that is repeated is the same one.

    Attributes:
        method: Its name.
        kind: Kind of the requests.
        data: Name of the data set.
        model: Name of the model.
        config: The method's YAML.
        space: Its ``search`` section.
    """

    method: str
    kind: str
    data: str
    model: str
    config: Mapping[str, Any]
    space: Mapping[str, Mapping[str, Any]]
    tried: list[Tried] = field(default_factory=list)
    refused: str | None = None  # why the method cannot serve such requests

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=SEED, n_startup_trials=5)
        self.study: Study = optuna.create_study(direction="minimize", sampler=sampler)
        self.study.enqueue_trial(starting_point(self.config, self.space))
        self.asked: Trial | None = None

    @property
    def place(self) -> dict[str, str]:
        """What the result holds for."""
        return {"data": self.data, "model": self.model, "request": self.kind}

    def ask(self) -> dict[str, Any]:
        """Options of the next trial."""
        self.asked = self.study.ask()
        return suggested(self.asked, self.space)

    def tell(self, tried: Tried) -> None:
        """Take the outcome of the trial that was asked for last."""
        assert self.asked is not None
        self.study.tell(self.asked, tried.objective)
        self.tried.append(tried)

    @property
    def best(self) -> Tried:
        """The trial with the smallest objective, the earliest of equal ones."""
        return min(self.tried, key=lambda one: one.objective)
