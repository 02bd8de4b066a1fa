"""The worst case: a bi-level search for what a method leaves known (arXiv 2403.07362)."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from mu.data.base import Ids
from mu.errors import UsageError
from mu.evaluation.signals import Floats
from mu.forget_sets.budget import budget
from mu.forget_sets.helper_model import losses
from mu.forget_sets.reads_models import ReadsModels
from mu.forget_sets.search.bilevel import Found, LowerLosses, bilevel, overlap
from mu.forget_sets.search.hypergradient import one_step
from mu.forget_sets.search.lower import LowerLevel
from mu.forget_sets.search.projection import project, top_m, upper_step
from mu.forget_sets.search.setting import Setting
from mu.forget_sets.search.units import Units, units_of
from mu.forget_sets.select import Scene
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, one_of

__all__ = ["WorstCaseSelector", "project", "top_m", "upper_step"]

DIRECTIONS = {"hardest": 1, "easiest": -1}
STARTS = ("one_pass", "random")
UNMOVED = 0.95  # overlap with a random start above which a search is said not to have moved


class WorstCaseSelector(ReadsModels):
    r"""Elements whose loss stays lowest once they are forgotten (Fan et al., arXiv 2403.07362).

    .. math:: \min_w \sum_i w_i \, \ell(z_i; \theta_u(w)) + \gamma \lVert w \rVert^2
        \quad\text{s.t.}\quad 0 \le w \le 1, \; \sum_i w_i = m

    Alternates between the lower level, a method that forgets with weights w, and one step on w.
    What is found is redundant: a model that never saw it knows it too. It is not what costs most to
    forget; see `mu.forget_sets.hard_to_unlearn`.

    What a lower level leaves depends on what it draws: on the order of batches above all. A search
    that sees one order alone, as published, finds the samples that this order happens to leave
    known, and other orders do not. So each iteration draws its own (``reseed``) and starts from the
    next of the ``learners``, and the step follows the mean over the iterations (``average``).

    Beside the set the search says what the m lowest losses of the model before forgetting give
    (one pass) and a random set: mean losses once each is forgotten wholly by the same lower level,
    with draws that the search has not seen, the same for each set (``checks`` of them). By default
    it begins at the first of them, and returns it where what was found is not better.

    Args:
        lower: The method of the lower level.
        share, count: How many units.
        kind: Kind of element; each must stand for one training sample.
        unit: "element", "class", or a level of labels; a unit goes as a whole.
        reduce: "mean" or "sum" of the losses in a unit.
        direction: "hardest", or "easiest": what is forgotten best.
        membership: "fractional" weights in the loss, or "binary" sets, which any method forgets.
        upper_steps: Iterations at most.
        upper_step: Size of a step.
        upper_kind: "relative" to how far the m lowest losses are apart, or "absolute" as published.
        gamma: γ.
        hypergradient: "sign": losses alone, exact where the lower level takes sign steps;
            "one_step": with the gradient through one step of plain descent.
        lower_step: β of that step.
        reseed: Every lower level draws anew; False: all draw the same, as published.
        average: Step along the mean over the iterations so far; False: along the last one, for a
            lower level that raises the loss of what it forgets above that of anything else.
        start: "one_pass", or "random" as published.
        stable: Stop once a set overlaps the last one by this share, twice; None never does.
        patience: Stop after so many iterations without a better set; None never does.
        keep: "best": where the set found is not better than the first one, return that; without
            ``average`` the best set of all iterations counts as found. "last", as published: the
            last set, whatever it is worth.
        checks: Lower levels for each set whose value is reported.
        learners: Models that lower levels start from, in turn.
        same_seed: Select with the very model that is scored afterwards.

    Raises:
        UsageError: An option that makes no sense, or a lower level that ignores weights.
    """

    def __init__(
        self,
        lower: Unlearner,
        share: float | None = None,
        count: int | None = None,
        kind: str = "samples",
        unit: str = "element",
        reduce: str = "mean",
        direction: str = "hardest",
        membership: str = "fractional",
        upper_steps: int = 5,
        upper_step: float = 10.0,
        upper_kind: str = "relative",
        gamma: float = 1e-4,
        hypergradient: str = "sign",
        lower_step: float = 0.01,
        reseed: bool = True,
        average: bool = True,
        start: str = "one_pass",
        stable: float | None = 0.99,
        patience: int | None = None,
        keep: str = "best",
        checks: int = 1,
        learners: int = 1,
        same_seed: bool = False,
    ) -> None:
        one_of(direction=(direction, DIRECTIONS), start=(start, STARTS))
        one_of(hypergradient=(hypergradient, ("sign", "one_step")))
        at_least(1, checks=checks)
        if not isinstance(lower, Unlearner):
            raise UsageError(
                f"lower={lower!r} is no method; name one, as in lower: {{method: ssd}}"
            )
        super().__init__(share, count, kind, learners=learners)
        self.lower, self.unit, self.reduce, self.sign = lower, unit, reduce, DIRECTIONS[direction]
        self.membership, self.hypergradient, self.beta = membership, hypergradient, lower_step
        self.search: dict[str, Any] = {
            **{"steps": upper_steps, "step": upper_step, "kind": upper_kind, "gamma": gamma},
            **{"average": average, "stable": stable, "patience": patience, "sign": self.sign},
            "keep": keep,
        }
        self.reseed, self.start, self.checks = reseed, start, checks
        self.facts: dict[str, Any] = {}
        self.warnings: list[str] = []

    def select(self, scene: Scene) -> Ids:
        """Ids of the elements, sorted.

        Raises:
            UsageError: See `ReadsModels.elements`, `budget` and `LowerLevel`.
            CellFailed: A loss is not finite.
        """
        ids, samples = self.elements(scene)
        data, models = scene.data, scene.models
        setting: Setting = scene.setting
        units = units_of(data, samples, self.unit, self.reduce)
        m = budget(self.share, self.count, units.count)
        progress = setting.context.progress  # of the search, not of each lower level anew
        quiet = replace(setting, context=replace(setting.context, progress=None))
        where = (data, self.kind, ids, samples, quiet, self.membership)
        levels = [LowerLevel(self.lower, model.learner, *where) for model in models]

        done = itertools.count(1)
        turns = itertools.count()
        total = self.search["steps"] + self.checks * (len(STARTS) + 1)

        def forgotten(w: Floats, turn: int) -> LowerLosses:
            """What the lower level of a turn leaves: whose model it starts from, what it draws."""
            seed = drawn_seed(setting.context.seed, turn) if self.reseed else None
            found = self.forgotten(levels[turn % len(levels)], units, w, seed)
            if progress is not None:
                progress(min(next(done), total), total)
            return found

        def lower(w: Floats) -> LowerLosses:
            if self.membership == "binary":  # the m largest weights alone
                w = indicator(top_m(w, m), len(w))
            return forgotten(w, next(turns))

        known = units.gathered(np.mean([losses(one.signals, samples) for one in models], axis=0))
        one_pass = top_m(-self.sign * known, m)
        drawn = np.sort(scene.rng.choice(units.count, m, replace=False))
        sets = {"one_pass": one_pass, "random": drawn}
        found = bilevel(lower, indicator(sets[self.start], units.count), m, **self.search)

        unseen = [next(turns) for _ in range(self.checks)]

        def value(chosen: Ids) -> float:
            """Mean loss on a set that is forgotten wholly: weights of a search may be parts."""
            w = indicator(chosen, units.count)
            return float(np.mean([forgotten(w, turn).losses[chosen].mean() for turn in unseen]))

        values = {name: value(own) for name, own in sets.items()}
        at_start = np.array_equal(found.chosen, sets[self.start])
        values[""] = values[self.start] if at_start else value(found.chosen)
        chosen = found.chosen
        # the value stays that of what was found: the smaller of two would flatter the search
        back = self.search["keep"] == "best" and self.sign * (values[""] - values[self.start]) > 0
        if back:
            chosen = sets[self.start]
        self.report(found, values, overlap(chosen, one_pass), m / units.count)
        self.facts["returned_start"] = back or at_start
        self.facts["passes"] = [sum(level.passes[k] for level in levels) for k in (0, 1)]
        self.facts["look"] = levels[0].look  # one forward pass over what is chosen from
        return np.sort(ids[np.isin(units.of, chosen)])

    def forgotten(
        self, level: LowerLevel, units: Units, w: Floats, seed: int | None = None
    ) -> LowerLosses:
        """What one model loses by forgetting with weights of units."""
        shares = units.spread(w)
        learner, view = level(shares, seed)
        values = units.gathered(level.losses(learner, view))
        if self.hypergradient == "sign":
            return LowerLosses(values)
        device, size = level.setting.context.device, level.setting.batch_size
        where = (view, device, size)
        through = one_step(learner, level.data, level.samples, shares, self.beta, *where)
        return LowerLosses(values, units.gathered(through))

    def report(self, found: Found, values: dict[str, float], same: float, chance: float) -> None:
        """What the search found, beside what it has to beat; warnings where it found nothing."""
        self.facts = {
            **{f"value_{name}".rstrip("_"): number for name, number in values.items()},
            "overlap_one_pass": same,
            "overlap_chance": chance,
            "iterations": len(found.history),
            "history": found.history,
        }
        stayed = found.history[-1]["overlap_start"]
        if self.start == "random" and stayed > UNMOVED:
            self.warnings.append(
                f"the search never left its random start ({stayed:.0%} of it are still there): "
                "take a larger upper_step, or upper_kind=relative"
            )
        if self.sign * (values[""] - values["random"]) > 0:
            self.warnings.append(
                "a random set beats what the search found: losses do not guide this lower level; "
                "try start=random, more patience or another lower level"
            )


def drawn_seed(seed: int, turn: int) -> int:
    """Seed of the lower level of a turn."""
    return int(np.random.SeedSequence([seed & 0xFFFFFFFF, turn]).generate_state(1)[0])


def indicator(chosen: Ids, count: int) -> Floats:
    """(count,) weight 1 of the chosen units, 0 of all others."""
    found = np.zeros(count)
    found[chosen] = 1.0
    return found
