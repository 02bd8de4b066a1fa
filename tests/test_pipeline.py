"""The whole fold: rows, sequences, views, shared models, and tasks that mu does not know."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mu.data.base import View
from mu.data.graphs import NodeData
from mu.storing.inventory import PAGES

TASK = '''
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch.nn import functional

from mu.data.base import TensorData
from mu.evaluation.score import PartScore
from mu.models.base import Learner


class Diabetes(TensorData):
    """442 patients, ten measurements, progression after a year."""

    def __init__(self, split_seed=0):
        x, y = load_diabetes(return_X_y=True)
        order = np.random.default_rng(split_seed).permutation(len(y))
        super().__init__(
            torch.tensor(20 * x, dtype=torch.float32),
            torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)[:, None],
            train=order[:300],
            validation=order[300:340],
            test=order[340:],
        )
        self.model_facts = {"in_features": 10}


class Regressor(Learner):
    """Trained on the squared error."""

    def loss(self, logits, targets, reduction="mean"):
        single = functional.mse_loss(logits, targets, reduction="none").mean(1)
        return {"none": single, "sum": single.sum(), "mean": single.mean()}[reduction]


@dataclass(frozen=True)
class RMSE(PartScore):
    """Root of the mean squared error."""

    def __call__(self, signals, split, peers):
        outputs, targets = signals.at(split.part(self.part))
        return float(np.sqrt(np.mean((outputs - targets) ** 2)))
'''
FILES = {
    "data/diabetes": "title: Diabetes\npanel: errors\n_target_: owntask.Diabetes\n",
    "model/regressor": """
_target_: owntask.Regressor
network:
  _target_: torch.nn.Linear
  in_features: ???
  out_features: 1
""",
    "evaluation/errors": """
batch_size: 64
scores:
  forget: {_target_: owntask.RMSE, part: forget}
  test: {_target_: owntask.RMSE, part: test}
headline: [forget, test]
margins: {test: 0.1}
""",
    "experiment/patients": """
title: Patients who withdraw
blocks:
  - data: diabetes
    model: regressor
    recipe: digits
    set: {recipe.epochs: 30, method.epochs: 1}
    seeds: 2
    oracles: 2
    methods: [finetune, gradient_ascent, ssd]
    requests: {some: {request: random, share: 0.1}}
