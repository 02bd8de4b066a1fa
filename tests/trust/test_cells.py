"""Cells of CSV files: numbers stay numbers, and what a spreadsheet would compute is text."""

import csv
import io

import pytest
import records

from mu.reporting.table import csv_text
from mu.trust.cells import csv_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "-cmd|' /C calc'!A0", "-", "+-1"]
)
def test_what_would_be_computed_is_text(text):
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+3", "-1e-5", "-inf", "ssd", "a=b", "", -0.5, None, 3])
def test_numbers_and_words_stay(value):
    assert csv_cell(value) is value


def test_a_row_of_a_stranger_is_text():
    row = records.row(method="=HYPERLINK(1)", metric="@x", mean=-0.5)
    results = records.read(records.RESULTS | {"cards": [], "rows": [], "verdicts": []})
    object.__setattr__(results, "rows", [row])
    [line] = csv.DictReader(io.StringIO(csv_text(results)))
    assert (line["method"], line["metric"], line["mean"]) == ("'=HYPERLINK(1)", "'@x", "-0.5")
