"""Rows and verdicts from cards."""

import json
import math
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
import records

from mu.results import verdicts as made
from mu.results.estimate import Estimate
from mu.results.intervals import estimate
from mu.results.rows import COLUMNS, Row, Verdict
from mu.results.verdicts import verdict

PANEL: dict[str, Any] = {
    "scores": {
        "ua": {"title": "UA", "kind": "forgetting", "headline": True, "margin": 0.02},
        "mia": {"title": "MIA", "kind": "forgetting", "headline": True, "margin": None},
        "ta": {"title": "TA", "kind": "utility", "headline": True, "margin": 0.02},
        "ba": {"title": "BA", "kind": "forgetting", "headline": False, "margin": None},
        "cost/passes": {"title": "passes", "kind": "cost", "headline": False, "margin": None},
    }
}
NOISE = (0.002, -0.003, 0.001, 0.0)


def card(method: str, pair: int, digest: str | None = None, **values: float | None) -> dict:
    """A finished card whose three oracles read ua .5, mia .4, ta .9 up to the pair's noise."""
    centre = {"ua": 0.5, "mia": 0.4, "ta": 0.9}
    oracle = {k: [v + NOISE[pair] + d for d in (-0.001, 0.0, 0.001)] for k, v in centre.items()}
    return {
        "schema": 1,
        "data": "digits",
        "model": "cnn",
        "recipe": "short",
        "request": "random",
        "step": 0,
        "method": method,
        "seed": pair,
        "pair": pair,
        "values": {"cost/passes": 0.1, **values},
        "oracle": oracle,
        "error": None,
        "forget_digest": f"set {pair}" if digest is None else digest,
    }


def table(pairs: int = 3, digest: str | None = None, **own: tuple[float, ...]) -> list[dict]:
    """Cards of the reference rows and of a method with the given values per pair."""
    cards = []
    for pair in range(pairs):
        wobble = 0.001 * pair
        cards += [
            card("oracle", pair, digest, ua=0.5, mia=0.4, ta=0.9),
            card("original", pair, digest, ua=0.0 + wobble, mia=0.1 + wobble, ta=0.9 + wobble),
            card("random_weights", pair, digest, ua=0.9 + wobble, mia=0.5, ta=0.1 + wobble),
        ]
        if own:
            mine = {name: values[pair] for name, values in own.items()}
            cards.append(card("ours", pair, digest, **mine))
    return cards


def aggregate(cards: list[dict], panel: dict) -> list[Row]:
    return made.aggregate([records.card(**one) for one in cards], panel)


def verdicts(rows: list[Row], panel: dict, cards: list[dict]) -> list[Verdict]:
    return made.verdicts(rows, panel, [records.card(**one) for one in cards])


def judge(cards: list[dict], method: str = "ours") -> Verdict:
    """The verdict on a method."""
    found = verdicts(aggregate(cards, PANEL), PANEL, cards)
    return next(one for one in found if one.method == method)


def row(cards: list[dict], method: str, metric: str) -> Row:
    """One aggregated row."""
    rows = aggregate(cards, PANEL)
    return next(r for r in rows if (r.method, r.metric) == (method, metric))


LIKE = {"ua": (0.503, 0.496, 0.502), "mia": (0.41, 0.38, 0.40), "ta": (0.903, 0.896, 0.902)}


def test_verdict_on_one_score() -> None:
    far, near, unknown = Estimate(0.3, 0.01, 4, 5), Estimate(0.0, 0.001, 4, 5), Estimate(0.0, n=1)
    assert verdict(far, True, 0.5) == verdict(far, False) == "differs"
    assert verdict(near, False, 0.02) == "no power here"
    assert verdict(near, True, 0.02) == "like the oracle"
    assert verdict(near, True, 0.0001) == verdict(near, True) == "inconclusive"
    assert verdict(near, None, 0.02) == verdict(unknown, None, 0.02) == "inconclusive"


