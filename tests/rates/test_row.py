"""Groups judged at once get the words that `judge` gives each of them."""

from typing import Any

import numpy as np
import pytest
import records
from calibration_case import PANEL, cards

from mu.rates.row import ABSENT, WORDS, CalibratedRow
from mu.results.evidence import evidence_tables
from mu.results.judgement import judge


def row_of(found: list[dict[str, Any]], method: str, panel: dict = PANEL) -> CalibratedRow:
    made = [records.card(**one) for one in found]
    [(_, methods, table)] = evidence_tables(made, panel)
    originals = {card.pair: card for card in methods["original"]}
    return CalibratedRow(methods[method], originals, judge(table[method], panel), panel)


def changed(found: list[dict], score: str, value: float | None, pairs: range, *rows: str) -> list:
    """The cards with another value in some pairs of some rows."""
    for one in found:
        if one["pair"] in pairs and one["method"] in rows:
            one["values"] = one["values"] | {score: value}
    return found


def still(found: list[dict]) -> list[dict]:
    """Oracles that do not vary, and a null row and a UA that equal them."""
    for one in found:
        one["oracle"] = {name: [values[0]] * 3 for name, values in one["oracle"].items()}
        if one["method"] == "null":
            one["values"] = {name: values[0] for name, values in one["oracle"].items()}
    return found


def ragged(found: list[dict]) -> list[dict]:
    for one in found[:8]:
        one["oracle"] = {name: values[:2] for name, values in one["oracle"].items()}
    return found


def shared(found: list[dict]) -> list[dict]:
    """Oracles of one forget set that are the very same in every pair that has it."""
    for one in found:
        one["oracle"] = found[4 * (one["pair"] % 2)]["oracle"]
        one["forget_digest"] = f"set {one['pair'] % 2}"
    return found


CASES = {
    "plain": lambda: cards(12),
    "two oracles": lambda: cards(12, oracles=2),
    "sets that repeat": lambda: cards(12, sets=5),
    "one set": lambda: cards(12, sets=1),
    "values missing": lambda: changed(cards(12), "rmia", None, range(9), "null", "half"),
    "one value left": lambda: changed(cards(12), "kl", None, range(11), *("null", "half")),
    "infinite": lambda: changed(cards(12), "kl", float("inf"), range(4), "null", "gone"),
    "infinite everywhere": lambda: changed(cards(12), "kl", float("inf"), range(12), "gone"),
    "no original": lambda: changed(cards(12), "kl", None, range(3), "original"),
    "oracles that do not vary": lambda: still(cards(12)),
    "fewer oracles in some pairs": lambda: ragged(cards(12)),
    "one oracle": lambda: cards(12, oracles=1),
    "shared oracles": lambda: shared(cards(12)),
    "a seed twice": lambda: [one | {"seed": one["pair"] // 2} for one in cards(12)],
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["null", "original", "half", "gone"])
def test_words_are_those_of_judge(case, method):
    every = [one for one in CASES[case]() if one["method"] in (method, "original")]
    row = row_of(every, method)
    random = np.random.default_rng(7)
    for n in (1, 2, 3, 5, 8):
        groups = np.array([np.sort(random.permutation(12)[:n]) for _ in range(8)])
        found = row.words(groups)
        for number, group in enumerate(groups):
            picked = {row.cards[place].pair for place in group}
            some = [one for one in every if one["pair"] in picked]
            judged = row_of(some, method).judged
            assert WORDS[found.row[number]] == judged.word
            for name in row.judged.headline:
                code = found.adjusted[name][number]
                said = WORDS[code] if code != ABSENT else None
                own = judged.scores.get(name)
                assert said == (own.word if own else None), (name, n)


@pytest.mark.parametrize("case", ["plain", "sets that repeat", "values missing", "infinite"])
def test_most_groups_are_judged_at_once(case, monkeypatch):
    monkeypatch.setattr(CalibratedRow, "subset", None)
    row = row_of(CASES[case](), "null")
    assert len(row.words(np.array([[0, 1, 2], [3, 9, 11]])).row) == 2


def test_without_the_correction_more_differs():
    row = row_of(cards(40, seed=3), "null")
    random = np.random.default_rng(1)
    groups = np.array([np.sort(random.permutation(40)[:5]) for _ in range(400)])
    found = row.words(groups)
    differs = WORDS.index("differs")
    raw, adjusted = (
        sum(int((codes == differs).sum()) for codes in one.values())
        for one in (found.raw, found.adjusted)
    )
    assert raw > adjusted
