"""Requests in a row: where oracles are trained, how each starts, and heads that forget exactly."""

import pytest

from mu.configuration.experiment import load_experiment, sequence_of, steps_of
from mu.configuration.requests import repeated
from mu.errors import UsageError

QUICK = ("recipe.epochs=1", "seeds=1", "oracles=1", "compute.workers=0")
ANALYTIC = """
blocks:
  - data: digits
    model: {model}
    recipe: {recipe}
    seeds: 1
    oracles: 2
    methods: [acu, {{acu_column: {{method: acu, form: column}}}}]
    requests:
      classes_then_images:
        - {{request: class, label: 3}}
        - {{request: random, count: 2}}
        - {{request: class, label: 5}}
"""
MODEL = """
_target_: mu.models.base.Learner
network:
  _target_: mu.models.analytic.AnalyticNetwork
  backbone:
    _target_: mu.models.vision.SmallCNN
    in_channels: ???
    num_classes: ???
    image_size: ???
  in_features: 64
  num_classes: ???
  expansion: 64
"""
RECIPE = """
fit:
  step: mu.training.analytic:step
  backbone: {data: digits, model: small_cnn, recipe: digits}
  gamma: 1.0
  grid: 14
  limit: 8.0
  tasks: 3
epochs: 1
batch_size: 100
optimizer: null
precision: 32-true
channels_last: false
augment: null
threads: 1
checkpoint: null
"""


CHAIN = ("experiment=sequence", "methods=finetune", *QUICK)


@pytest.fixture(scope="module")
def chain(tmp_path_factory, call_mu):
    """Two classes forgotten one after the other."""
    folder = tmp_path_factory.mktemp("chain")
    found = call_mu(["run", *CHAIN], folder / "store", folder / "out")
    assert found.code == 0, found.err
    return found


@pytest.fixture(scope="module")
def analytic(tmp_path_factory, call_mu):
    """Run an experiment on an analytic head, with a model and a recipe of its own."""
    top = tmp_path_factory.mktemp("analytic")
    for group, text in {"model/analytic_cnn": MODEL, "recipe/analytic_digits": RECIPE}.items():
        path = top / "configs" / f"{group}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(*words, model="analytic_cnn", recipe="analytic_digits", folder="solved"):
        folder = top / folder
        folder.mkdir()
        (folder / "analytic.yaml").write_text(ANALYTIC.format(model=model, recipe=recipe))
        words = ["run", f"experiment={folder / 'analytic.yaml'}", "compute.workers=0", *words]
        return call_mu(words, folder / "store", folder / "out", MU_CONFIGS=top / "configs")

    return run


@pytest.fixture(scope="module")
def solved(analytic):
    """The run on the analytic head as it is written."""
    found = analytic()
    assert found.code == 0, found.err
    return found


def test_steps_without_oracles_are_served_and_not_scored(mu, chain):
    last = mu("run", *CHAIN, "oracle_at=2", store=chain.store)
    assert last.code == 0, last.err
    assert {card["step"] for card in last.cards} == {1}
    assert {card["step"] for card in chain.cards} == {0, 1}
    for method in ("original", "oracle", "finetune"):
        own = last.card(method, step=1)
        assert own["learner"] == chain.card(method, step=1)["learner"]
        assert own["values"]["ua"] == chain.card(method, step=1)["values"]["ua"]


def test_each_request_from_the_last_or_from_the_original(mu, chain):
    anew = mu("run", *CHAIN, "sequence=cumulative", store=chain.store)
    assert anew.code == 0, anew.err
    learners = [[f.card("finetune", step=s)["learner"] for s in (0, 1)] for f in (chain, anew)]
    assert learners[0][0] == learners[1][0] and learners[0][1] != learners[1][1]
    for name in ("original", "oracle"):
        assert chain.card(name, step=1)["learner"] == anew.card(name, step=1)["learner"]
    first, second = (anew.card("finetune", step=s) for s in (0, 1))
    assert second["n_forget"] + second["n_retain"] == first["n_retain"]


def test_the_passes_of_all_requests_so_far(chain):
    first, second = (chain.card("finetune", step=s)["values"] for s in (0, 1))
    assert first["cost/passes_so_far"] == pytest.approx(first["cost/passes"])
    # each relative to the retraining it stands for, which the second time is on fewer images
    both = first["cost/passes"] + second["cost/passes"]
    assert second["cost/passes_so_far"] == pytest.approx(both)
    oracle = [chain.card("oracle", step=s)["values"]["cost/passes_so_far"] for s in (0, 1)]
    assert oracle == [1, 2]
    assert chain.card("original", step=1)["values"]["cost/passes_so_far"] == 0