def test_columns_order_and_numbers() -> None:
    rows = aggregate(table(**LIKE), PANEL)
    assert all(tuple(asdict(found)) == (*COLUMNS, "block") for found in rows)
    order = list(dict.fromkeys(found.method for found in rows))
    assert order == ["original", "random_weights", "oracle", "ours"]
    found = row(table(**LIKE), "ours", "ua")
    assert found.n == 3 and found.mean == pytest.approx(0.5003333)
    assert found.oracle == pytest.approx(0.5)
    assert found.gap == pytest.approx(0.0003333, abs=1e-6)
    assert found.low < found.mean < found.high
    assert found.gap_low < 0 < found.gap_high and found.verdict == "like the oracle"
    assert row(table(**LIKE), "oracle", "ua").verdict == ""
    assert row(table(**LIKE), "ours", "cost/passes").verdict == ""


def test_scores_that_differ_are_named() -> None:
    found = judge(table(ua=(0.7, 0.71, 0.69), mia=LIKE["mia"], ta=(0.5, 0.51, 0.49)))
    assert found.verdict == "differs" and found.on == ["ua", "ta"]
    assert found.reason == "UA, TA differ; MIA inconclusive"
    assert judge(table(**LIKE), "original").reason.startswith("UA, MIA differ")


def test_over_forgetting_differs_in_either_direction() -> None:
    for ua in ((0.3, 0.31, 0.29), (0.7, 0.71, 0.69)):
        assert judge(table(**{**LIKE, "ua": ua})).on == ["ua"]


def test_like_the_oracle_needs_every_headline_score_with_power() -> None:
    assert judge(table(**LIKE)).verdict == "inconclusive"  # MIA has no margin
    without = {name: values for name, values in LIKE.items() if name != "mia"}
    found = judge(table(**without))
    assert found.verdict == "like the oracle" and found.on == ["ua", "ta"]
    assert found.reason == "UA, TA like the oracle"


def powerless(cards: list[dict]) -> list[dict]:
    """Make the original as good as the oracles on every forgetting score."""
    for one in cards:
        if one["method"] == "original":
            pair = one["pair"]
            one["values"] |= {"ua": LIKE["ua"][pair], "mia": LIKE["mia"][pair]}
    return cards


def test_no_power_when_the_original_is_like_the_oracle() -> None:
    cards = powerless(table(**LIKE))
    assert row(cards, "ours", "ua").verdict == "no power here"
    assert row(cards, "ours", "ta").verdict == "like the oracle"
    found = judge(cards)
    assert found.verdict == "no power here" and found.on == ["ua", "mia"]
    assert "UA, MIA without power" in found.reason
    assert judge(cards, "original").verdict == "no power here"


def test_a_difference_is_power_enough() -> None:
    cards = powerless(table(**{**LIKE, "ua": (0.9, 0.91, 0.89)}))
    assert row(cards, "ours", "ua").verdict == "differs"
    assert judge(cards).verdict == "differs"


def test_missing_reference_rows_leave_power_unknown() -> None:
    without = {name: values for name, values in LIKE.items() if name != "mia"}
    cards = [one for one in table(**without) if one["method"] != "original"]
    found = judge(cards)
    assert found.verdict == "inconclusive"
    assert "power unknown without original" in found.reason


def test_holm_over_the_headline_scores() -> None:
    """A gap at p = .03 alone differs in its row, but not among three scores."""
    ua = tuple(0.5 + NOISE[pair] + gap for pair, gap in enumerate((0.09, 0.05, 0.07)))
    assert row(table(**{**LIKE, "ua": ua}), "ours", "ua").verdict == "differs"
    found = judge(table(**{**LIKE, "ua": ua}))
    assert found.verdict == "inconclusive" and "ua" in found.on


def test_one_pair_is_inconclusive() -> None:
    cards = table(1, ua=(0.9,), mia=(0.4,), ta=(0.9,))
    found = row(cards, "ours", "ua")
    assert found.n == 1 and found.low is None and found.gap_low is None
    assert found.gap == pytest.approx(0.398) and found.verdict == "inconclusive"
    found = judge(cards)
    assert (found.verdict, found.reason) == ("inconclusive", "one pair")


def test_one_forget_set_for_all_seeds_is_said() -> None:
    found = judge(table(digest="same", ua=(0.7, 0.71, 0.69), mia=LIKE["mia"], ta=LIKE["ta"]))
    assert found.verdict == "differs"
    assert found.reason.endswith("conditional on one forget set")
    assert row(table(digest="same", **LIKE), "ours", "ua").n == 3


