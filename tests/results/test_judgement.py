"""Which word a row gets, and which word each of its scores."""

from typing import Any

import pytest
from results.verdict_case import CENTRE, LIKE, NOISE, PANEL, card, rows_of, table, verdicts_of


def words(cards: list, panel: dict[str, Any] = PANEL) -> dict[str, str]:
    """Score → the word on the method."""
    found = rows_of(cards, panel)
    return {metric: row.verdict for (method, metric), row in found.items() if method == "ours"}


def test_a_retrained_model_is_like_the_oracle_and_the_more_so_the_more_pairs():
    bounds = []
    for pairs in (3, 5, 8):
        found = verdicts_of(table(pairs, **LIKE))["ours"]
        assert found.verdict == "like the oracle" and found.on == ["ua", "kl", "ta"]
        bounds.append(rows_of(table(pairs, **LIKE))["ours", "ua"].at_most)
    assert bounds == sorted(bounds, reverse=True) and bounds[-1] < 0.02


@pytest.mark.parametrize("pairs", [1, 2])
def test_one_or_two_pairs_may_differ_and_are_never_like(pairs):
    assert verdicts_of(table(pairs, **LIKE))["ours"].verdict == "inconclusive"
    assert verdicts_of(table(pairs, **LIKE | {"ua": -0.4}))["ours"].verdict == "differs"


def test_the_original_differs_and_is_never_like():
    assert verdicts_of(table(3, **LIKE))["original"].verdict == "differs"


@pytest.mark.parametrize("gap", [-0.3, 0.3])
def test_too_little_and_too_much_forgetting_both_differ(gap):
    assert verdicts_of(table(3, **LIKE | {"ua": gap}))["ours"].on == ["ua"]


def test_a_distance_below_the_oracles_own_is_no_fault():
    assert verdicts_of(table(3, **LIKE | {"kl": -0.05}))["ours"].verdict == "like the oracle"


def test_every_decisive_score_must_show_that_little_is_left():
    wide = LIKE | {"kl": (-0.3, 0.3, 0.1)}
    found = verdicts_of(table(3, **wide))["ours"]
    assert found.verdict == "inconclusive" and "kl" in found.on


def test_a_decisive_score_that_is_missing_is_never_skipped():
    without = {name: gaps for name, gaps in LIKE.items() if name != "kl"}
    found = verdicts_of(table(5, **without))["ours"]
    assert found.verdict == "inconclusive"
    assert "without KL it cannot be called like the oracle" in found.reason


def test_a_decisive_score_without_power_is_never_skipped():
    cards = [
        card("original", one.pair, **one.values | {"kl": CENTRE["kl"] + NOISE[one.pair]})
        if one.method == "original"
        else one
        for one in table(5, **LIKE | {"kl": (0.005, -0.004, 0.006, -0.003, 0.004)})
    ]
    assert words(cards) == {
        "ua": "like the oracle",
        "kl": "no power",
        "ta": "like the oracle",
        "cost/passes": "",
    }
    found = verdicts_of(cards)["ours"]
    assert found.verdict == "no power" and found.on == ["kl"]


def test_utility_must_stay_within_its_margin():
    found = verdicts_of(table(5, **LIKE | {"ta": (-0.03, 0.03, -0.02, 0.03, 0.0)}))["ours"]
    assert found.verdict == "inconclusive" and found.on == ["ta"]


def test_accuracies_that_forget_need_their_margin_too():
    """4 % of the original's gap is little, and still outside two per cent."""
    found = table(8, **LIKE | {"ua": tuple(-0.021 + gap for gap in LIKE["ua"])})
    row = rows_of(found)["ours", "ua"]
    assert row.at_most < 0.1 and row.verdict == "differs"


def test_a_difference_within_the_margin_is_one_and_no_failure():
    gaps = LIKE | {"ua": tuple(-0.008 + gap / 2 for gap in LIKE["ua"])}
    assert words(table(8, **gaps))["ua"] == "differs, within the margin"
    found = verdicts_of(table(8, **gaps))["ours"]
    assert found.verdict == "like the oracle"
    assert "UA differs, within the margin" in found.reason


