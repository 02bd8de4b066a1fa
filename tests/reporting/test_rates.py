"""Rates as text."""

import re
from dataclasses import replace

import pytest
from calibration_case import cards, results

from mu.rates.rates import Rate, rates
from mu.reporting.rates import rates_markdown, rates_text


@pytest.fixture(scope="module")
def found() -> list[Rate]:
    return rates(results(cards(22)), draws=100)


def test_the_table_is_80_columns_wide_and_has_every_row(found):
    text = rates_text(found, aims=False)
    assert max(map(len, text.splitlines())) <= 80
    assert "random: digits, cnn; 22 pairs, 100 groups of n" in text
    assert re.search(r"^original +\.00±\.00 +\.00±\.00 +\.00±\.00 +1\.00±\.00", text, re.MULTILINE)
    assert all(f"\n{name} " in text for name in ("null", "half", "gone"))
    assert "before → after Holm" in text and "RMIA" in text
    assert "aim" not in text


def test_a_long_name_has_a_line_of_its_own(found):
    long = "a_method_with_a_very_long_name"
    text = rates_text([replace(one, method=long) for one in found if one.method == "half"], False)
    assert f"\n{long}\n" in text and max(map(len, text.splitlines())) <= 80


def test_missed_aims_are_marked_and_listed(found):
    liked = next(one for one in found if one.method == "half" and not one.score)
    shares = dict.fromkeys(liked.words.shares, 0.0) | {"like the oracle": 0.5, "differs": 0.5}
    wrong = replace(liked, words=replace(liked.words, shares=shares))
    text = rates_text([wrong, *(one for one in found if one is not liked)], aims=True)
    assert ".50±.00!" in text
    assert "random, half, n = 3: like the oracle .50±.00, aim ≤ 0" in text
    assert max(map(len, text.splitlines())) <= 80


def test_markdown_has_every_word_of_every_row_and_score(found):
    text = rates_markdown(found, "Made", aims=True)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + 2 + len(found)
    assert "| original | 3 | 0.000 ± 0.000 | 1.000 ± 0.000 |" in text
    assert "like the oracle ≤ 0: met; differs ≥ 0.95: met |" in text
    assert "aims" not in rates_markdown(found, "Made", aims=False)
