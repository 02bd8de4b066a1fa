"""Models that help to select: trained for one selection, from seeds of their own, never scored."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mu.running.jobs import Ref

SELECTING = 5_000  # first of a pair's seeds that only models of a selection have


class Trainer(Protocol):
    """What trains them: `mu.steps.Steps`."""

    async def holdout(self, before: Sequence[Ref], number: int, **which: int) -> Ref:
        """A part of what is kept, for a model to be trained without."""
        ...

    async def helper(
        self, removed: Sequence[Ref], before: Sequence[Ref], number: int
    ) -> tuple[Ref, Ref]:
        """A model trained without ``removed``, and its signals."""
        ...


@dataclass(frozen=True)
class Helpers:
    """The models of one selection, in the store.

    Attributes:
        signals: What each says of the data; those of ``learners`` are the last.
        holdouts: What the first were trained without; empty where all saw everything.
        learners: Those that are handed over themselves.
    """

    signals: list[Ref]
    holdouts: list[Ref]
    learners: list[Ref]


async def helpers(
    trainer: Trainer, asked: dict[str, int], before: Sequence[Ref], same_seed: bool = False
) -> Helpers:
    """Train what a request asks for.

    Args:
        trainer: Trains on the request's data, with its model and recipe or with those of its
            ``surrogate``.
        asked: What `mu.forget_sets.wants.wants` says.
        before: The selections before.
        same_seed: Whether the first learner is the very model that is scored.
    """
    holdouts = await held_out(trainer, asked, before)
    without: Sequence[Ref | None] = holdouts or [None] * asked.get("models", 0)
    seeds = [SELECTING + n for n in range(asked.get("learners", 0))]
    if same_seed:
        seeds[0] = 0
    found = await gather(
        *(
            trainer.helper((*before, part) if part else before, before, SELECTING + n)
            for n, part in enumerate(without)
        ),
        *(trainer.helper(before, before, n) for n in seeds),
    )
    signals, learners = [one for _, one in found], [one for one, _ in found]
    return Helpers(signals, holdouts, learners[len(without) :])


async def held_out(trainer: Trainer, asked: dict[str, int], before: Sequence[Ref]) -> list[Ref]:
    """What each model is trained without: the other half, or a fold."""
    folds = asked.get("folds", 0)
    which = [{"half": k} for k in range(asked.get("halves", 0))]
    which += [{"fold": k, "folds": folds} for k in range(folds)]
    return list(await gather(*(trainer.holdout(before, SELECTING, **one) for one in which)))
