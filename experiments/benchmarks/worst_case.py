"""The worst-case search: what an iteration, a whole selection and a projection cost.

An upper iteration ÷ (its lower passes + one plain forward pass) (aim ≤ 1.1). A selection ÷ the
plain recipe: ten iterations of a large absolute step from a random start, all with one order of
batches (aim ≤ 0.33): the search alone, and the whole selection, as it is by default, which also
looks at what its set, that of one pass and a random one are worth. What the sets of each are worth
under orders that no search has seen, and how far they repeat over seeds. The projection of a
million values (aim < 1 s). A small CNN on random images of ten classes; one thread.
"""

import itertools
import time

import numpy as np
import torch
from ratio import compare, conditions
from torch import nn

from mu.data.base import Ids, TensorData
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.search.bilevel import LowerLosses, bilevel, overlap
from mu.forget_sets.search.lower import LowerLevel, sample_losses
from mu.forget_sets.search.projection import project
from mu.forget_sets.search.setting import Setting
from mu.forget_sets.worst_case import WorstCaseSelector, indicator
from mu.models.base import Learner
from mu.models.predict import predict
from mu.unlearning.base import Context
from mu.unlearning.finetune import FineTune

N, SHARE = 4000, 0.1


def problem() -> tuple[TensorData, HelperModel]:
    """Prototypes of ten classes with noise, a tenth of the labels wrong, and a small CNN."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(N + 200) % 10
    prototypes = torch.randn(10, 1, 28, 28, generator=generator)
    x = prototypes[y] + 2.5 * torch.randn(N + 200, 1, 28, 28, generator=generator)
    wrong = torch.rand(N + 200, generator=generator) < 0.1
    y = torch.where(wrong, (y + 1) % 10, y)
    ids = np.arange(N + 200)
    data = TensorData(x, y, train=ids[:N], validation=ids[N : N + 100], test=ids[N + 100 :])
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(1568, 10)),
    )
    learner = Learner(network)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-3)
    for epoch in range(4):
        for batch in data.loader(ids[:N], train=True, seed=epoch, batch_size=128):
            loss = learner.batch_loss(batch)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    signals = predict(learner.eval(), data.loader(data.universe(), batch_size=512))
    return data, HelperModel(signals, data.parts["train"], learner)


def lower() -> FineTune:
    """The default lower level."""
    return FineTune(epochs=2, lr=1e-3, optimizer="sign", batch_size=256)


def selections(data: TensorData, seen: HelperModel, level: LowerLevel) -> None:
    """What selections cost and what their sets are worth."""
    ids, m = data.parts["train"], int(SHARE * N)
    one_pass = np.argsort(level.losses(seen.learner, level.view))[:m]
    sets: dict[str, list[Ids]] = {"one pass": [one_pass]}

    def draw(name: str) -> int:
        """A seed of its own for each selection."""
        return len(sets.setdefault(name, []))

    def plain() -> None:
        seed = draw("plain")
        start = np.random.default_rng(seed).choice(N, m, replace=False)
        options = {"steps": 10, "step": 1e4, "kind": "absolute", "patience": None}
        sets["plain"].append(
            bilevel(
                lambda w: LowerLosses(level.losses(*level(w, seed))),
                indicator(start, N),
                m,
                **{**options, "stable": None, "keep": "last"},  # type: ignore[arg-type]
            ).chosen
        )

    def search(steps: int) -> None:
        """Of our selection the search alone, without a look at what the set is worth."""
        name = f"{steps} iterations"
        turns = itertools.count(100 * draw(name))
        sets[name].append(
            bilevel(
                lambda w: LowerLosses(level.losses(*level(w, next(turns)))),
                indicator(one_pass, N),
                m,
                **{"steps": steps, "step": 10.0, "average": True, "patience": None},
            ).chosen
        )

    def whole() -> None:
        seed = draw("whole selection")
        found = search(
            WorstCaseSelector(lower(), share=SHARE), data, {}, seed, [seen], Context(), 512
        )
        sets["whole selection"].append(np.searchsorted(ids, found.ids))

    compare("search alone, 2 iterations ÷ plain recipe", lambda: search(2), plain, n=5)
    compare("search alone, 5 iterations ÷ plain recipe", lambda: search(5), plain, n=5)
    compare("whole selection ÷ plain recipe", whole, plain, n=5)

    def value(chosen: Ids) -> float:
        """Mean loss once the set is forgotten, over orders of batches that no search has seen."""
        w = indicator(chosen, N)
        seeds = range(10_000, 10_008)
        return float(np.mean([level.losses(*level(w, seed))[chosen].mean() for seed in seeds]))

    for name, found in sets.items():
        found = found[:6]
        worth = [value(chosen) for chosen in found]
        pairs = [overlap(one, other) for one, other in itertools.combinations(found, 2)]
        again = f"; two of them overlap by {np.mean(pairs):.2f}" if pairs else ""
        same = np.mean([overlap(chosen, one_pass) for chosen in found])
        print(
            f"{name}: loss once forgotten {np.mean(worth):.4f} ({min(worth):.4f} to "
            f"{max(worth):.4f}){again}; overlap with one pass {same:.2f}"
        )


def main() -> None:
    """Iteration, selection, projection."""
    conditions()
    data, seen = problem()
    ids = data.parts["train"]
    level = LowerLevel(
        lower(), seen.learner, data, "samples", ids, ids, Setting({}, Context(), 512)
    )
    w = np.full(N, SHARE)
    view = data.without({}).view

    def iteration() -> None:
        learner, where = level(w)
        losses = level.losses(learner, where)
        project(w - losses, SHARE * N)

    def floor() -> None:
        learner, _ = level(w)
        with torch.no_grad():
            for batch in data.loader(ids, view, batch_size=512):
                learner.network(batch.x)

    compare("upper iteration ÷ (lower passes + one forward pass)", iteration, floor)
    start = time.perf_counter()
    sample_losses(seen.learner, data.loader(ids, view, batch_size=512))
    print(f"one pass over the losses: {time.perf_counter() - start:.3f} s")

    selections(data, seen, level)

    values = np.random.default_rng(0).standard_normal(10**6)
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        project(values, 1e5)
        seconds.append(time.perf_counter() - start)
    print(f"projection of a million values: {sorted(seconds)[3]:.3f} s (n=7)")


if __name__ == "__main__":
    main()
