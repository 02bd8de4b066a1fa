"""The headline scores as LaTeX tables."""

from __future__ import annotations

from collections.abc import Sequence

from mu.reporting.format import MINUS, NOTHING, plus_minus, printable, share
from mu.reporting.layout import Results, sections
from mu.reporting.section import OTHER, Section

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
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    MINUS: r"$-$",
    NOTHING: "--",
    "‖": r"$\Vert$",
    "Δ": r"$\Delta$",
    "Σ": r"$\Sigma$",
    "α": r"$\alpha$",
    "ε": r"$\varepsilon$",
    "θ": r"$\theta$",
    "λ": r"$\lambda$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
}


WIDE = 5  # scores beside which a table needs small print
MARKS = {"differs": "≠", "like the oracle": "≈", "inconclusive": "?", "no power here": ""}
LEGEND = (
    r"Mean $\pm$ half the 95\,\% interval over the pairs; passes relative to retraining. "
    r"$^{\neq}$ differs from the oracle, $^{\approx}$ like the oracle, $^{?}$ inconclusive; "
    r"no mark: no verdict, or no power to reach one."
)


def latex_table(results: Results) -> str:
    r"""The headline and what sums it up as LaTeX tables (booktabs), one per request and step.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``table.tex``, to be read with ``\input``.
    """
    head = "% " + printable(results["title"]) + "\n% needs \\usepackage{booktabs}\n\n"
    return head + "\n".join(_latex_section(section) for section in sections(results))


def _latex_section(section: Section) -> str:
    scores = section.summary
    titles = ["", *map(section.title, scores), "passes", "verdict"]
    size = [r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"] if len(scores) > WIDE else []
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        *size,
        rf"\caption{{{_tex(f'{section.name}: {section.subject}; {section.size}')}.",
        *(rf"{_tex(note)}." for note in section.notes if note.startswith(OTHER)),
        rf"{LEGEND}}}",
        rf"\label{{tab:{section.key}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(scores) + 1)}l}}",
        r"\toprule",
        _tex_row([_tex(title) for title in titles]),
        r"\midrule",
        *(_latex_row(section, method, scores) for method in section.methods),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(section: Section, method: str, scores: Sequence[str]) -> str:
    outcome, name = section.outcome(method), _tex(section.label(method))
    if section.error(method):
        said = _tex(f"{outcome.word}: {outcome.reason}")
        columns = len(scores) + 2
        return rf"{name} & \multicolumn{{{columns}}}{{p{{.6\linewidth}}}}{{{said}}} \\"
    cells = [_latex_cell(section, method, score) for score in scores]
    cost = section.row(method, "cost/passes")
    row = [name, *cells, _tex(share(cost["mean"] if cost else None)), _tex(outcome.word)]
    return _tex_row(row, bold=method == "oracle")


def _latex_cell(section: Section, method: str, score: str) -> str:
    """``mean ± half-width`` with the mark of its verdict."""
    row = section.row(method, score)
    mark = MARKS.get(str(row["verdict"]), "") if row and method != "oracle" else ""
    raised = _tex(mark).strip("$")
    return _tex(plus_minus(row)) + (f"$^{{{raised}}}$" if raised else "")


def _tex_row(cells: Sequence[str], bold: bool = False) -> str:
    if bold:
        cells = [rf"\textbf{{{cell}}}" if cell else "" for cell in cells]
    return " & ".join(cells) + r" \\"


def _tex(text: object) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(ESCAPES.get(character, character) for character in printable(text))
