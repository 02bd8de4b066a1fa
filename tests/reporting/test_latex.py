"""LaTeX prints names as they are, draws with booktabs, and its tables are whole."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from records import read

from mu.reporting.latex import latex_table
from mu.results.results import read_results

Results = dict[str, Any]
Rename = Callable[[Results, str, str], Results]
KEPT = Path(__file__).parents[2] / "experiments"
COLUMNS = re.compile(r"\\begin\{tabular\}\{([lrc]+)\}")
SPAN = re.compile(r"\\multicolumn\{(\d+)\}")


def depth(text: str) -> int:
    """Open braces left at the end, escaped ones aside; comments do not count."""
    plain = re.sub(r"\\.", "", re.sub(r"(?<!\\)%.*", "", text))
    level = 0
    for brace in re.findall(r"[{}]", plain):
        level += 1 if brace == "{" else -1
        assert level >= 0
    return level


def rows(text: str) -> list[tuple[int, int]]:
    """For each row its number of cells, and the number of columns of its table."""
    found, columns = [], 0
    for line in text.splitlines():
        if start := COLUMNS.search(line):
            columns = len(start[1])
        elif line.endswith(r"\\"):
            plain = re.sub(r"\\.", "", line.removesuffix(r"\\"))
            spanned = sum(int(n) - 1 for n in SPAN.findall(line))
            found.append((plain.count("&") + 1 + spanned, columns))
    return found


def assert_whole(text: str) -> None:
    assert depth(text) == 0
    assert all(cells == columns > 1 for cells, columns in rows(text))
    for kind in ("table", "tabular"):
        assert text.count(rf"\begin{{{kind}}}") == text.count(rf"\end{{{kind}}}") > 0
    rules = [text.count(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")]
    assert rules == [text.count(r"\begin{tabular}")] * 3
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    assert text.isascii()


def test_tables_are_whole(results: Results, rename: Rename) -> None:
    assert_whole(latex_table(read(results)))
    assert_whole(latex_table(read(rename(results, "ssd", r"[50%_&\input{x}$#^~ ±]"))))


def with_sums(results: Results) -> Results:
    """The same results with two scores that sum up others beside five of the headline."""
    scores = results["panel"]["images"]["scores"]
    scores["kl_forget"]["headline"] = True
    for name in ("avg_gap", "tow"):
        scores[name] = scores["loss_auc"] | {"title": name.upper(), "family": "summary"}
        copied = [r | {"metric": name} for r in results["rows"] if r["metric"] == "loss_auc"]
        results["rows"] += copied
    return results


def test_what_sums_up_a_wide_headline_stands_below_it(results: Results) -> None:
    before = latex_table(read(results)).count(r"\begin{tabular}")
    text = latex_table(read(with_sums(results)))
    assert_whole(text)
    assert text.count(r"\begin{tabular}") == before + 4
    assert text.count(r" & AVG\_GAP & TOW \\") == 4
    first = text[: text.index(r"\end{table}")]
    assert first.index(r"KL D\_f & passes & verdict") < first.index(r"AVG\_GAP")


@pytest.mark.parametrize("name", ["quickstart", "pretrained_faces"])
def test_tables_of_kept_results_are_whole(name: str) -> None:
    assert_whole(latex_table(read(read_results(KEPT / name))))


def test_latex_escapes_and_uses_booktabs(results: Results, rename: Rename) -> None:
    text = latex_table(read(rename(results, "ssd", r"50%_&\input{x}$#^~")))
    assert "random weights &" in text
    assert r"50\%\_\&\textbackslash{}input\{x\}\$\#\textasciicircum{}\textasciitilde{}" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 5
    assert r"\textit{oracle}" in text


def test_latex_labels_are_distinct(results: Results) -> None:
    labels = [
        line for line in latex_table(read(results)).splitlines() if line.startswith(r"\label")
    ]
    assert len(set(labels)) == len(labels) == 5


def test_the_method_nearest_to_the_oracle_is_bold_in_each_score() -> None:
    text = latex_table(read_results(KEPT / "quickstart"))
    first = text[: text.index(r"\bottomrule")]
    lines = {line.partition(" & ")[0]: line for line in first.splitlines() if " & " in line}
    bold = {name: re.findall(r"\\textbf\{([^}]+)\}", line) for name, line in lines.items()}
    assert bold["SSD"] == ["0.976", "1.000", "0.954", "0.807"]
    assert bold["FineTune"] == ["1.000", "0.983"]
    assert not any(bold[name] for name in ("original", "random weights", "null"))
    assert lines[r"\textit{oracle}"].count(r"\textit{") == 7
    assert "gradient" not in first
    assert r"random\_20" not in text.replace(r"tab:b0-random", "")
