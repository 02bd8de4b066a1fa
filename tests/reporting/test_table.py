"""Markdown and CSV hold every number and escape every name."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from records import read

from mu.reporting.layout import sections
from mu.reporting.scores import score_tables
from mu.reporting.table import csv_text, markdown_table
from mu.results.results import json_text
from mu.results.rows import COLUMNS

Results = dict[str, Any]
CONTRACT = (
    "request,step,data,model,method,metric,mean,low,high,n,oracle,gap,gap_low,gap_high,verdict,"
    "left,at_most"
)


def test_csv_has_exactly_the_columns_and_one_line_per_row(results: Results) -> None:
    lines = csv_text(read(results)).splitlines()
    assert lines[0] == CONTRACT == ",".join(COLUMNS)
    assert len(lines) == len(results["rows"]) + 1
    records = list(csv.DictReader(io.StringIO(csv_text(read(results)))))
    for record, row in zip(records, results["rows"], strict=True):
        assert record["method"] == row["method"]
        if record["mean"]:
            assert float(record["mean"]) == row["mean"]


def test_csv_leaves_missing_numbers_empty_and_keeps_pandas_happy(
    results: Results,
) -> None:
    pandas = pytest.importorskip("pandas")
    text = csv_text(read(results))
    frame = pandas.read_csv(io.StringIO(text))
    assert "nan" not in text
    assert frame["mean"].dtype == float
    assert frame[frame.method == "oracle"]["gap"].isna().all()


def test_csv_of_none_equals_csv_of_nan(results: Results) -> None:
    before = csv_text(read(results))
    for row in results["rows"]:
        row.update({k: None for k, v in row.items() if isinstance(v, float) and v != v})
    assert csv_text(read(results)) == before


def test_markdown_holds_every_score_method_and_verdict(results: Results) -> None:
    text = markdown_table(read(results))
    for score in ("UA", "KL D_f", "loss AUC", "agree D_t", "acc. before", "D_t AP", "MI ratio"):
        assert f"| {score} " in text
    row = next(r for r in results["rows"] if r["method"] == "ssd" and r["metric"] == "kl_forget")
    assert f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in text
    assert f"{row['gap']:+.3f} [" in text
    assert "| random_weights |" in text
    assert "| **oracle** |" in text
    assert "| gradient_ascent | failed | StepFailed: the loss became nan" in text


def test_markdown_tables_are_rectangular(
    results: Results, rename: Callable[[Results, str, str], Results]
) -> None:
    text = markdown_table(read(rename(results, "ssd", "a|b`<script>[x](javascript:1)")))
    assert "<script>" not in text
    assert "[x](javascript" not in text
    for block in text.split("\n\n"):
        lines = [line.replace("\\|", "") for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_intervals_are_cut_where_they_are_shown_and_nowhere_else(results: Results) -> None:
    results["panel"]["images"]["scores"]["ua"]["range"] = [0.0, 1.0]
    row = next(r for r in results["rows"] if (r["method"], r["metric"]) == ("ssd", "ua"))
    row.update(mean=0.9, low=0.67412, high=1.12588)
    assert "0.900 [0.674, 1.000]" in markdown_table(read(results))
    assert "0.9,0.67412,1.12588," in csv_text(read(results))
    assert "1.12588" in json_text(read(results))
    shown = score_tables(sections(read(results))[0]).shown[0]
    cells = dict(shown.rows)["ssd"]
    assert (shown.titles[0], cells[0].main, cells[0].sub) == ("UA", "0.900", "[0.674, 1.000]")
