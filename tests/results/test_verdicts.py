"""Rows and verdicts from cards."""

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from results.verdict_case import LIKE, PANEL, card, rows_of, table, verdicts_of

from mu.results.rows import COLUMNS
from mu.results.verdicts import tabulate


def test_columns_order_and_numbers() -> None:
    rows, _ = tabulate(table(**LIKE), PANEL)
    assert all(tuple(asdict(found)) == (*COLUMNS, "block") for found in rows)
    order = list(dict.fromkeys(found.method for found in rows))
    assert order == ["original", "random_weights", "oracle", "ours"]
    found = rows_of(table(**LIKE))["ours", "ua"]
    assert found.n == 3 and found.mean == pytest.approx(0.501)
    assert found.oracle == pytest.approx(0.5) and found.gap == pytest.approx(0.001)
    assert found.low < found.mean < found.high and found.gap_low < 0 < found.gap_high
    assert found.left == pytest.approx(-0.002, abs=1e-4) and 0 < found.at_most < 0.02
    original = rows_of(table(**LIKE))["original", "ua"]
    assert original.left == pytest.approx(1.0) and original.at_most > 1
    assert rows_of(table(**LIKE))["ours", "ta"].left is None
    for quiet in (("oracle", "ua"), ("ours", "cost/passes")):
        assert rows_of(table(**LIKE))[quiet].verdict == ""
    assert rows_of(table(**LIKE))["oracle", "ua"].gap is None


def test_the_null_row_stands_behind_the_references() -> None:
    cards = [*table(**LIKE), *(replace(one, method="null") for one in table(**LIKE)[3::4])]
    rows, verdicts = tabulate(cards, PANEL)
    order = list(dict.fromkeys(row.method for row in rows))
    assert order == ["original", "random_weights", "oracle", "null", "ours"]
    assert {one.method: one.verdict for one in verdicts}["null"] == "like the oracle"


def test_missing_reference_rows_leave_power_unknown() -> None:
    cards = [one for one in table(**LIKE) if one.method != "original"]
    found = verdicts_of(cards)["ours"]
    assert found.verdict == "inconclusive" and "power unknown without original" in found.reason


def test_an_original_that_failed_in_some_pair_leaves_power_unknown() -> None:
    cards = [
        replace(one, error="lost") if (one.method, one.pair) == ("original", 1) else one
        for one in table(**LIKE)
    ]
    assert "power unknown" in verdicts_of(cards)["ours"].reason


def test_one_pair_has_the_interval_of_its_oracles() -> None:
    found = rows_of(table(1, **LIKE))["ours", "ua"]
    assert found.n == 1 and found.low is None and found.gap_low < 0 < found.gap_high
    single = [replace(one, oracle={"ua": [0.5]}) for one in table(1, **LIKE)]
    assert rows_of(single)["ours", "ua"].gap_low is None


def test_one_forget_set_for_all_seeds_counts_the_seeds() -> None:
    assert rows_of(table(digest="same", **LIKE))["ours", "ua"].n == 3


def test_many_sets_of_one_seed_are_one_unit() -> None:
    cards = [replace(one, seed=7) for one in table(**LIKE)]
    assert rows_of(cards)["ours", "ua"].n == 1
    assert verdicts_of(cards)["ours"].reason.endswith("one training seed")


def test_crossed_cards_count_as_the_scarcer_factor() -> None:
    cards = []
    for number, name in enumerate("abc"):
        for one in table(2, **LIKE):
            cards.append(replace(one, forget_digest=name, pair=2 * number + one.pair))
    assert rows_of(cards)["ours", "ua"].n == 2


def test_repeats_of_a_pair_are_averaged_inside_it() -> None:
    cards = table(**LIKE)
    twice, once = rows_of([*cards, *cards]), rows_of(cards)
    assert {at: (row.mean, row.n, row.low) for at, row in twice.items()} == {
        at: (row.mean, row.n, row.low) for at, row in once.items()
    }