def test_many_sets_of_one_seed_are_one_unit() -> None:
    cards = [one | {"seed": 7} for one in table(**LIKE)]
    assert row(cards, "ours", "ua").n == 1 and judge(cards).reason == "one training seed"


def test_crossed_cards_count_as_the_scarcer_factor() -> None:
    cards = []
    for number, name in enumerate("abc"):
        cards += [one | {"forget_digest": name} for one in table(2, **LIKE)]
        cards[-1]["pair"] = number
    assert row(cards, "ours", "ua").n == 2


def test_repeats_of_a_pair_are_averaged_inside_it() -> None:
    cards = table(**LIKE)
    assert aggregate([*cards, *cards], PANEL) == aggregate(cards, PANEL)


def test_shared_oracles_widen_the_gap() -> None:
    cards = table(digest="same", ua=(0.51, 0.52, 0.53), mia=LIKE["mia"], ta=LIKE["ta"])
    own = row(cards, "ours", "ua")
    for one in cards:
        one["oracle"] = {"ua": [0.4, 0.5, 0.6], "mia": [0.4, 0.4, 0.4], "ta": [0.9, 0.9, 0.9]}
    shared = row(cards, "ours", "ua")
    assert shared.gap_high - shared.gap_low > 0.2 > own.gap_high - own.gap_low
    for one in cards:
        one["oracle"] = {"ua": [0.4]}
    assert row(cards, "ours", "ua").verdict == "inconclusive"
    assert "one shared oracle" in judge(cards).reason


def test_equal_gaps() -> None:
    """No variance: no gap is like the oracle only with a margin; any gap differs."""
    exact = tuple(0.5 + NOISE[pair] for pair in range(3))
    cards = table(ua=exact, mia=tuple(x - 0.1 for x in exact), ta=tuple(x + 0.5 for x in exact))
    assert row(cards, "ours", "ua").verdict == "like the oracle"
    assert row(cards, "ours", "mia").verdict == "inconclusive"
    assert row(cards, "ours", "ta").verdict == "differs"


def test_null_values_are_dropped_and_counted_honestly() -> None:
    cards = table(ua=(0.7, None, 0.69), mia=(None,) * 3, ta=LIKE["ta"])  # type: ignore[arg-type]
    assert row(cards, "ours", "ua").n == 2
    empty = row(cards, "ours", "mia")
    assert empty.n == 0 and empty.mean is None and empty.verdict == ""
    assert "MIA" not in judge(cards).reason


def test_failed_cards_are_skipped_and_said() -> None:
    cards = table(**LIKE)
    failed = [i for i, one in enumerate(cards) if one["method"] == "ours"]
    cards[failed[0]] |= {"error": "out of memory", "values": {}}
    assert row(cards, "ours", "ua").n == 2
    assert judge(cards).reason.endswith("1 of 3 cells failed")
    for place in failed:
        cards[place] |= {"error": "out of memory", "values": {}}
    assert all(found.method != "ours" for found in aggregate(cards, PANEL))
    assert judge(cards).verdict == "" and judge(cards).reason == "failed: out of memory"


def test_recipes_and_steps_are_never_mixed() -> None:
    cards = table(**LIKE)
    other = [one | {"recipe": "long"} for one in cards] + [one | {"step": 1} for one in cards]
    models = {(found.model, found.step) for found in aggregate(cards + other, PANEL)}
    assert models == {("cnn [short]", 0), ("cnn [long]", 0), ("cnn [short]", 1)}


def test_scores_outside_the_panel_and_without_oracles() -> None:
    cards = [card("ours", pair, extra=0.1 * pair) for pair in range(2)]
    found = row(cards, "ours", "extra")
    assert found.oracle is None and found.verdict == "" and found.n == 2
    assert judge(cards).reason == "no headline score applies"
    bare = [one | {"oracle": {}} for one in table(**LIKE)]
    assert row(bare, "ours", "ua").verdict == "inconclusive"
    assert "no oracle value" in judge(bare).reason


def test_everything_survives_json_and_nothing_is_infinite() -> None:
    cards = json.loads(json.dumps(table(ua=(0.7, math.inf, 0.69), ta=LIKE["ta"])))
    rows = aggregate(cards, PANEL)
    plain = [asdict(one) for one in (*rows, *verdicts(rows, PANEL, cards))]
    json.dumps(plain, allow_nan=False)
    kinds = {type(x) for one in plain for x in one.values()}
    assert kinds <= {str, int, float, list, type(None)}


