"""What selectors share that read models."""

from mu.data.base import Ids
from mu.errors import UsageError
from mu.evaluation.signals import Floats
from mu.forget_sets.budget import budget, check_order, extremes
from mu.forget_sets.helper_model import trained_elements
from mu.forget_sets.select import Scene
from mu.forget_sets.wants import wants


class ReadsModels:
    """A selector that chooses by what models do, which are trained for it and never evaluated.

    How many it reads, and what they are trained on, its configuration says; see
    `mu.forget_sets.wants.wants`.

    Args:
        share: Share of the elements still kept, in (0, 1).
        count: Or their number.
        kind: Kind of element; each must stand for one training sample.
        asked: The options among ``models``, ``halves``, ``folds`` and ``learners`` that it has.

    Raises:
        UsageError: A number of models that is none.
    """

    def __init__(self, share: float | None, count: int | None, kind: str, **asked: int) -> None:
        self.share, self.count, self.kind, self.asked = share, count, kind, wants(asked)

    def elements(self, scene: Scene) -> tuple[Ids, Ids]:
        """(n,) elements that the models know, and the training sample each stands for.

        Raises:
            UsageError: Other models than asked for; see also `trained_elements`.
        """
        wanted, learners = sum(self.asked.values()), self.asked.get("learners", 0)
        given = scene.models
        without = any(model.learner is None for model in given[len(given) - learners :])
        if len(given) != wanted or without:
            said = ", ".join(f"{option}: {number}" for option, number in self.asked.items())
            raise UsageError(
                f"{type(self).__name__} reads {wanted} models and was given {len(given)}; "
                f"its configuration must say {said}"
            )
        return trained_elements(scene.data, self.kind, scene.available, given)


class Ranks(ReadsModels):
    """A selector of the elements at one end of an order, which models give.

    Args:
        order: ``highest`` or ``lowest``.
        asked: As for `ReadsModels`.
        share: Share of the elements still kept, in (0, 1).
        count: Or their number.
        kind: Kind of element; each must stand for one training sample.

    Raises:
        UsageError: An order or a number of models that is none.
    """

    def __init__(
        self,
        order: str,
        asked: dict[str, int],
        share: float | None = None,
        count: int | None = None,
        kind: str = "samples",
    ) -> None:
        super().__init__(share, count, kind, **asked)
        self.order = check_order(order)

    def select(self, scene: Scene) -> Ids:
        """Ids of the elements, sorted; among equal values the lowest ids.

        Raises:
            UsageError: See `ReadsModels.elements` and `budget`.
            CellFailed: A value is not finite.
        """
        ids, samples = self.elements(scene)
        wanted = budget(self.share, self.count, len(ids))
        return extremes(ids, self.ranked(scene, samples), self.order, wanted)

    def ranked(self, scene: Scene, samples: Ids) -> Floats:
        """(n,) what the order is by, for the sample of each element."""
        raise NotImplementedError