def test_shared_oracles_widen_the_gap() -> None:
    gaps = LIKE | {"ua": (0.01, 0.02, 0.03)}
    cards = table(digest="same", **gaps)
    own = rows_of(cards)["ours", "ua"]
    oracle = {"ua": [0.4, 0.5, 0.6], "kl": [0.1] * 3, "ta": [0.9] * 3}
    shared = rows_of([replace(one, oracle=oracle) for one in cards])["ours", "ua"]
    assert shared.gap_high - shared.gap_low > 0.2 > own.gap_high - own.gap_low
    single = [replace(one, oracle={"ua": [0.4]}) for one in cards]
    assert rows_of(single)["ours", "ua"].verdict == "inconclusive"
    assert "one shared oracle" in verdicts_of(single)["ours"].reason


def test_missing_values_are_dropped_and_counted_honestly() -> None:
    cards = [
        replace(one, values=one.values | {"ua": None if one.pair == 1 else 0.7, "kl": None})
        if one.method == "ours"
        else one
        for one in table(**LIKE)
    ]
    assert rows_of(cards)["ours", "ua"].n == 2
    empty = rows_of(cards)["ours", "kl"]
    assert empty.n == 0 and empty.mean is None and empty.verdict == ""


def test_failed_cards_are_skipped_and_said() -> None:
    cards = [
        replace(one, error="out of memory", values={}) if one.method == "ours" else one
        for one in table(**LIKE)
    ]
    assert ("ours", "ua") not in rows_of(cards)
    found = verdicts_of(cards)["ours"]
    assert (found.verdict, found.reason, found.on) == ("", "failed: out of memory", [])


def test_recipes_and_steps_are_never_mixed() -> None:
    cards = table(**LIKE)
    other = [replace(one, recipe="long") for one in cards]
    other += [replace(one, step=1) for one in cards]
    models = {(found.model, found.step) for found in tabulate([*cards, *other], PANEL)[0]}
    assert models == {("cnn [short]", 0), ("cnn [long]", 0), ("cnn [short]", 1)}


def test_scores_outside_the_panel_and_without_oracles() -> None:
    cards = [card("ours", pair, extra=0.1 * pair) for pair in range(2)]
    found = rows_of(cards)["ours", "extra"]
    assert found.oracle is None and found.verdict == "" and found.n == 2
    bare = [replace(one, oracle={}) for one in table(**LIKE)]
    assert rows_of(bare)["ours", "ua"].verdict == "inconclusive"
    assert "no oracle value" in verdicts_of(bare)["ours"].reason


def test_everything_survives_json_and_nothing_is_infinite() -> None:
    cards = table(5, **LIKE)
    cards[-1] = replace(cards[-1], values={**cards[-1].values, "kl": math.inf})
    rows, words = tabulate(cards, PANEL)
    plain = [asdict(one) for one in (*rows, *words)]
    json.dumps(plain, allow_nan=False)
    kinds = {type(x) for one in plain for x in one.values()}
    assert kinds <= {str, int, float, list, type(None)}


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
    assert tabulate([], PANEL) == ([], [])


def test_the_interval_of_a_proportion_stays_uncut() -> None:
    found = rows_of(table(ta=(0.09, 0.10, 0.05)))["ours", "ta"]
    assert found.high > 1
    assert found.high - found.mean == pytest.approx(found.mean - found.low)


def test_equal_counts_of_a_share_leave_an_interval() -> None:
    """21 of 21 over three pairs reads 1.000 with a lower limit, not certainty."""
    cards = [
        replace(one, values={"ua": 1.0}, sizes={"ua": 7}) if one.method == "ours" else one
        for one in table(**LIKE)
    ]
    found = rows_of(cards)["ours", "ua"]
    assert found.mean == 1.0 and found.low == pytest.approx(0.71, abs=0.005)
