"""Scores of scores: by hand, bounds, oracles against oracles."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.evaluation import derived
from mu.evaluation.derived import (
    AvgGap,
    ToW,
    build_derived,
    derived_values,
    oracle_mean,
    reads_twin,
)

NAMES = ("ua", "ra", "ta", "mia")
values = st.fixed_dictionaries({name: st.floats(0, 1) for name in NAMES})
PANEL = {
    "scores": dict.fromkeys(NAMES),
    "derived": {
        "gap": {"_target_": "mu.evaluation.derived.AvgGap"},
        "tow": {"_target_": "mu.evaluation.derived.ToW"},
        "tow_mia": {"_target_": "mu.evaluation.derived.ToW", "forget": "mia", "title": "ToW-MIA"},
    },
}


@given(values, st.lists(values, min_size=1, max_size=4))
def test_bounds(model, oracles) -> None:
    for score in (AvgGap(), ToW(), ToW(forget="mia")):
        assert 0 <= score(model, oracles) <= 1


@given(values)
def test_an_oracle_against_itself(model) -> None:
    assert AvgGap()(model, [model]) == 0
    assert ToW()(model, [model]) == ToW(forget="mia")(model, [model]) == 1


def test_a_method_that_is_an_oracle_reaches_the_floor_and_no_more() -> None:
    """Drawn like the oracles it must not come nearer to them than they do to each other."""
    generator = np.random.default_rng(0)
    for number in (2, 3, 5):
        drawn = generator.normal(size=(4000, number + 1))
        gap = AvgGap(of=["ua"])
        method, floor = [], []
        for model, *oracles in drawn:
            others = [{"ua": value} for value in oracles]
            method.append(gap.judged({"ua": model}, others))
            floor.append(gap(others[0], others[1:]))
        error = (np.var(method) + np.var(floor)) ** 0.5 / len(drawn) ** 0.5
        assert abs(np.mean(method) - np.mean(floor)) < 4 * error


def test_models_and_oracles_are_held_against_the_twin_alone() -> None:
    first, second, twin = ({**dict.fromkeys(NAMES, 1.0), "ua": v} for v in (0.0, 0.1, 0.4))
    of_method = derived_values(PANEL, first, [second], twin=twin)
    of_oracle = derived_values(PANEL, first, [second], is_oracle=True, twin=twin)
    assert of_method["tow"] == of_oracle["tow"] == pytest.approx(0.6)
    assert of_method["gap"] == pytest.approx(0.1 / 4), "the twin is no oracle"


def test_who_asks_for_the_twin() -> None:
    assert reads_twin(PANEL)
    assert not reads_twin(PANEL | {"derived": {"gap": PANEL["derived"]["gap"]}})
    assert not reads_twin({"scores": PANEL["scores"]})


@given(values, values)
def test_the_order_of_oracles_matters_to_tow_alone(model, other) -> None:
    pair = [{**model, "ua": 0.0}, {**other, "ua": 1.0}]
    gap = AvgGap()
    assert gap(model, pair) == pytest.approx(gap(model, pair[::-1]))
    assert ToW()(model, pair) == ToW()(model, pair[:1])


def test_by_hand() -> None:
    model = {"ua": 0.1, "ra": 1.0, "ta": 0.9, "mia": 0.3}
    first, second = dict.fromkeys(NAMES, 0.5), dict.fromkeys(NAMES, 0.7)
    assert AvgGap()(model, [first, second]) == pytest.approx((0.5 + 0.4 + 0.3 + 0.3) / 4)
    assert ToW()(model, [first, second]) == pytest.approx(0.6 * 0.5 * 0.6)
    assert ToW(forget="mia")(model, [first, second]) == pytest.approx(0.8 * 0.5 * 0.6)
    found = derived_values(PANEL, model, [first, second], twin=second)
    assert found == {
        "gap": AvgGap().judged(model, [first, second]),
        "tow": ToW()(model, [second]),
        "tow_mia": ToW(forget="mia")(model, [second]),
    }
    assert found["gap"] == pytest.approx((AvgGap()(model, [first]) + AvgGap()(model, [second])) / 2)
    accuracy = {**model, "ua": 1 - model["ua"]}
    assert ToW()(accuracy, [{**first, "ua": 0.5}]) == pytest.approx(ToW()(model, [first]))


def test_the_scores_of_a_panel_are_made_once(monkeypatch) -> None:
    made = []
    real = derived.build_derived
    monkeypatch.setattr(derived, "build_derived", lambda panel: made.append(1) or real(panel))
    panel = {"scores": {"ua": {}}, "derived": {"gap": PANEL["derived"]["gap"] | {"of": ["ua"]}}}
    values = [derived_values(panel, {"ua": x}, [{"ua": 0.5}])["gap"] for x in (0.5, 0.75)]
    panel["derived"]["gap"]["of"] = []
    assert [*values, derived_values(panel, {"ua": 0.5}, [{"ua": 0.5}])["gap"]] == [0, 0.25, None]
    assert len(made) == 2


def test_what_is_missing_gives_none() -> None:
    whole = dict.fromkeys(NAMES, 0.5)
    lacking = {**whole, "ta": None}
    none = {"gap": None, "tow": None, "tow_mia": None}
    assert derived_values(PANEL, whole, []) == none
    assert derived_values(PANEL, lacking, [whole], twin=whole) == none
    assert derived_values(PANEL, whole, [lacking], twin=lacking) == none
    assert derived_values(PANEL, whole, [whole]) == none | {"gap": 0}
    assert AvgGap()(whole, [lacking, whole]) == 0
    assert AvgGap(of=[])(whole, [whole]) is None
    assert oracle_mean("ta", [lacking, {}]) is None


@pytest.mark.parametrize(
    ("configs", "word"),
    [
        ({"gap": {"_target_": "mu.evaluation.derived.AvgGap", "of": ["uaa"]}}, "'uaa'"),
        ({"ua": {"_target_": "mu.evaluation.derived.ToW"}}, "derived score ua"),
        ({"gap": {"_target_": "mu.evaluation.derived.ToW", "no": 1}}, "derived score gap"),
    ],
)
def test_what_cannot_be_made_is_a_usage_error(configs, word) -> None:
    with pytest.raises(UsageError, match=word):
        build_derived({"scores": PANEL["scores"], "derived": configs})


def test_a_panel_without_derived_scores() -> None:
    assert derived_values({"scores": {"ua": None}}, {"ua": 1.0}, []) == {}


def test_the_module_needs_no_numpy() -> None:
    code = "import sys, mu.evaluation.derived; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
