"""The step of a search: which model comes with which signals."""

import torch

from mu.artifact import Artifact
from mu.data.build import build_data
from mu.forget_sets import partition
from mu.forget_sets.search.step import step
from mu.models.base import build_learner
from mu.models.predict import predict

DATA = {"_target_": "mu.data.digits_graph.DigitsLinks"}
MODEL = {"_target_": "mu.models.graph.GCN", "in_features": 64, "hidden": 4, "out_features": 4}


def test_the_last_signals_are_those_of_the_learners():
    """folds + learners → select: a method that does nothing ends where the learner began."""
    data, shared = build_data(DATA), {"data": DATA, "seed": 5}
    holdouts = [
        partition.step(shared | {"fold": k, "folds": 2}, {"removed": []}, None) for k in (0, 1)
    ]
    torch.manual_seed(0)
    oracle, start = build_learner(MODEL).eval(), build_learner(MODEL).eval()
    batches = data.loader(data.universe(), batch_size=512)
    says = {}
    for name, learner in {"oracle": oracle, "start": start}.items():
        found = predict(learner, batches)
        arrays = {"index": found.index, "logits": found.logits, "targets": found.targets}
        says[name] = Artifact({}, arrays)
    chooser = {
        "_target_": "mu.forget_sets.hard_to_unlearn.HardToUnlearnSet",
        **{"kind": "edges", "count": 3, "folds": 2, "learners": 1},
        "method": {"_target_": "mu.unlearning.utu.UtU"},
    }
    runs = {"precision": "32-true", "threads": 1}
    config = shared | {"request": chooser, "model": MODEL, "recipe": runs}
    inputs = {
        "removed": [],
        "holdouts": holdouts,
        "learners": [Artifact({}, {}, start.state_dict())],
    }

    def distance(kept: str) -> float:
        given = inputs | {"signals": [says[kept], says[kept], says["start"]]}
        found = step(config | {"device": "cpu", "batch_size": 512}, given, None)
        assert len(found.arrays["elements"]) == 3
        return found.facts["search"]["distance_all"]

    assert distance("oracle") > 2 * distance("start")