def test_a_dropped_class_comes_back_with_a_relearnt_head(mu):
    words = ("experiment=sequence", "methods=drop_class", "evaluation=continual", *QUICK)
    found = mu("run", *words)
    assert found.code == 0, found.err
    for step in (0, 1):
        dropped, original = (
            found.card(name, step=step)["values"] for name in ("drop_class", "original")
        )
        assert dropped["acc_f"] == 0
        # the trunk is the original's: so is a new head on it
        assert dropped["relearnt_f"] == original["relearnt_f"] > 0.5
        assert dropped["silhouette"] == original["silhouette"] > 0
        assert found.card("drop_class", step=step)["panel"] == "continual, a class"
    assert dropped["relearnt_o"] == original["relearnt_o"] > 0.5


def test_a_request_may_be_repeated():
    block = load_experiment("acu_cifar10", []).blocks[0]
    parts = block.requests["classes_then_images"]
    assert len(parts) == 20
    assert all(part == parts[5] and part["count"] == 1 for part in parts[5:])
    for times in (0, -1, 1.5, "twice"):
        with pytest.raises(UsageError, match="repeat"):
            repeated("some", {"request": "random", "repeat": times})


@pytest.mark.parametrize("given", ["all", [], [0], [1, 2.5], [-1]])
def test_steps_that_make_no_sense(given):
    with pytest.raises(UsageError, match="oracle_at="):
        steps_of(given)


def test_another_way_to_serve_a_sequence_is_named(mu):
    with pytest.raises(UsageError, match="sequence=both is neither chain"):
        sequence_of("both")
    found = mu("run", "experiment=sequence", "sequence=both", *QUICK)
    assert found.code == 2 and "neither chain" in found.err


def test_the_last_step_is_scored_where_none_is_named():
    block = load_experiment("sequence", ["oracle_at=[7,9]"]).blocks[0]
    assert block.scored_steps("two_classes") == {1}
    assert load_experiment("sequence", []).blocks[0].scored_steps("two_classes") == {0, 1}


def test_an_analytic_head_forgets_exactly_what_the_solved_one_never_saw(solved):
    for step in range(3):
        acu, column = (solved.card(m, step=step) for m in ("acu", "acu_column"))
        assert acu["exactness"] == "equal"
        # other seeds have other backbones
        others = {solved.card(name, step=step)["exactness"] for name in ("oracle", "null")}
        assert others == {None} == {column["exactness"]}
        assert solved.card("original", step=step)["exactness"] == "unequal"
        assert acu["values"]["cost/passes_request"] < 0.2
    original = solved.card("original", step=0)
    assert [len(task["classes"]) for task in original["facts"]["tasks"]] == [4, 7, 10]
    assert original["facts"]["tasks"][-1]["accuracy"] > 0.8
    keys = {solved.card(m, step=0)["learner"] for m in ("original", "oracle", "acu")}
    assert len(keys) == 3


def test_backbones_are_trained_once_a_seed(solved):
    # Backbones of the original's seed, of two oracles and of the null row; heads: the original,
    # random weights, and three for each of two oracles, the null row and the twin.
    assert len(list((solved.store / "fit").iterdir())) == 4 + 1 + 1 + 3 * 4
    assert solved.store.with_suffix(".key").stat().st_mode & 0o777 == 0o600


def test_an_analytic_recipe_wants_an_analytic_model(analytic):
    found = analytic(model="small_cnn", folder="refused")
    assert found.code == 2 and "needs an AnalyticNetwork" in found.err


def test_a_head_on_a_backbone_that_saw_the_data_says_so(analytic):
    found = analytic("recipe.epochs=1", model="small_cnn", recipe="digits", folder="plain")
    assert found.code == 0, found.err
    assert {found.card("acu", step=s)["exactness"] for s in range(3)} == {"head only"}


def test_nodes_leave_a_head_one_request_after_the_other(mu, tmp_path):
    path = tmp_path / "nodes.yaml"
    path.write_text(
        "blocks:\n"
        "  - data: digits_nodes\n    model: gcn_nodes\n    recipe: graph\n    seeds: 1\n"
        "    oracles: 1\n    methods: [acu]\n    requests:\n      two:\n"
        "        - {request: random, kind: nodes, share: 0.1}\n"
        "        - {request: random, kind: nodes, share: 0.1}\n"
    )
    found = mu("run", f"experiment={path}", "compute.workers=0")
    assert found.code == 0, found.err
    assert [found.card("acu", step=s)["exactness"] for s in (0, 1)] == ["head only"] * 2
