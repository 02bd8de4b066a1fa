"""What is written is whole, strict, read back, and refused with a reason when it cannot be."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import read

from mu.errors import MuError
from mu.reporting.report import write_report
from mu.results.results import json_text, read_results

Results = dict[str, Any]
FILES = {
    *("results.json", "results.csv", "results_pairs.csv"),
    *("table.md", "table.tex", "report.html"),
}


def refuse(name: str) -> float:
    raise AssertionError(f"{name} is not JSON")


def one_request(results: Results) -> Results:
    parts = ("cards", "rows", "verdicts")
    return {**results, **{p: [r for r in results[p] if r["request"] == "edges"] for p in parts}}


def test_writes_every_file_and_nothing_else(results: Results, tmp_path: Path) -> None:
    written = write_report(read(one_request(results)), tmp_path / "deep" / "out")
    assert {path.name for path in written} == FILES
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == FILES


def test_the_json_is_strict_and_comes_back(results: Results, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json_text(read(results)), encoding="utf-8")
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=refuse)
    back = read_results(tmp_path)
    assert back == read_results(tmp_path / "results.json")
    assert back.rows[0].mean == results["rows"][0]["mean"]
    lost = [row for row in results["rows"] if math.isnan(row["mean"])]
    assert lost
    assert [row.mean for row in back.rows].count(None) == len(lost)


def test_a_second_round_gives_the_same_bytes(results: Results, tmp_path: Path) -> None:
    write_report(read(one_request(results)), tmp_path / "one")
    write_report(read(read_results(tmp_path / "one")), tmp_path / "two")
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_numpy_values_and_infinities_are_written(results: Results) -> None:
    facts = {"a": np.float32(0.5), "b": np.arange(2), "c": math.inf}
    found = read(results)
    found = replace(found, cards=[replace(found.cards[0], facts=facts)])
    back = json.loads(json_text(found), parse_constant=refuse)
    assert back["cards"][0]["facts"] == {"a": 0.5, "b": [0, 1], "c": None}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no results.json in"),
        ("{", "is not JSON"),
        ("[]", "has schema None"),
        ('{"schema": 2}', "has schema 2; this version reads schema 1"),
        ('{"schema": 1, "experiment": "x", "title": "x", "panel": {}}', "has no cards"),
    ],
)
def test_says_why_it_cannot_read(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_results(tmp_path)
    assert isinstance(caught.value, MuError)
    assert str(tmp_path) in str(caught.value)


def test_names_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MuError, match=r"no such folder or file: .*missing"):
        read_results(tmp_path / "missing")


def test_what_shows_results_computes_none_of_them() -> None:
    for path in (Path(__file__).parents[2] / "mu/reporting").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for room in ("mu.verbs", "mu.results.intervals", "mu.results.verdicts", "scipy"):
            assert room not in text, f"{path.name} reaches {room}"


def test_needs_neither_torch_nor_an_eager_matplotlib() -> None:
    code = (
        "import sys; import mu.reporting.report, mu.reporting.page, mu.reporting.terminal; "
        "print(sorted({'torch', 'lightning', 'matplotlib', 'jinja2', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None
    )
    assert done.stdout.strip() == "[]"
