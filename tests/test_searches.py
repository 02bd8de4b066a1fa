"""Sets that are searched for, from the experiment file to the report."""

import pytest

from mu.configuration.experiment import load_experiment
from mu.errors import UsageError

EXPERIMENT = """
blocks:
  - data: digits
    model: small_cnn
    recipe: digits
    seeds: 2
    oracles: 1
    methods: [finetune]
    requests:
      random: {request: random, share: 0.05}
      worst:
        {request: worst_case, share: 0.05, upper_steps: 2, lower: {method: finetune, epochs: 1}}
      elsewhere:
        request: worst_case
        share: 0.05
        upper_steps: 1
        surrogate: {model: resnet8, recipe: digits}
        lower: {method: retrain, epochs: 1}
      same: {request: worst_case, share: 0.05, upper_steps: 1, same_seed: true}
      hard: {request: hard_to_unlearn, share: 0.05, folds: 2, method: {method: finetune, epochs: 1}}
"""
WORDS = ("recipe.epochs=1", "compute.workers=0", "compute.progress=false", "method.epochs=1")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("searches") / "searches.yaml"
    path.write_text(EXPERIMENT)
    return path


def test_a_search_runs_from_the_file_to_the_report(mu, written):
    done = mu("run", f"experiment={written}", *WORDS, "requests=random,worst,same,hard")
    assert done.code == 0, done.err
    worst = done.card("original", request="worst", pair=0)["search"]
    assert worst["iterations"] <= 2
    assert worst["returned_start"] or worst["value"] <= worst["value_one_pass"]
    assert done.card("original", request="hard", pair=1)["search"]["distance"] == "kl"
    assert done.card("original", request="random", pair=0)["search"] is None
    (found,) = done.results["overlaps"]
    assert found["names"] == ["random", "worst", "same", "hard"]
    assert found["values"][1][1] < 1
    page = (done.folder / "report.html").read_text()
    assert "Sets compared" in page and "The search for the set" in page
    assert "the models that selected" in done.out.replace("\n", " ").replace("                ", "")
    assert (done.folder / "forget_sets" / "worst_1.txt").is_file()
    again = mu("run", f"experiment={written}", *WORDS, "requests=worst")
    assert "0 steps run" in again.out


def test_another_network_may_select(mu, written):
    done = mu("run", f"experiment={written}", *WORDS, "requests=elsewhere", "seeds=1")
    assert done.code == 0, done.err
    assert done.card("finetune", request="elsewhere")["values"]["ua"] is not None


def test_a_plan_waits_for_a_search_and_does_not_run_it(mu, written):
    words = (f"experiment={written}", *WORDS, "seeds=5,6")
    planned = mu("plan", *words, "requests=same")
    assert planned.code == 0 and "2 cells wait for a selection: same" in planned.out
    trained = mu("run", *words, "requests=random")  # now the models that would select are there
    assert trained.code == 0
    assert "2 cells wait for a selection: same" in mu("plan", *words, "requests=same").out


def composed(tmp_path, request):
    path = tmp_path / "wrong.yaml"
    path.write_text(EXPERIMENT.replace("{request: random, share: 0.05}", request))
    return load_experiment(str(path))


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ("{request: worst_case, share: 0.1, lower: finetun}", "did you mean finetune"),
        ("{request: worst_case, share: 0.1, lower: {method: finetune, lrr: 1}}", "lrr"),
        ("{request: worst_case, share: 0.1, lower: {epochs: 1}}", "must name a method"),
        ("{request: worst_case, share: 0.1, lower: {method: finetune, lr: fast}}", "lower.lr"),
        ("{request: worst_case, share: 0.1, surrogate: {data: mnist}}", "key of surrogate"),
        ("{request: el2n, share: 0.1, surrogate: {model: lenet55}}", "did you mean lenet5"),
    ],
)
def test_what_a_search_is_told_wrongly_is_named_before_anything_runs(tmp_path, request_, named):
    with pytest.raises(UsageError, match=named):
        composed(tmp_path, request_)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ("{request: worst_case, share: 2.0}", "share=2.0"),
        ("{request: worst_case, share: 0.1, learners: 0}", "learners=0"),
    ],
)
def test_what_would_train_models_in_vain_is_refused_before(mu, tmp_path, request_, named):
    path = tmp_path / "wrong.yaml"
    path.write_text(EXPERIMENT.replace("{request: random, share: 0.05}", request_))
    done = mu("run", f"experiment={path}", *WORDS, "requests=random")
    assert done.code == 2 and named in done.err
