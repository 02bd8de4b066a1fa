"""The sweep files: what W&B takes, what mu takes, and that they touch nothing the reports use."""

from pathlib import Path

import pytest
import yaml

from mu.configuration.choices import choices, read_yaml
from mu.configuration.experiment import load_experiment
from mu.configuration.words import seeds_of

FILES = sorted((Path(__file__).parents[1] / "experiments/sweeps").glob("*.yaml"))
# the keys of W&B's reference of sweep configurations
TOP = {"program", "entity", "project", "description", "name", "method", "metric", "parameters",
       "early_terminate", "command", "run_cap"}  # fmt: skip
RANGES = {
    "uniform": float,
    "log_uniform_values": float,
    "int_uniform": int,
}


def words_of(sweep):
    """The fixed ``key=value`` words of the command, without those of tracking and place."""
    fixed = [w for w in sweep["command"] if "=" in w]
    return [w for w in fixed if not w.startswith(("experiment=", "track", "out="))]


def values(words, key):
    return [w.split("=", 1)[1] for w in words if w.startswith(f"{key}=")]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def sweep(request):
    return yaml.safe_load(request.param.read_text(encoding="utf-8"))


def test_every_tunable_method_has_a_sweep_of_the_same_budget():
    assert [path.stem for path in FILES] == ["finetune", "gradient_ascent", "ssd"]
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES]
    assert len({s["run_cap"] for s in found}) == len({s["method"] for s in found}) == 1
    assert len({tuple(w for w in words_of(s) if not w.startswith("methods=")) for s in found}) == 1


def test_the_structure_is_that_of_a_sweep(sweep):
    assert set(sweep) <= TOP and {"program", "method", "parameters"} <= set(sweep)
    assert sweep["method"] in ("grid", "random", "bayes")
    assert sweep["metric"] == {"name": "tune/objective", "goal": "minimize"}
    assert isinstance(sweep["run_cap"], int) and sweep["run_cap"] > 0
    for name, range_ in sweep["parameters"].items():
        assert set(range_) == {"distribution", "min", "max"}, name
        kind = RANGES[range_["distribution"]]
        assert all(type(range_[end]) is kind for end in ("min", "max")), name
        assert 0 < range_["min"] < range_["max"]
    command = sweep["command"]
    assert command[:3] == ["${env}", "mu", "run"] and command[-1] == "${args_no_hyphens}"


def test_wandb_reads_it_and_builds_the_command(sweep, tmp_path):
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils", reason="wandb is not installed")
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep))
    loaded = utils.load_sweep_config(str(path))
    assert loaded == sweep
    arguments = {name: {"value": r["max"]} for name, r in sweep["parameters"].items()}
    expanded = utils.create_sweep_command_args({"args": arguments})["args_no_hyphens"]
    assert expanded == [f"{name}={r['max']}" for name, r in sweep["parameters"].items()]
    assert utils.create_sweep_command(list(sweep["command"])) == sweep["command"]


@pytest.mark.parametrize("end", ["min", "max"])
def test_mu_takes_both_ends_of_every_range(sweep, end):
    (name,) = values(sweep["command"], "experiment")
    drawn = [f"{key}={range_[end]}" for key, range_ in sweep["parameters"].items()]
    experiment = load_experiment(name, [*words_of(sweep), *drawn])
    (block,) = experiment.blocks
    (method,) = values(sweep["command"], "methods")
    assert list(block.methods) == [method]
    for key, range_ in sweep["parameters"].items():
        assert block.methods[method]["config"][key.removeprefix("method.")] == range_[end]


def test_its_seeds_and_forget_sets_are_in_no_report(sweep):
    words = words_of(sweep)
    (seeds,) = map(yaml.safe_load, values(words, "seeds"))
    assert min(seeds_of(seeds)) >= 1000
    (label,) = map(int, values(words, "request.label"))
    oracles = {10_000 * (seed + 1) + k for seed in seeds for k in range(100)}
    for name, path in choices("experiment").items():
        if name == "null":  # it judges fakes, and no method whose options anybody chooses
            continue
        for block in read_yaml(path)["blocks"]:
            reported = seeds_of(block["seeds"])
            theirs = {10_000 * (seed + 1) + k for seed in reported for k in range(100)}
            assert not ({*seeds, *oracles} & {*reported, *theirs}), path
            for request in block["requests"].values():
                for part in request if isinstance(request, list) else [request]:
                    labels = part.get("per_pair", {}).get("label", [part.get("label")])
                    assert block["data"] != "digits" or label not in labels, path


def test_it_looks_at_no_test_data(sweep):
    (panel,) = values(words_of(sweep), "evaluation")
    scores = read_yaml(choices("evaluation")[panel])["scores"].values()
    assert {s.get("part") for s in scores} <= {"forget", "retain", "validation", None}
    assert not any("Test" in s["_target_"] or "MIA" in s["_target_"] for s in scores)
