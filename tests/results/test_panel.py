"""What scores say of themselves, held against what they do."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pytest

from mu.configuration.choices import choices
from mu.configuration.compose import composed
from mu.errors import UsageError
from mu.evaluation.accuracy import TestAccuracy
from mu.evaluation.membership import SVCMIA
from mu.evaluation.panels import panels_of
from mu.evaluation.score import Family, OwnScore, PartScore, Peers, panel_sizes, panel_values
from mu.evaluation.scoring import build_scores
from mu.evaluation.signals import PARTS, Signals, Split
from mu.results.panel import describe_panel, describe_panels

PANELS = {
    name: panel
    for choice in choices("evaluation")
    for name, panel in panels_of(choice, composed({"evaluation": choice})["evaluation"]).items()
}
NAMES = {  # in W&B, where they stay; every other score is score/<name>
    "ua": "forget/accuracy",
    "before": "before/accuracy",
    "ra": "retain/accuracy",
    "va": "validation/accuracy",
    "ta": "test/accuracy",
    "ta_forgotten": "test/accuracy_forgotten",
    "mia": "attack/mia",
    "mia_entropy": "attack/mia_entropy",
    "mia_threshold": "attack/mia_threshold",
    "rmia": "attack/rmia",
    "rmia_tpr": "attack/rmia_tpr",
    "loss_auc": "attack/auc",
    "entropy_auc": "attack/auc_entropy",
    "loss_cv": "attack/loss_cv",
    "loss_cv_interval": "attack/loss_cv_interval",
    "zrf": "forget/zrf",
    "df_auc": "forget/auc",
    "df_test_auc": "forget/auc_vs_test",
    "df_probability": "forget/probability",
    "dr_shift": "retain/probability_shift",
    "dt_auc": "test/auc",
    "kl_forget": "forget/kl",
    "kl_retain": "retain/kl",
    "kl_test": "test/kl",
    "js_forget": "forget/js",
    "activation_forget": "forget/activation",
    "agreement_forget": "forget/agreement",
    "kl_own": "own/kl",
    "agreement_own": "own/agreement",
    "agreement_retain": "retain/agreement",
    "agreement_test": "test/agreement",
}


class Recording(Split):
    """A split that notes which of its parts were looked at."""

    def __getattribute__(self, name):
        if name in PARTS:
            object.__getattribute__(self, "__dict__").setdefault("seen", set()).add(name)
        return object.__getattribute__(self, name)


def scene(links: bool):
    """Signals of one model, its split and its peers, such that every score has a number."""
    rng, ids = np.random.default_rng(0), np.arange(300)
    targets = rng.integers(0, 2 if links else 3, 300)
    if links:
        targets[:200] = 1
    else:
        targets[:40], targets[240:260] = 3, 3  # a class leaves, and stays in the test samples
        targets[40:50], targets[260:270] = 4, 4  # another left before
    logits = rng.normal(size=(300, 1 if links else 5))
    more = {"features": rng.normal(size=(300, 6)), "embeddings": rng.normal(size=(50, 8))}

    def signals():
        return Signals(ids, logits + rng.normal(size=logits.shape) * 0.3, targets, **more)

    parts = {"forget": ids[:40], "before": ids[40:60], "retain": ids[60:200]}
    parts |= {"validation": ids[200:240], "test": ids[240:], "own": ids[200:205]}
    return signals(), parts, Peers([signals(), signals()], signals(), [signals()])


@pytest.mark.parametrize("panel", PANELS)
def test_a_score_reads_what_it_says(panel) -> None:
    own, parts, peers = scene("links" in panel)
    for name, score in build_scores(PANELS[panel]).items():
        split = Recording(**parts)
        split.__dict__["seen"] = set()
        value = score(own, split, peers)
        assert split.__dict__["seen"] == score.reads, name
        assert np.isfinite(value) or name == "acc_m", name  # its labels are given where it is used


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_all_about_its_scores(panel) -> None:
    config = PANELS[panel]
    facts = describe_panel(config)["scores"]
    derived = set(config.get("derived") or {})
    assert {n: f["public"] for n, f in facts.items() if f["kind"] != "cost"} == {
        n: NAMES.get(n, f"score/{n}") for n, f in facts.items() if f["kind"] != "cost"
    }
    for name, one in facts.items():
        own = config["scores"].get(name)
        assert one["complement"] == (name == "ua")
        assert one["reads"] == sorted(one["reads"], key=PARTS.index)
        assert one["family"] in (*get_args(Family), "cost")
        assert (one["family"] == "summary") == (name in derived)
        assert (one["family"] == "cost") == (own is None and name not in derived)
        if one["family"] in ("forgetting", "utility", "cost"):
            assert one["family"] == one["kind"], name
    assert facts["cost/passes"]["public"] == "cost/passes"
    assert facts["weight_distance"]["public"] == "score/weight_distance"


def test_what_is_made_of_scores_reads_what_they_read() -> None:
    def reads(panel):
        return describe_panel(PANELS[panel])["scores"]["avg_gap"]["reads"]

    assert reads("tuning") == ["forget", "retain", "validation"]
    assert reads("classification") == ["forget", "before", "retain", "test"]


def test_of_two_scores_that_measure_alike_the_first_has_the_public_name() -> None:
    target = f"{SVCMIA.__module__}.{SVCMIA.__name__}"
    scores = {name: {"_target_": target} for name in ("mia", "mia_again")}
    facts = describe_panel({"scores": scores})["scores"]
    assert [facts[name]["public"] for name in scores] == ["attack/mia", "score/mia_again"]


def test_a_score_that_says_too_little_cannot_be_made() -> None:
    @dataclass(frozen=True)
    class Silent(OwnScore):
        def of(self, signals, split):
            return 0.0

    @dataclass(frozen=True)
    class Unread(Silent):
        family = "attack"

    @dataclass(frozen=True)
    class Wrong(Silent):
        family = "attacks"
        reads = frozenset({"test"})

    @dataclass(frozen=True)
    class Elsewhere(Wrong):
        family = "attack"
        reads = frozenset({"tests"})

    with pytest.raises(TypeError, match=r"Silent.*family.*reads"):
        Silent()
    with pytest.raises(TypeError, match=r"Unread.*reads"):
        Unread()
    with pytest.raises(UsageError, match="'attacks' is not one of forgetting"):
        Wrong()
    with pytest.raises(UsageError, match="'tests', which is no part"):
        Elsewhere()


def test_a_score_on_a_part_follows_the_part() -> None:
    @dataclass(frozen=True)
    class Plain(PartScore):
        def __call__(self, signals, split, peers):
            return 0.0

    @dataclass(frozen=True)
    class Named(Plain):
        stem = "plain"

    assert (Plain("test").family, Plain("test").reads) == ("utility", {"test"})
    assert Plain("before").family == "forgetting"
    assert (Plain().public, Named("retain").public) == (None, "retain/plain")
    assert TestAccuracy().public == "test/accuracy"


SHARES = {"ra": 140, "ua": 40, "ta": 30, "ta_forgotten": 30, "before": 20, "va": 40}
SHARES |= {"mia": 40, "mia_entropy": 40, "mia_threshold": 40, "rmia_tpr": 40}
SHARES |= {"acc_r": 30, "acc_f": 20, "acc_o": 10, "relearnt": 20, "relearnt_f": 20}
SHARES |= {"relearnt_o": 10}


@pytest.mark.parametrize("panel", PANELS)
def test_a_share_says_how_many_it_is_counted_over(panel) -> None:
    own, parts, peers = scene("links" in panel)
    scores, split = build_scores(PANELS[panel]), Split(**parts)
    values = panel_values(scores, own, split, peers)
    expected = {name: SHARES[name] for name in scores if name in SHARES}
    if "links" in panel:
        expected = {name: 40 for name in scores if name == "rmia_tpr"}
    assert panel_sizes(scores, values, own, split) == expected
    for name, size in expected.items():
        if name not in ("rmia_tpr",):  # a mean over sets of references
            assert values[name] * size == pytest.approx(round(values[name] * size)), name
    assert panel_sizes(scores, dict.fromkeys(scores, np.nan), own, split) == {}


@pytest.mark.parametrize("panel", PANELS)
def test_like_the_oracle_rests_on_scores_of_the_headline(panel) -> None:
    scores = describe_panel(PANELS[panel])["scores"]
    decisive = [name for name, facts in scores.items() if facts["decisive"]]
    assert decisive and all(scores[name]["headline"] for name in decisive)
    assert {scores[name]["kind"] for name in decisive} == {"forgetting"}
    if panel.startswith("tuning"):
        assert not any("test" in scores[name]["reads"] for name in decisive)


def test_a_request_for_whole_classes_has_a_panel_of_its_own() -> None:
    config = composed({"evaluation": "classification"})["evaluation"]
    both = describe_panels("classification", config)
    assert list(both) == ["classification", "classification, a class"]
    plain, whole = (one["scores"] for one in both.values())

    def named(scores, fact):
        return {name for name, facts in scores.items() if facts[fact]}

    assert named(plain, "headline") == {"ua", "ra", "ta", "kl_forget", "rmia"}
    assert named(plain, "decisive") == {"kl_forget", "rmia"}
    assert named(whole, "headline") == {"ua", "ra", "ta", "kl_forget", "silhouette"}
    assert named(whole, "decisive") == {"ua", "kl_forget", "silhouette"}
    assert named(plain, "references") == {"rmia", "rmia_tpr"}
    assert set(whole) - set(plain) == {"silhouette", "relearnt"}
    assert whole["relearnt"]["margin"] == 0.05
    assert list(describe_panels("x", {"scores": config["scores"]})) == ["x"]


@pytest.mark.parametrize("key", ["headline", "decisive", "margins"])
def test_a_name_that_the_panel_lacks_is_a_usage_error(key) -> None:
    named = {"us": 0.1} if key == "margins" else ["us"]
    config = PANELS["tuning"] | {key: named}
    with pytest.raises(UsageError, match=f"{key} names 'us', which the panel lacks; it has ua, "):
        describe_panel(config)
    with pytest.raises(UsageError, match=f"{key} names 'us'"):
        describe_panels("x", PANELS["tuning"] | {"of_class": {key: named}})


def test_tow_is_a_panel_beside_classification() -> None:
    tow, plain = (describe_panel(PANELS[name])["scores"] for name in ("tow", "classification"))
    assert [name for name in tow if name not in plain] == ["tow", "tow_mia"]
    assert {name: facts for name, facts in tow.items() if name in plain} == plain
    assert (tow["tow"]["better"], tow["tow_mia"]["title"]) == ("higher", "ToW-MIA")