def test_a_row_that_differs_only_within_its_margins_says_so():
    gaps = LIKE | {"ua": tuple(-0.008 + gap / 2 for gap in LIKE["ua"])}
    gaps["kl"] = (0.4, -0.05, 0.3, -0.05, 0.2, -0.05, -0.05, 0.3)
    found = verdicts_of(table(8, **gaps))["ours"]
    assert found.verdict == "differs, within the margin" and found.on == ["ua"]


def test_cells_of_the_headline_are_holm_adjusted_as_their_verdict_is():
    """A gap at p = .03 alone, among three scores."""
    gap = tuple(0.0025 + one for one in LIKE["ua"][:3])
    alone = {"scores": {"ua": PANEL["scores"]["ua"] | {"margin": 0.0001}}}
    three = {"scores": PANEL["scores"] | alone["scores"]}
    cards = table(3, **LIKE | {"ua": gap})
    assert words(cards, alone)["ua"] == "differs"
    assert words(cards, three)["ua"] == "inconclusive"
    assert verdicts_of(cards, three)["ours"].verdict == "inconclusive"
    outside = {name: facts | {"headline": name != "ua"} for name, facts in three["scores"].items()}
    assert words(cards, {"scores": outside})["ua"] == "differs"  # alone, outside the headline


def test_no_cell_of_the_headline_contradicts_its_verdict():
    for gap in (-0.4, -0.02, -0.01, 0.0, 0.3):
        cards = table(5, **LIKE | {"ua": tuple(gap + one for one in LIKE["ua"])})
        found, said = verdicts_of(cards)["ours"], words(cards)
        differ = [name for name in ("ua", "kl", "ta") if said[name] == "differs"]
        assert (found.verdict == "differs") == bool(differ)
        if differ:
            assert found.on == differ


def test_an_infinite_distance_is_a_difference():
    cards = table(5, **LIKE)
    cards[-1] = card("ours", 4, **{**cards[-1].values, "kl": float("inf")})
    found = verdicts_of(cards)["ours"]
    assert found.verdict == "differs" and found.reason.startswith("KL (infinite in pair 4)")


def test_models_that_never_vary():
    """Closed-form oracles: no gap is like them, any other differs."""

    def exact(gap: float) -> list:
        cards = [
            card(one.method, one.pair, **{n: v for n, v in one.values.items() if n in CENTRE})
            for one in table(3, ua=gap, kl=0.0, ta=0.0)
        ]
        for one in cards:
            object.__setattr__(
                one, "oracle", {n: [v + NOISE[one.pair]] * 3 for n, v in CENTRE.items()}
            )
        return cards

    found = verdicts_of(exact(0.0))["ours"]
    assert found.verdict == "like the oracle" and "the oracles do not vary" in found.reason
    assert verdicts_of(exact(-0.1))["ours"].verdict == "differs"


def test_a_panel_without_decisive_scores_takes_the_forgetting_ones_of_its_headline():
    plain = {n: {**facts, "decisive": False} for n, facts in PANEL["scores"].items()}
    cards = table(5, **LIKE)
    assert verdicts_of(cards, {"scores": plain}) == verdicts_of(cards)


def test_without_forgetting_scores_nothing_is_claimed():
    found = verdicts_of(table(5, ta=LIKE["ta"]))["ours"]
    assert found.verdict == "inconclusive" and "without UA, KL" in found.reason


def test_a_distance_without_power_may_be_as_near_as_retraining_where_another_score_decides():
    cards = [
        card("original", one.pair, **one.values | {"kl": CENTRE["kl"] + NOISE[one.pair]})
        if one.method == "original"
        else one
        for one in table(5, **LIKE | {"kl": -0.001})
    ]
    assert words(cards)["kl"] == "like the oracle"
    assert verdicts_of(cards)["ours"].verdict == "like the oracle"
    alone = {n: f | {"decisive": n == "kl"} for n, f in PANEL["scores"].items()}
    assert verdicts_of(cards, {"scores": alone})["ours"].verdict != "like the oracle"
