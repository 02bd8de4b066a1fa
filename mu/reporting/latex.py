"""The headline scores as LaTeX tables."""

from collections.abc import Mapping, Sequence

from mu.configuration.method_pages import method_title
from mu.reporting.layout import sections
from mu.reporting.scores import against, as_grid
from mu.reporting.section import OTHER, Section
from mu.results.format import MINUS, NOTHING, decimals, percent, plus_minus, printable
from mu.results.results import Results
from mu.results.words import DIFFERS, INSIDE, LIKE, NOT_METHODS, OPEN, ORACLE, Word

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
    "[": "{[}",
    "±": r"$\pm$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "≃": r"$\simeq$",
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


WIDE = 5  # scores in one table; of more, what sums them up goes into a second one below
SHRINK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
MARKS: dict[Word, str] = {DIFFERS: "≠", INSIDE: "≃", LIKE: "≈", OPEN: "?"}
LEGEND = (
    r"Mean $\pm$ half the 95\,\%% interval over the pairs; passes relative to retraining%s. "
    r"$^{\neq}$ differs from the oracle, $^{\simeq}$ the same within the margin, "
    r"$^{\approx}$ like the oracle, $^{?}$ inconclusive; "
    r"no mark: no verdict, or no power to reach one; "
    r"\textbf{bold}: the methods nearest to the oracle."
)


def latex_table(results: Results) -> str:
    r"""The headline and what sums it up as LaTeX tables (booktabs), one per request and step.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``table.tex``, to be read with ``\input``.
    """
    head = "% " + printable(results.title) + "\n% needs \\usepackage{booktabs,graphicx}\n\n"
    return head + "\n".join(_latex_section(section) for section in sections(results))


def _latex_section(section: Section) -> str:
    sums = [score for score in section.summary if score not in section.headline]
    wide = len(section.summary) > WIDE
    main = section.headline if wide else section.summary
    closing = ["passes", *(["MB"] if section.weighed else [])]
    below = [r"\par\medskip", *_tabular(section, sums, list(map(section.title, sums)))]
    lines = [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_tex(f'{_request(section)}: {section.subject}; {section.size}')}.",
        *(rf"{_tex(note)}." for note in section.notes if note.startswith(OTHER)),
        rf"{LEGEND % (', MB of peak memory' if section.weighed else '')}}}",
        rf"\label{{tab:{section.key}}}",
        *_tabular(section, main, [*map(section.title, main), *closing, "verdict"]),
        *(below if wide and sums else ()),
        r"\end{table}",
        *_against(section),
    ]
    return "\n".join(lines) + "\n"


def _against(section: Section) -> list[str]:
    """One row against every other, as a table of its own."""
    table = against(section)
    if table is None:
        return []
    head, *body = as_grid(table, "than")
    body = [[method_title(row[0]), *row[1:]] for row in body]
    return [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_tex(f'{_request(section)}: {table.caption}')}.}}",
        rf"\label{{tab:{section.key}-against}}",
        SHRINK,
        rf"\begin{{tabular}}{{l{'r' * len(table.titles)}}}",
        r"\toprule",
        _tex_row(list(map(_tex, head))),
        r"\midrule",
        *(_tex_row(list(map(_tex, row))) for row in body),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]


def _tabular(section: Section, scores: Sequence[str], titles: Sequence[str]) -> list[str]:
    """A table that is made smaller where the page is too narrow for it; a cell per title."""
    last = "r" if len(titles) == len(scores) else "l"
    return [
        SHRINK,
        rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}{last}}}",
        r"\toprule",
        _tex_row(["", *map(_tex, titles)]),
        r"\midrule",
        *_latex_rows(section, scores, len(titles)),
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def _latex_rows(section: Section, scores: Sequence[str], columns: int) -> list[str]:
    best = {score: _nearest(section, score) for score in scores}
    rows = (_latex_row(section, method, best, columns) for method in section.methods)
    return [row for row in rows if row]


def _nearest(section: Section, score: str) -> set[str]:
    """The methods whose gap to the oracle is the smallest as printed; none with one method."""
    gaps = {
        method: round(abs(row.gap), decimals(row.gap))
        for method in section.methods
        if method not in NOT_METHODS
        if (row := section.row(method, score)) and row.gap is not None
    }
    least = min(gaps.values(), default=None)
    return {m for m, gap in gaps.items() if gap == least} if len(gaps) > 1 else set()


def _latex_row(section: Section, method: str, best: Mapping[str, set[str]], columns: int) -> str:
    """Scores, then cost and verdict where the table has columns for them."""
    outcome, name = section.outcome(method), _name(section, method)
    closing = columns > len(best)
    if section.error(method):
        said = _tex(f"{outcome.word}: {outcome.reason}")
        row = rf"{name} & \multicolumn{{{columns}}}{{p{{.6\linewidth}}}}{{{said}}} \\"
        return row if closing else ""
    cells = [_latex_cell(section, method, score, method in best[score]) for score in best]
    held = [section.memory(method)] if section.weighed else []
    passes = percent(section.number(method, "cost/passes"))
    last = [*map(_tex, [passes, *held, outcome.word])]
    return _tex_row([name, *cells, *(last if closing else ())], slanted=method == ORACLE)


def _latex_cell(section: Section, method: str, score: str, best: bool) -> str:
    """``mean ± half-width`` with the mark of its verdict; the mean in bold where it is the best."""
    row = section.row(method, score)
    mark = MARKS.get(row.verdict, "") if row and method != ORACLE else ""
    raised = _tex(mark).strip("$")
    text = _tex(plus_minus(row, "±."))
    if best:
        value, sign, width = text.partition(r"$\pm$")
        text = rf"\textbf{{{value}}}{sign}{width}"
    return text + (f"$^{{{raised}}}$" if raised else "")


def _request(section: Section) -> str:
    return section.name.replace("_", " ")


def _name(section: Section, method: str) -> str:
    """A row as a text calls it; that of the oracle may say whose recipe it has."""
    label = section.label(method)
    return _tex(label if label == OTHER else method_title(method))


def _tex_row(cells: Sequence[str], slanted: bool = False) -> str:
    if slanted:
        cells = [rf"\textit{{{cell}}}" if cell else "" for cell in cells]
    return " & ".join(cells) + r" \\"


def _tex(text: object) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(ESCAPES.get(character, character) for character in printable(text))
