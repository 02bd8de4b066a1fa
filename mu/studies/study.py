"""A finished study in Python: its numbers as frames, its tables and pictures, and its page."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mu.configuration.choices import unknown
from mu.errors import UsageError
from mu.reporting.layout import methods_of, sections, sequences, shared_notes, shown
from mu.reporting.legend import VERDICTS
from mu.reporting.section import Section
from mu.results.card import Card
from mu.results.comparisons import duels
from mu.results.format import percent, plus_minus, printable
from mu.results.found import card_of
from mu.results.pairs import PairRow, pair_rows
from mu.results.results import Results, comparing
from mu.storing.whole_files import write_text
from mu.studies.pictures import Pictures

if TYPE_CHECKING:
    import pandas
    from torch import nn

GAPS = {"gaps": "forest", "cost": "tradeoff"}  # plain words for kinds of pictures
WIDTH = 80


class Study:
    """What is known of an experiment: `mu.run`, `mu.study` and `mu.load` return one.

    In a notebook it shows its tables; ``print(study)`` writes them as ``mu run`` does.

    Args:
        results: Cards, rows and verdicts.
        warnings: What makes some of it doubtful.
        steps: How many steps were run, and found in the store.
        models: Configurations of the models of all blocks, where they were composed here; None for
            results out of a folder.
        handed: What was handed over in this session, by digest; see `mu.data.handed.at_hand`.

    Attributes:
        results: What ``results.json`` holds.
    """

    def __init__(
        self,
        results: Results,
        warnings: Sequence[str] = (),
        steps: tuple[int, int] | None = None,
        models: Sequence[Any] | None = None,
        handed: Mapping[str, Any] | None = None,
    ) -> None:
        self.results, self.warnings, self.steps = results, list(warnings), steps
        self.models, self.handed = models, dict(handed or {})

    @property
    def methods(self) -> list[str]:
        """Names of the rows, in the order of tables."""
        return list(methods_of(self.results.cards, self.results.rows))

    @property
    def requests(self) -> list[str]:
        """Names of the forget sets."""
        return list(dict.fromkeys(card.request for card in self.results.cards))

    @property
    def failed(self) -> list[Card]:
        """Cards of rows that should have a result and have none; ``card.error`` says why."""
        return [card for card in self.results.cards if card.error and not card.refused]

    def frame(self) -> "pandas.DataFrame":
        """Every number: a row for each request, step, method, pair and score.

        Columns are those of ``results_pairs.csv`` (`mu.results.pairs.PairRow`): what the row is
        about, ``metric``, ``value``, ``oracle`` (mean of the pair's oracles), ``gap`` (value minus
        that), and ``error``, why a row that failed has no numbers.
        """
        import pandas

        found = pandas.DataFrame(list(pair_rows(self.results)), columns=list(PairRow._fields))
        return found.astype(dict.fromkeys(("value", "oracle", "gap"), float))

    def rows(self) -> "pandas.DataFrame":
        """What ``results.csv`` holds: means over the pairs with 95 % intervals and verdicts."""
        import pandas

        from mu.reporting.table import csv_text

        return pandas.read_csv(io.StringIO(csv_text(self.results)), keep_default_na=True)

    def summary(self) -> "pandas.DataFrame":
        """A row for each request, step and method: headline scores, cost, verdict and reason.

        Scores are means over the pairs; ``rows`` has their intervals.
        """
        import pandas

        found = []
        for section in sections(self.results):
            for method in section.methods:
                outcome = section.outcome(method)
                place = {"request": section.request, "step": section.step, "method": method}
                scores = {name: section.number(method, name) for name in section.headline}
                cost = {"passes": section.number(method, "cost/passes")}
                said = {"verdict": outcome.word, "reason": outcome.reason}
                found.append(place | scores | cost | said)
        frame = pandas.DataFrame(found)
        last = ["passes", "verdict", "reason"]
        return frame[[*(name for name in frame if name not in last), *last]]

    def compare(self, row: str) -> "pandas.DataFrame":
        """Is a row nearer to the oracle than each other row? One line a duel.

        Columns: what it is about, ``than`` (the other row), ``metric``, ``gain`` (the other's
        distance to the oracle minus its own, mean over the pairs; positive is nearer), ``low`` and
        ``high`` (95 %), ``p`` (Holm-adjusted over the duels of a request and step), ``word``.
        ``latex`` and ``page`` show it from now on.

        Raises:
            UsageError: There is no such row.
        """
        import pandas

        self.results = comparing(self.results, row)
        found = []
        for one in sections(self.results):
            told = duels(one.cards, row, one.headline, one.scores)
            for other, own in told.items():
                for metric, duel in own.items():
                    low, high = duel.gain.interval()
                    place = {"request": one.request, "step": one.step, "than": other}
                    numbers = {"gain": duel.gain.mean, "low": low, "high": high, "p": duel.p}
                    found.append({**place, "metric": metric, **numbers, "word": duel.word})
        return pandas.DataFrame(found)

    def plot(self, kind: str = "gaps", request: str | None = None) -> Pictures:
        """A picture for each request, shown in a notebook; ``save`` writes it as SVG.

        Args:
            kind: ``gaps`` to the oracle, ``utility``, ``cost`` (gaps in forgetting, utility and
                passes), ``sequence``, or another kind that the page has, such as ``trajectory``.
            request: Of one forget set alone.

        Raises:
            UsageError: There is no such kind or request, or nothing to draw.
        """
        from mu.reporting.pictures import figures
        from mu.reporting.pictures.chosen import MAIN, MORE
        from mu.reporting.pictures.look import looks

        draw, style = MAIN | MORE, looks(self.results)
        name = GAPS.get(kind, kind)
        if name not in (*draw, "sequence"):
            raise unknown("kind of picture", kind, [*GAPS, *draw, "sequence"])
        chosen = [one for one in sections(self.results) if request in (None, one.request)]
        if not chosen:
            raise unknown("request", str(request), self.requests)
        if name == "sequence":
            drawn = {g[0].key: figures.sequence(g, style) for g in sequences(chosen).values()}
        else:
            drawn = {section.key: draw[name](section, style) for section in shown(chosen)}
        found = {key: picture for key, picture in drawn.items() if picture}
        if not found:
            raise UsageError(f"there is nothing to draw as {kind}: no row has such numbers")
        return Pictures(found)

    def latex(self) -> str:
        """The headline as LaTeX tables (booktabs)."""
        from mu.reporting.latex import latex_table

        return latex_table(self.results)

    def page(self, path: str | Path) -> Path:
        """Write the report, one page that loads nothing from elsewhere; its path."""
        from mu.reporting.page import html_page

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, html_page(self.results))
        return path

    def card(
        self,
        method: str,
        pair: int = 0,
        request: str | None = None,
        step: int | None = None,
        block: int | None = None,
    ) -> Card:
        """All that is known of one row of one pair: values, oracles, keys, versions, options.

        Args:
            method: Name of the row.
            pair: Its number, from 0.
            request: Name of the forget set; by default the first that the row has.
            step: Of requests in a row, from 0; by default the last.
            block: Number of the block of the experiment; by default the first that the row has.

        Raises:
            UsageError: There is no such card.
        """
        return card_of(self.results.cards, method, pair, request, step, block)

    def network(
        self,
        row: str,
        pair: int = 0,
        request: str | None = None,
        step: int | None = None,
        *,
        k: int = 0,
        block: int | None = None,
    ) -> "nn.Module":
        """The network of a row, a plain one in evaluation mode, out of the store.

        A network whose trunk is frozen comes whole, adapters come merged; a method that changes the
        architecture gives what it made.

        Args:
            row: ``original``, ``oracle``, ``null``, ``random_weights``, or a method.
            pair: Its number, from 0.
            request: Name of the forget set; by default the first that the row has.
            step: Of requests in a row, from 0; by default the last.
            block: Number of the block; by default the first that the row has.
            k: Which of the oracles, from 0.

        Raises:
            UsageError: There is no such row, it failed, or the store no longer has its model.
        """
        from mu.data.handed import at_hand
        from mu.verbs.networks import network_of

        with at_hand(self.handed):
            return network_of(self.card(row, pair, request, step, block), k, self.models)

    def __repr__(self) -> str:
        name = f"{type(self).__name__} {self.results.experiment}"
        return f"<{name}: {len(self.methods)} methods, {len(self.requests)} requests>"

    def __str__(self) -> str:
        from rich.console import Console

        from mu.reporting.terminal import terminal_table

        sink = io.StringIO()
        console = Console(file=sink, width=WIDTH, force_jupyter=False, color_system=None)
        console.print(terminal_table(self.results, WIDTH))
        said = "".join(f"warning: {printable(text)}\n" for text in self.warnings)
        return sink.getvalue() + said

    def _repr_html_(self) -> str:
        found = sections(self.results)
        notes = [*shared_notes(found), *self.warnings]
        parts = [f"<h3>{escape(printable(self.results.title))}</h3>"]
        parts += [_section_html(section) for section in shown(found)]
        if notes:
            parts.append("<ul>" + "".join(f"<li>{escape(n)}</li>" for n in notes) + "</ul>")
        return "\n".join([*parts, f"<p><small>{escape(VERDICTS)}</small></p>"])


def _section_html(section: Section) -> str:
    """The headline of a section as a table; failed rows have their reason."""
    titles = [*map(section.title, section.headline), "passes", "verdict"]
    head = "".join(f"<th>{escape(title)}</th>" for title in ["", *titles])
    lines = [f"<tr>{head}</tr>"]
    for method in section.methods:
        outcome = section.outcome(method)
        name = f"<th>{escape(section.label(method))}</th>"
        said = escape(": ".join(filter(None, (outcome.word, outcome.reason))))
        if section.error(method):
            lines.append(f'<tr>{name}<td colspan="{len(titles)}">{said}</td></tr>')
            continue
        cells = [plus_minus(section.row(method, score)) for score in section.headline]
        cells.append(percent(section.number(method, "cost/passes")))
        shown_cells = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        word = f'<td title="{escape(outcome.reason)}">{escape(outcome.word)}</td>'
        lines.append(f"<tr>{name}{shown_cells}{word}</tr>")
    caption = escape(f"{section.name}: {section.subject}; {section.size}")
    return f"<p><b>{caption}</b></p>\n<table>{''.join(lines)}</table>"
