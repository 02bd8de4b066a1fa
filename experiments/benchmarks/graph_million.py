"""A block model of 100 000 nodes and 1 000 000 edges: train, unlearn 100 edges, evaluate.

Aims: a training epoch ≤ 1 s and ≤ 500 MB over the data, unlearning ≤ 0.05 of training. Then growth
with the number of edges and with that of forgotten edges. 65 536 edges and as many drawn pairs are
in the loss of an epoch; messages pass along all.
A number after the command is another number of nodes, a second one the most epochs of a training.
"""

import gc
import resource
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from graph_epoch import parts_of
from graph_total import RECIPE
from ratio import conditions

from mu.data.block_model import BlockLinks
from mu.evaluation.graph import ForgetAUC, ForgetTestAUC, TestAUC
from mu.evaluation.signals import Split
from mu.forget_sets.random import RandomSet
from mu.forget_sets.select import select
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.predict import predict
from mu.training.fit import fit
from mu.unlearning.base import Context, Unlearned, apply
from mu.unlearning.d2dgn import D2DGN

DEGREE, FEATURES, SUPERVISED = 20.2, 128, 65_536


def resident() -> float:
    """Memory this process holds now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class Peak(threading.Thread):
    """Highest memory over that at the start, in MB, looked at every 5 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        gc.collect()
        self.start_at, self.highest, self.running = resident(), 0.0, True

    def run(self) -> None:
        while self.running:
            self.highest = max(self.highest, resident() - self.start_at)
            time.sleep(0.005)

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.running = False
        self.join()


def trained(data: BlockLinks, removed: dict[str, np.ndarray], seed: int = 0) -> Learner:
    """A model trained to its validation plateau; prints what it took."""
    pl.seed_everything(seed, verbose=False)
    learner, kept = Learner(GCN(FEATURES, 64, 128)), data.without(removed)
    batches = data.loader(kept.ids, kept.view, train=True, seed=seed)
    validation = data.loader(data.parts["validation"], kept.view)
    start = time.perf_counter()
    with Peak() as peak:
        meter = fit(learner, batches, RECIPE, validation=validation)
    seconds = time.perf_counter() - start
    epochs = meter.backward
    print(
        f"  trained {epochs} epochs in {seconds:.1f} s, {seconds / epochs:.2f} s each with checks; "
        f"{peak.highest:.0f} MB more"
    )
    learner.seconds = seconds
    return learner


def unlearned(data: BlockLinks, learner: Learner, forget: np.ndarray) -> tuple[Unlearned, float]:
    """The model after a request, and the seconds it took, set-up included."""
    method = D2DGN(destroyer="unseen", alpha=None, sample=0, scope="field", stop="unseen")
    parts = parts_of(data, forget, "retained")
    start = time.perf_counter()
    found = apply(method, learner, parts, Context())
    return found, time.perf_counter() - start


def scores(data: BlockLinks, learner: Learner, forget: np.ndarray) -> str:
    """Utility and forgetting of a model on the retained graph."""
    kept = data.without({"edges": forget})
    start = time.perf_counter()
    signals = predict(learner, data.loader(data.universe(), kept.view))
    split = Split(forget, forget[:0], kept.ids, data.parts["validation"], data.parts["test"])
    values = [score().of(signals, split) for score in (TestAUC, ForgetAUC, ForgetTestAUC)]
    seconds = time.perf_counter() - start
    return "Dt AUC {:.3f}, Df AUC {:.3f}, Df/Dt AUC {:.3f}".format(*values) + f" ({seconds:.1f} s)"


def million(nodes: int) -> None:
    """The whole path once, with an oracle beside it."""
    data = BlockLinks(nodes=nodes, degree=DEGREE, features=FEATURES, supervised=SUPERVISED)
    print(f"{nodes} nodes, {len(data.edges)} training edges, {resident():.0f} MB with the data")
    forget = select(RandomSet("edges", count=100), data, {}, 0).ids
    original = trained(data, {})
    found, spent = unlearned(data, original, forget)
    print(f"  D2DGN: {spent:.2f} s, stopped at {found.facts['stopped']}")
    print(f"  unlearning ÷ training: {spent / original.seconds:.3f}")
    print(f"  UtU     {scores(data, original, forget)}")
    print(f"  D2DGN   {scores(data, found.learner, forget)}")
    print(f"  oracle  {scores(data, trained(data, {'edges': forget}, 1), forget)}")
    for count in (10, 1000, 10_000):
        more = select(RandomSet("edges", count=count), data, {}, 0).ids
        found, spent = unlearned(data, original, more)
        print(f"  |D_f| = {count}: {spent:.2f} s, stopped at {found.facts['stopped']}")


def growth() -> None:
    """Seconds of an epoch and of a request on smaller graphs of the same degree."""
    for nodes in (6_250, 25_000):
        data = BlockLinks(nodes=nodes, degree=DEGREE, features=FEATURES, supervised=SUPERVISED)
        print(f"{nodes} nodes, {len(data.edges)} training edges")
        learner = trained(data, {})
        forget = select(RandomSet("edges", count=100), data, {}, 0).ids
        found, spent = unlearned(data, learner, forget)
        print(f"  |D_f| = 100: {spent:.2f} s, stopped at {found.facts['stopped']}")
        gc.collect()


def main() -> None:
    """Measure."""
    conditions()
    if sys.argv[2:]:
        RECIPE["epochs"] = int(sys.argv[2])
    trained(BlockLinks(nodes=200, features=FEATURES), {})  # loads what training needs
    million(int(sys.argv[1]) if sys.argv[1:] else 100_000)
    growth()


if __name__ == "__main__":
    main()
