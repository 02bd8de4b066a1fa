"""D2DGN to its stop rule, set-up included ÷ retraining by the original's validation rule (≤ 0.05).

Both sides are ours, on the same sparse products; what each costs in quality is printed beside it.
Names after the command are other graphs than dblp and coauthor_cs. The graphs must be below
MU_DATA_ROOT.
"""

import sys
import time

import numpy as np
import pytorch_lightning as pl
from graph_epoch import EDGES, parts_of
from ratio import conditions

from mu.data.named_graphs import NamedLinks
from mu.evaluation.distance import js
from mu.evaluation.graph import ForgetAUC, TestAUC
from mu.evaluation.signals import Signals, Split, class_scores
from mu.forget_sets.near_test import NearTest
from mu.forget_sets.select import select
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.predict import predict
from mu.training.fit import fit
from mu.unlearning.base import Context, apply
from mu.unlearning.d2dgn import D2DGN

RECIPE = {
    "epochs": 2000,
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
    "schedule": "constant",
    "plateau": {"every": 10, "patience": 10},
}


def trained(data: NamedLinks, removed: dict[str, np.ndarray], seed: int) -> tuple[Learner, float]:
    """A model trained to its validation plateau, and the seconds it took."""
    pl.seed_everything(seed, verbose=False)
    learner, kept = Learner(GCN(data.x.shape[1], 64, 128)), data.without(removed)
    batches = data.loader(kept.ids, kept.view, train=True, seed=seed)
    start = time.perf_counter()
    validation = data.loader(data.parts["validation"], kept.view)
    meter = fit(learner, batches, RECIPE, validation=validation)
    print(f"  trained {meter.backward} epochs, best {meter.best_epoch}")
    return learner, time.perf_counter() - start


def measure(name: str) -> None:
    """Retrain twice, unlearn once, compare."""
    data = NamedLinks(name)
    removed = {"edges": select(NearTest("in", count=EDGES), data, {}, 0).ids}
    print(f"{name}, |D_f| = {EDGES}")
    original, _ = trained(data, {}, 0)
    oracle, seconds = trained(data, removed, 0)
    other, _ = trained(data, removed, 1)
    method = D2DGN(destroyer="unseen", alpha=None, sample=4096, scope="field", stop="unseen")
    start = time.perf_counter()
    found = apply(method, original, parts_of(data, removed["edges"], "retained"), Context())
    spent = time.perf_counter() - start
    print(f"  D2DGN {spent:.2f} s, {found.facts['stopped']} epochs; retraining {seconds:.1f} s")
    print(f"  ratio {spent / seconds:.3f}")
    kept = data.without(removed)
    split = Split(
        removed["edges"], kept.ids[:0], kept.ids, data.parts["validation"], data.parts["test"]
    )

    def seen(learner: Learner) -> Signals:
        return predict(learner, data.loader(data.universe(), kept.view))

    target = class_scores(seen(oracle).at(split.forget)[0])
    rows = {"UtU": original, "D2DGN": found.learner, "oracle": oracle, "other oracle": other}
    for row, learner in rows.items():
        signals = seen(learner)
        distance = js(target, class_scores(signals.at(split.forget)[0]))
        values = TestAUC().of(signals, split), ForgetAUC().of(signals, split)
        print(f"  {row:12s} Dt AUC {values[0]:.3f}, Df AUC {values[1]:.3f}, JS {distance:.4f}")


def main() -> None:
    """Measure every graph."""
    conditions()
    for name in sys.argv[1:] or ["dblp", "coauthor_cs"]:
        measure(name)


if __name__ == "__main__":
    main()
