"""The headline scores as LaTeX tables."""

from __future__ import annotations

from collections.abc import Sequence

from mu.reporting.format import MINUS, NOTHING, plus_minus, printable, share
from mu.reporting.layout import Results, sections
from mu.reporting.section import Section

ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    MINUS: r"$-$",
    NOTHING: "--",
}


def latex_table(results: Results) -> str:
    r"""The headline scores as LaTeX tables (package booktabs), one per request and step.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``table.tex``, to be read with ``\input``.
    """
    head = "% " + printable(results["title"]) + "\n% needs \\usepackage{booktabs}\n\n"
    return head + "\n".join(_latex_section(section) for section in sections(results))


def _latex_section(section: Section) -> str:
    scores = section.headline
    titles = ["", *map(section.title, scores), "passes", "verdict"]
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{_tex(f'{section.name}: {section.subject}; {section.size}')}.",
        r"Mean $\pm$ half the 95\,\% interval over the pairs; passes relative to retraining.}",
        rf"\label{{tab:{section.key}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(scores) + 1)}l}}",
        r"\toprule",
        _tex_row(titles),
        r"\midrule",
        *(_latex_row(section, method, scores) for method in section.methods),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(section: Section, method: str, scores: Sequence[str]) -> str:
    outcome = section.outcome(method)
    if section.error(method):
        said = _tex(f"{outcome.word}: {outcome.reason}")
        columns = len(scores) + 2
        return rf"{_tex(method)} & \multicolumn{{{columns}}}{{p{{.6\linewidth}}}}{{{said}}} \\"
    cells = [plus_minus(section.row(method, score)) for score in scores]
    cost = section.row(method, "cost/passes")
    row = [method, *cells, share(cost["mean"] if cost else None), outcome.word]
    return _tex_row(row, bold=method == "oracle")


def _tex_row(cells: Sequence[str], bold: bool = False) -> str:
    escaped = [_tex(cell) for cell in cells]
    if bold:
        escaped = [rf"\textbf{{{cell}}}" if cell else "" for cell in escaped]
    return " & ".join(escaped) + r" \\"


def _tex(text: object) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(ESCAPES.get(character, character) for character in printable(text))
