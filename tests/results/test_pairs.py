"""Every number of every pair, and why others are missing."""

import csv
import io
from statistics import fmean

import pytest

from mu.reporting.table import pairs_csv
from mu.results.pairs import PairRow, pair_rows
from mu.results.results import read_results


@pytest.fixture
def found(tiny):
    return read_results(tiny.folder)


def test_every_score_of_every_card_has_a_line(found):
    rows = list(pair_rows(found))
    assert len(rows) == sum(len(card.values) for card in found.cards)
    for card in found.cards:
        own = {
            row.metric: row
            for row in rows
            if (row.request, row.method, row.pair) == (card.request, card.method, card.pair)
        }
        assert own.keys() == card.values.keys()
        row = own["cost/seconds_request"]
        assert row.value == card.values["cost/seconds_request"]
        for metric, listed in card.oracle.items():
            if card.number(metric) is not None and card.method != "oracle" and listed:
                assert own[metric].oracle == pytest.approx(fmean(listed))
                assert own[metric].gap == pytest.approx(card.values[metric] - fmean(listed))
    assert all(row.gap is None for row in rows if row.method == "oracle")


def test_a_failure_is_a_line_with_its_reason(mu, tiny_words):
    words = (tiny_words[0], "requests=random_20", "methods=drop_class")
    made = mu("run", *words, *tiny_words[3:])
    found = read_results(made.folder)
    failed = [row for row in pair_rows(found) if row.error]
    reasons = {c.method: c.error for c in found.cards if c.error}
    assert reasons
    assert {row.method: row.error for row in failed} == reasons
    assert all(row.metric == "" and row.value is None for row in failed)
    lines = list(csv.DictReader(io.StringIO(pairs_csv(found))))
    assert list(lines[0]) == list(PairRow._fields)
    assert (made.folder / "results_pairs.csv").read_text() == pairs_csv(found)
    assert len(lines) == len(list(pair_rows(found)))
