"""The score step and the description of a panel."""

import numpy as np
import pytest

from mu.artifact import Artifact
from mu.configuration.choices import choices
from mu.configuration.compose import composed
from mu.errors import UsageError
from mu.evaluation.details.detail import detail_values
from mu.evaluation.panels import panel_of
from mu.evaluation.score import Peers, panel_sizes, panel_values
from mu.evaluation.scoring import build_scores, known_values, reading_features, step
from mu.results.panel import describe_panel


def panel(name: str, whole_classes: bool = False) -> dict:
    return panel_of(composed({"evaluation": name})["evaluation"], whole_classes)


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
    found = step({"evaluation": config, "left_out": False}, inputs, None).facts
    peers, scores = Peers([make(1), make(2)], make(3)), build_scores(config)
    expected = panel_values(scores, make(0), split, peers)
    assert {n: v for n, v in found["values"].items() if v is not None} == {
        n: v for n, v in (expected | {"weight_distance": 0.0}).items() if np.isfinite(v)
    }
    assert found["values"]["zrf"] is None
    assert found["details"] == detail_values(config, make(0), split)
    assert found["sizes"] == panel_sizes(scores, expected, make(0), split)
    assert found["sizes"]["ua"] == 10


def test_an_oracle_is_held_against_all_the_others_at_once(inputs, make, split) -> None:
    scores = {"rmia": {"_target_": "mu.evaluation.attacks.rmia.RMIA"}}
    values = []
    for left_out in (False, True):
        config = {"evaluation": {"scores": scores}, "left_out": left_out}
        values.append(step(config, inputs, None).facts["values"]["rmia"])
        peers = Peers([make(1), make(2)], left_out=left_out)
        assert values[-1] == build_scores({"scores": scores})["rmia"](make(0), split, peers)
    assert values[0] != values[1]


def test_infinity_is_a_value_and_nan_is_none() -> None:
    assert known_values({"kl": np.inf, "ua": np.nan, "ta": 0.5}) == {
        "kl": np.inf, "ua": None, "ta": 0.5,
    }  # fmt: skip


def test_scores_that_read_features_are_told_apart() -> None:
    whole = panel("continual", whole_classes=True)["scores"]
    assert reading_features(whole) == {"silhouette", "relearnt_f", "relearnt_o"}
    assert not reading_features(panel("continual")["scores"])


def test_untrained_networks_are_handed_to_the_scores(inputs, make) -> None:
    config = {"evaluation": panel("classification"), "left_out": False}
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
        "headline": False, "decisive": False, "margin": 0.02, "references": False,
        "family": "summary", "public": "score/avg_gap", "complement": False,
        "reads": ["forget", "before", "retain", "test"],
    }  # fmt: skip
    assert facts["kl_forget"]["range"] == [0.0, None]
    assert [name for name in names if facts[name]["headline"]] == [
        "ua", "ra", "ta", "rmia", "kl_forget",
    ]  # fmt: skip


@pytest.mark.parametrize("whole_classes", [False, True])
@pytest.mark.parametrize("name", choices("evaluation"))
def test_titles_are_short_and_differ(name, whole_classes) -> None:
    facts = describe_panel(panel(name, whole_classes))["scores"]
    titles = [one["title"] for one in facts.values()]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 15


def test_a_score_that_cannot_be_made_is_a_usage_error() -> None:
    config = {"scores": {"mia": {"_target_": "mu.evaluation.membership.SVCMIA", "gamma": 1}}}
    with pytest.raises(UsageError, match=r"score mia: .*gamma"):
        describe_panel(config)
