"""The score step and the description of a panel."""

import numpy as np
import pytest
import yaml

from mu.artifact import Artifact
from mu.configuration.choices import choices
from mu.errors import UsageError
from mu.evaluation.details.detail import detail_values
from mu.evaluation.score import Peers, panel_values
from mu.evaluation.scoring import build_scores, step
from mu.results.panel import describe_panel

FILES = choices("evaluation")


def panel(name: str) -> dict:
    return yaml.safe_load(FILES[name].read_text(encoding="utf-8"))


def artifact(signals) -> Artifact:
    names = ("index", "logits", "targets")
    return Artifact(arrays={name: getattr(signals, name) for name in names})


@pytest.fixture
def inputs(make, split):
    """Inputs of the step, without untrained networks."""
    parts = {name: getattr(split, name) for name in ("forget", "before", "retain")}
    held = {f"part/{name}": getattr(split, name) for name in ("validation", "test")}
    return {
        "signals": artifact(make(0)),
        "oracles": [artifact(make(1)), artifact(make(2))],
        "original": artifact(make(3)),
        "selection": Artifact(arrays=parts),
        "data": Artifact(arrays=held),
        "weights": Artifact(),
        "original_weights": Artifact(),
    }


def test_the_step_stores_values_and_details(inputs, make, split) -> None:
    config = panel("classification")
    found = step({"evaluation": config}, inputs, None).facts
    peers = Peers([make(1), make(2)], make(3))
    expected = panel_values(build_scores(config), make(0), split, peers)
    assert {n: v for n, v in found["values"].items() if v is not None} == {
        n: v for n, v in (expected | {"weight_distance": 0.0}).items() if np.isfinite(v)
    }
    assert found["values"]["zrf"] is None
    assert found["details"] == detail_values(config, make(0), split)


def test_untrained_networks_are_handed_to_the_scores(inputs, make) -> None:
    config = {"evaluation": panel("classification")}
    inputs["untrained"] = []
    assert step(config, inputs, None).facts["values"]["zrf"] is None
    inputs["untrained"] = [artifact(make(4, strength=0.0))]
    assert 0 < step(config, inputs, None).facts["values"]["zrf"] < 1


def test_a_panel_describes_scores_then_derived_then_costs() -> None:
    facts = describe_panel(panel("classification"))["scores"]
    names = list(facts)
    assert names.index("zrf") < names.index("avg_gap") < names.index("weight_distance")
    assert facts["avg_gap"] == {
        "title": "Avg. gap", "kind": "forgetting", "better": "lower", "range": [0.0, 1.0],
        "headline": False, "margin": 0.02, "family": "summary", "public": "score/avg_gap",
        "complement": False, "reads": ["forget", "before", "retain", "test"],
    }  # fmt: skip
    assert (facts["tow"]["better"], facts["tow_mia"]["title"]) == ("higher", "ToW-MIA")
    assert facts["kl_forget"]["range"] == [0.0, None]
    assert [name for name in names if facts[name]["headline"]] == [
        "ua", "ra", "ta", "mia", "kl_forget",
    ]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_titles_are_short_and_differ_and_margins_name_scores(name) -> None:
    config = panel(name)
    facts = describe_panel(config)["scores"]
    titles = [one["title"] for one in facts.values()]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 15
    assert {*config["headline"], *config["margins"]} <= set(facts)


def test_a_score_that_cannot_be_made_is_a_usage_error() -> None:
    config = {"scores": {"mia": {"_target_": "mu.evaluation.membership.SVCMIA", "gamma": 1}}}
    with pytest.raises(UsageError, match=r"score mia: .*gamma"):
        describe_panel(config)
