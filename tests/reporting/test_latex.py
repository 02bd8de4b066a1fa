"""LaTeX prints names as they are and draws with booktabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mu.reporting.latex import latex_table

Results = dict[str, Any]


def test_latex_escapes_and_uses_booktabs(
    results: Results, rename: Callable[[Results, str, str], Results]
) -> None:
    text = latex_table(rename(results, "ssd", r"50%_&\input{x}$#^~"))
    assert r"random\_weights" in text
    assert r"50\%\_\&\textbackslash{}input\{x\}\$\#\textasciicircum{}\textasciitilde{}" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 5
    assert r"\textbf{oracle}" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\") and "multi" not in line]
    assert all(line.replace(r"\&", "").count("&") in (5, 6) for line in body)


def test_latex_labels_are_distinct(results: Results) -> None:
    labels = [line for line in latex_table(results).splitlines() if line.startswith(r"\label")]
    assert len(set(labels)) == len(labels) == 5