def test_without_forgetting_scores_nothing_is_claimed() -> None:
    found = judge(table(ta=LIKE["ta"]))
    assert (found.verdict, found.on) == ("no power here", [])
    assert found.reason == "TA like the oracle; no forgetting score"


def test_importing_stays_light() -> None:
    """A fully cached run imports these modules: no torch, SciPy or scikit-learn with them."""
    names = (
        "accuracy attacks.features cost attacks.cross_validated derived details.detail distance "
    )
    names += "attacks.entropy graph attacks.ranking_attack membership "
    names += "score scoring signals attacks.threshold zrf"
    modules = [f"mu.evaluation.{name}" for name in names.split()]
    modules += ["mu.results.results", "mu.results.panel", "mu.results.verdicts"]
    code = "; ".join(f"import {module}" for module in modules)
    code += "; import sys; print([m for m in ('torch', 'scipy', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_cards() -> None:
    assert aggregate([], PANEL) == [] and verdicts([], PANEL, []) == []


def test_nearer_than_the_oracles_are_to_each_other_is_no_failure():
    near, far = estimate([-0.5, -0.51, -0.49]), estimate([0.5, 0.51, 0.49])
    assert verdict(near, True, better="lower") == "like the oracle"
    assert verdict(far, True, better="lower") == "differs"
    assert verdict(near, True, better="higher") == "differs"
    assert verdict(near, True) == "differs"


def test_a_margin_on_a_distance_is_tested_on_the_side_that_counts():
    """Wide towards the oracles, where nothing can go wrong; short of the margin on the other."""
    gap = Estimate(-0.1, error=0.05, freedom=4, n=5)
    assert gap.interval(0.90)[0] < -0.02 and gap.interval(0.90)[1] < 0.02
    assert verdict(gap, True, 0.02, "lower") == "like the oracle"
    assert verdict(gap, True, 0.02) == verdict(gap, True, 0.02, "higher") == "inconclusive"
    other = Estimate(0.1, error=0.05, freedom=4, n=5)
    assert verdict(other, True, 0.02, "higher") == "like the oracle"
    assert verdict(Estimate(-0.1, n=1), True, 0.02, "lower") == "inconclusive"


def test_the_interval_of_a_proportion_stays_uncut() -> None:
    found = next(r for r in aggregate(table(ta=(0.99, 1.0, 0.95)), PANEL) if r.method == "ours")
    assert found.high > 1
    assert found.high - found.mean == pytest.approx(found.mean - found.low)


DISTANCE: dict[str, Any] = {
    "scores": {
        "kl": {"title": "KL", "kind": "forgetting", "headline": True, "margin": None}
        | {"better": "lower"},
        "ta": PANEL["scores"]["ta"],
    }
}


def near(original: float, ours: float, floor: float = 0.10) -> list[dict]:
    """Cards of four pairs with a distance: of the original, of a method, and between oracles."""
    rows = []
    for pair in range(4):
        wobble = 0.001 * pair
        for method, value in {"original": original, "random_weights": 0.9, "ours": ours}.items():
            one = card(method, pair, kl=value + wobble, ta=0.1 if "random" in method else 0.9)
            one["oracle"] = {"kl": [floor, floor + 0.001], "ta": [0.9, 0.901]}
            rows.append(one)
    return rows


@pytest.mark.parametrize(
    ("original", "ours", "word"),
    [
        (0.05, 0.05, "no power here"),  # the original is an oracle for all this score can tell
        (0.50, 0.05, "like the oracle"),
        (0.50, 0.40, "differs"),
        (0.05, 0.40, "differs"),
    ],
)
def test_a_distance_has_power_only_where_the_original_is_farther_than_oracles_are(
    original, ours, word
) -> None:
    cards = near(original, ours)
    found = next(r for r in aggregate(cards, DISTANCE) if (r.method, r.metric) == ("ours", "kl"))
    assert found.verdict == word
    overall = verdicts(aggregate(cards, DISTANCE), DISTANCE, cards)
    said = {one.method: one.verdict for one in overall}
    assert said["ours"] == word
    if original < 0.10:
        assert said["original"] == "no power here"
