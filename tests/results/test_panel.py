"""What scores say of themselves, held against what they do."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pytest

from mu.configuration.choices import choices, read_yaml
from mu.errors import UsageError
from mu.evaluation.accuracy import TestAccuracy
from mu.evaluation.membership import SVCMIA
from mu.evaluation.score import Family, OwnScore, PartScore, Peers
from mu.evaluation.scoring import build_scores
from mu.evaluation.signals import PARTS, Signals, Split
from mu.results.panel import describe_panel

PANELS = {name: read_yaml(file) for name, file in choices("evaluation").items()}
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
    parts |= {"validation": ids[200:240], "test": ids[240:]}
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