""",
}


def learners(store: Path) -> dict[str, dict[str, np.ndarray]]:
    """Tensors of every trained or unlearned model of a store."""
    return {
        f"{step}/{folder.name}": load_file(folder / "tensors.safetensors")
        for step in ("fit", "unlearn")
        for folder in (store / step).iterdir()
    }


def counts(store: Path) -> Counter:
    steps = [path for path in store.iterdir() if path.is_dir() and path.name != PAGES]
    return Counter({step.name: len(list(step.iterdir())) for step in steps})


@pytest.fixture
def without(tiny, tmp_path):
    """A copy of the store of `tiny` that lacks some steps."""

    def copy(*steps: str) -> Path:
        shutil.copytree(tiny.store, tmp_path / "store")
        for step in steps:
            shutil.rmtree(tmp_path / "store" / step)
        return tmp_path / "store"

    return copy


# Rows.


def test_every_row_of_every_request_is_there_once(tiny):
    rows = Counter((card["request"], card["method"]) for card in tiny.cards)
    fixed = ["original", "random_weights", "oracle", "null"]
    expected = [("class", m) for m in [*fixed, "ssd"]]
    expected += [("edges_5", m) for m in [*fixed, "utu", "ssd"]]
    assert rows == Counter(expected)
    assert all(card["error"] is None for card in tiny.cards)


def test_the_oracle_is_scored_against_the_other_oracles(tiny):
    card, method = tiny.card("oracle", request="class"), tiny.card("ssd", request="class")
    assert card["oracle"] == method["oracle"]
    for name, values in card["oracle"].items():
        assert len(values) == 2
        known = [v for v in values if v is not None]
        if known:
            assert card["values"][name] == pytest.approx(sum(known) / len(known)), name
    assert card["oracle"]["kl_forget"][0] > 0
    assert card["values"]["cost/passes"] == pytest.approx(1)
    assert tiny.card("original", request="class")["values"]["cost/passes"] == 0
    assert method["values"]["cost/passes"] > 0


def test_one_oracle_has_no_distance_to_the_others(mu, tiny_words):
    words = [word for word in tiny_words if not word.startswith("oracles")]
    found = mu("run", *words, "oracles=1")
    assert found.card("oracle")["oracle"]["kl_forget"] == [None]
    assert found.card("oracle")["values"]["kl_forget"] is None
    assert found.card("ssd")["values"]["kl_forget"] > 0
    assert found.card("oracle")["values"]["ua"] is not None


def test_only_the_original_is_seen_through_the_whole_graph(tiny):
    """Unlinking keeps the weights and moves the scores, because the view moves."""
    original, utu = (tiny.card(m, request="edges_5") for m in ("original", "utu"))
    tensors = learners(tiny.store)
    kept, moved = tensors[f"fit/{original['learner']}"], tensors[f"unlearn/{utu['learner']}"]
    assert kept.keys() == moved.keys()
    assert all((kept[name] == moved[name]).all() for name in kept)
    assert utu["values"]["df_auc"] != original["values"]["df_auc"]
    assert utu["values"]["weight_distance"] == 0
    assert utu["values"]["cost/passes"] == 0


def test_a_sequence_says_whether_the_first_request_came_back(mu):
    words = ("recipe.epochs=2", "seeds=1", "oracles=1", "compute.workers=0")
    found = mu("run", "experiment=sequence", "methods=finetune", *words)
    assert found.code == 0, found.err
    for method in ("original", "oracle", "finetune"):
        first, second = (found.card(method, step=step) for step in (0, 1))
        assert first["values"]["before"] is None
        assert 0 <= second["values"]["before"] <= 1
    assert found.card("oracle", step=1)["values"]["before"] == 0
    assert found.card("original", step=1)["values"]["before"] > 0.2
    first, second = (found.card("finetune", step=step) for step in (0, 1))
    assert first["learner"] != second["learner"]
    assert first["n_retain"] + first["n_forget"] == 1078
    assert second["n_retain"] + second["n_forget"] == first["n_retain"]


def test_the_null_row_is_one_more_retrained_model_judged_as_a_method(tiny):
    original, oracle, null = (tiny.card(m, request="class") for m in ("original", "oracle", "null"))
    assert null["learner"] not in {original["learner"], *oracle["keys"]["oracles"]}
    assert null["oracle"] == oracle["oracle"]
    assert 0 < null["values"]["kl_forget"] < original["values"]["kl_forget"]
    assert null["values"]["cost/passes"] == pytest.approx(1)
    assert (null["method_config"], null["error"]) == (None, None)
    judged = {v["method"]: v for v in tiny.results["verdicts"] if v["request"] == "class"}
    assert judged["null"]["reason"] and not judged["oracle"]["reason"]
    log = (tiny.folder / "requests.jsonl").read_text()
    assert '"method": "ssd"' in log and '"null"' not in log
    table = (tiny.folder / "table.md").read_text()
    assert table.index("| **oracle**") < table.index("| null | ", table.index("| **oracle**"))


def test_a_score_of_the_same_seed_is_held_against_a_model_that_is_no_oracle(tiny, mu, tmp_path):
    card = tiny.card("ssd", request="class")
    assert len(card["keys"]["oracles"]) == len(card["seeds"]["oracles"]) == 2
    assert card["seed"] not in card["seeds"]["oracles"] and "tow" not in card["values"]
    words = ("recipe.epochs=1", "seeds=1", "oracles=2", "null=false", "compute.workers=0")
    asked = ("experiment=quickstart", "requests=class", "methods=ssd")
    for panel, fits in (("classification", 1 + 1 + 2), ("tow", 1 + 1 + 2 + 1)):
        store = tmp_path / panel
        found = mu("run", *asked, f"evaluation={panel}", *words, store=store, out=store / "out")
        assert found.code == 0, found.err
        assert len(list((store / "fit").iterdir())) == fits
    assert 0 < found.card("ssd")["values"]["tow"] < 1


# Views and shared models.


def test_withdrawn_features_keep_every_id_and_are_zero_in_training(mu, tmp_path, monkeypatch):
    seen: list[tuple[NodeData, list[int], View]] = []
    loader = NodeData.loader

    def watched(self, ids, view=None, **options):
        if options.get("train"):
            seen.append((self, ids.tolist(), view))
        return loader(self, ids, view, **options)

    monkeypatch.setattr(NodeData, "loader", watched)
    words = ("recipe.epochs=1", "seeds=1", "oracles=2", "methods=utu", "compute.workers=0")
    found = mu("run", "experiment=node_features", *words, store=tmp_path / "store")
    assert found.code == 0, found.err
    card = found.card("oracle")
    assert card["learner"] != found.card("original")["learner"]
    trained = [(data, ids, view) for data, ids, view in seen if view.removed]
    assert len(trained) == 2 + 1  # oracles and the null row
    for data, ids, view in trained:
        assert ids == data.parts["train"].tolist()
        assert list(view.removed) == ["features"]
        gone = list(view.removed["features"])
        assert len(gone) == card["n_forget"] == round(0.1 * len(ids))
        graph = data.graph(view)
        assert (graph.features[gone] == 0).all()
        assert (data.x[gone] != 0).any(1).all()
    assert card["n_retain"] == len(trained[0][1]) - card["n_forget"]


def test_equal_sets_share_their_models_however_chosen(mu, tiny, without, tmp_path):
    store = without()
    card = tiny.card("ssd", request="class")
    selected = next(
        folder
        for folder in (store / "select").iterdir()
        if json.loads((folder / "facts.json").read_text())["forget_digest"] == card["forget_digest"]
    )
    ids = np.load(selected / "arrays.npz")["elements"].tolist()
    path = tmp_path / "named.yaml"
    path.write_text(
        "blocks:\n"
        "  - data: digits\n    model: small_cnn\n    recipe: digits\n    seeds: 1\n"
        "    methods: [ssd]\n"
        f"    requests: {{named: {{request: ids, ids: {ids[::-1]}}}}}\n"
    )
    before = counts(store)
    words = ("recipe.epochs=1", "oracles=2", "compute.workers=0")
    found = mu("run", f"experiment={path}", *words, store=store)
    assert found.code == 0, found.err
    made = counts(store) - before
    assert set(made) <= {"select", "score", "trunk", "gallery", "locks"}
    assert made["select"] == 1
    for method in ("original", "oracle", "ssd"):
        expected = tiny.card(method, request="class")
        assert found.card(method)["learner"] == expected["learner"]
        assert found.card(method)["values"]["ra"] == expected["values"]["ra"]


# What may change a number.


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, call_mu):
    """The run of `tiny` again: a store of its own, two worker processes, progress shown."""
    folder = tmp_path_factory.mktemp("elsewhere")
    words = ["experiment=quickstart", "requests=class,edges_5", "methods=ssd,utu"]
    words += ["recipe.epochs=1", "seeds=1", "oracles=2"]
    compute = ["compute.workers=2", "compute.progress=true"]
    threads = {"OMP_NUM_THREADS": 2, "MKL_NUM_THREADS": 2}
    found = call_mu(["run", *words, *compute], folder / "store", folder / "out", **threads)
    assert found.code == 0, found.err
    return found


def test_how_it_is_computed_changes_no_value(tiny, elsewhere):
    assert elsewhere.values == tiny.values
    assert elsewhere.steps == tiny.steps


def test_the_same_specification_gives_the_same_bits(tiny, elsewhere):
    first, second = learners(tiny.store), learners(elsewhere.store)
    # original, random weights, oracles and null of each block; unlearned
    assert len(second) == 2 * (1 + 1 + 2 + 1) + 3
    for key, tensors in second.items():
        assert tensors.keys() == first[key].keys()
        for name, tensor in tensors.items():
            assert tensor.tobytes() == first[key][name].tobytes(), f"{key}: {name}"


@pytest.mark.parametrize(
    ("name", "step", "request_name"),
    [
        ("mu.unlearning.ssd.importance", "unlearn", "class"),
        ("mu.unlearning.ssd.dampen", "unlearn", "class"),
        ("mu.evaluation.membership.svc_mia", "score", "class"),
        ("mu.evaluation.graph.separation", "score", "edges_5"),
    ],
)
def test_the_public_maths_is_what_runs(mu, without, monkeypatch, name, step, request_name):
    def replaced(*arguments, **options):
        raise RuntimeError("this was replaced")

    store = without(step)
    monkeypatch.setattr(name, replaced)
    words = ("recipe.epochs=1", "seeds=1", "oracles=2", "methods=ssd", "compute.workers=0")
    found = mu("run", "experiment=quickstart", f"requests={request_name}", *words, store=store)
    assert found.code == 1
    assert found.card("ssd")["error"].startswith("RuntimeError: this was replaced")


# A task that mu does not know.


def test_a_regression_on_a_table_runs_without_touching_mu(mu, tmp_path, monkeypatch):
    (tmp_path / "owntask.py").write_text(TASK)
    for name, text in FILES.items():
        path = tmp_path / "configs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = mu(
        *("run", "experiment=patients", "compute.workers=0"),
        store=tmp_path / "store",
        MU_CONFIGS=tmp_path / "configs",
    )
    assert found.code == 0, found.err
    assert len(found.cards) == 2 * 7
    for pair in (0, 1):
        cards = {
            method: found.card(method, pair=pair)["values"]
            for method in ("original", "random_weights", "oracle", "finetune", "ssd")
        }
        untrained = cards["random_weights"]["test"]
        assert all(cards[m]["test"] < untrained - 0.05 for m in ("original", "oracle")), cards
        assert all(np.isfinite(values["forget"]) for values in cards.values())
    assert found.card("ssd", pair=0)["n_forget"] == 30
    text = (found.folder / "table.md").read_text()
    assert "RMSE test" in text
    assert "Diabetes" in text
