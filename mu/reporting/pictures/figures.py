"""Pictures of the results as inline SVG: gaps, utility, trade-off and sequences."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from mu.reporting.pictures.canvas import Span, drawing, figure, panels, place_labels, svg
from mu.reporting.pictures.look import BAND, GREY, INK, Look, Looks, short
from mu.reporting.section import Section
from mu.results.card import Card, Facts
from mu.results.format import Limits, finite, number, percent, printable, shown_interval
from mu.results.headline import TAU, decisive_of
from mu.results.rows import Row
from mu.results.words import ORACLE, ORIGINAL, RANDOM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HALF = 9.6, 5.4
ROOM = 0.03  # share of an axis beyond the end of its score
FAR = 30.0  # times as far as the others, and as a proportion can be: no axis holds both


def forest(section: Section, looks: Looks) -> str:
    """Gap to the oracle with its 95 % interval, per method and headline score; 0 is the oracle.

    The first line shows every oracle beside the mean of its pair: what another seed gives. A shaded
    strip is what may be left of the gap of a row that is like the oracle. ``random_weights`` is
    left out: its gaps in utility would flatten all others.
    """
    methods, metrics = _visible(section), section.headline
    if not metrics or not methods:
        return ""
    across = len(metrics) if len(metrics) <= 5 else 4
    down = ceil(len(metrics) / across)
    with drawing():
        drawn = figure(WIDTH, down * (0.8 + 0.3 * (len(methods) + 1)))
        grid = panels(drawn, len(metrics), across, sharey=True)
        for axes, metric in zip(grid, metrics, strict=True):
            if room := allowed(section, metric):
                axes.axvspan(-room, room, color=BAND, zorder=0)
            axes.axvline(0, color=INK, linewidth=1, zorder=1)
            apart = oracles_apart(section.cards, metric)
            axes.plot(apart, [0] * len(apart), "|", color=INK, markersize=9, alpha=0.6)
            spans = [None, *(_gap(section.row(method, metric)) for method in methods)]
            _dots(axes, section, metric, [ORACLE, *methods], spans, looks, ticks=3)
        label = f"{section.name}: gap to the oracle with 95 % interval, per method and score"
        return svg(drawn, f"forest-{section.key}", label)


def allowed(section: Section, metric: str) -> float | None:
    """Half the strip: τ of the original's gap for decisive scores, the margin where there is one.

    The margin is as wide as the verdicts have it: two spreads of retraining at least. None where
    the score has no bounds of its own.
    """
    from mu.results.evidence import evidence
    from mu.results.rule import widened_margin

    facts = section.scores.get(metric, {})
    margin = finite(facts.get("margin"))
    cards = [card for card in section.cards if card.method == ORIGINAL]
    known = evidence(cards, metric, {}, facts).measured
    bounds = [] if margin is None else [widened_margin(known, margin) if known.n else margin]
    whole = section.number(ORIGINAL, metric, "gap")
    if metric in decisive_of(section.scores) and whole is not None:
        bounds.append(TAU * abs(whole))
    return min(bounds, default=None)


def oracles_apart(cards: Sequence[Card], metric: str) -> list[float]:
    """How far each oracle is from the mean of the oracles of its pair."""
    found = []
    for card in cards:
        values = card.oracle_values(metric)
        if card.method == ORACLE and len(values) > 1:
            mean = sum(values) / len(values)
            found += [value - mean for value in values]
    return found


def utility(section: Section, looks: Looks) -> str:
    """Utility of each method with its 95 % interval; the shaded strip is the oracle's interval."""
    methods = [*_visible(section), ORACLE]
    metrics = [metric for metric in section.headline if section.kind(metric) == "utility"]
    if not metrics or len(methods) == 1:
        return ""
    with drawing():
        drawn = figure(HALF, max(2.4, len(metrics) * (0.75 + 0.27 * len(methods))))
        for axes, metric in zip(panels(drawn, len(metrics), 1), metrics, strict=True):
            if oracle := _value(section, ORACLE, metric):
                middle, low, high = oracle
                axes.axvline(middle, color=INK, linewidth=1, zorder=1)
                if low is not None and high is not None:
                    axes.axvspan(low, high, color=BAND, zorder=0)
            spans = [_value(section, method, metric) for method in methods]
            _dots(axes, section, metric, methods, spans, looks, ticks=5)
            _end_at(axes, section.limits(metric))
        label = f"{section.name}: utility with 95 % interval per method, and the oracle's"
        return svg(drawn, f"utility-{section.key}", label)


def _dots(
    axes: "Axes",
    section: Section,
    metric: str,
    methods: Sequence[str],
    spans: Sequence[Span | None],
    looks: Looks,
    ticks: int,
) -> None:
    """One dot and interval per method, the first on top, names on the left.

    What would flatten all others is a number at the edge instead, with a pointer to its side.
    """
    far, near = off_scale(spans), []
    for height, (method, span) in enumerate(zip(methods, spans, strict=True)):
        if span and height in far:
            _pointer(axes, height, span[0], looks[method].colour)
        elif span:
            near.append((height, span, looks[method]))
    _bars_across(axes, near)
    axes.set_title(section.title(metric), fontsize=10, fontweight="bold")
    axes.locator_params(axis="x", nbins=ticks)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.set_yticks(range(len(methods)), [short(section.label(m)) for m in methods])
    axes.tick_params(axis="y", length=0)


def _bars_across(axes: "Axes", shown: Sequence[tuple[int, Span, Look]]) -> None:
    """A dot and its interval at each height; `errorbar` for each takes several times as long."""
    heights, colours = [height for height, *_ in shown], [look.colour for *_, look in shown]
    values = [span[0] for _, span, _ in shown]
    downs, ups = _bars([span for _, span, _ in shown])
    lows = [value - down for value, down in zip(values, downs, strict=True)]
    highs = [value + up for value, up in zip(values, ups, strict=True)]
    axes.hlines(heights, lows, highs, colours, linewidth=1.6, zorder=2)
    for caps in (lows, highs):
        axes.scatter(caps, heights, s=36, c=colours, marker="|", linewidths=1, zorder=2)
    for marker in dict.fromkeys(look.marker for *_, look in shown):
        these = [one for one in shown if one[2].marker == marker]
        axes.scatter(
            [span[0] for _, span, _ in these],
            [height for height, *_ in these],
            s=36,
            c=[look.colour for *_, look in these],
            marker=marker,
            linewidths=1,
            zorder=2.1,
        )


def _end_at(axes: "Axes", limits: Limits) -> None:
    """Leave little room beyond what a score can reach."""
    bottom, top = limits or (None, None)
    low, high = axes.get_xlim()
    room = ROOM * (high - low)
    low = low if bottom is None else max(low, bottom - room)
    high = high if top is None else min(high, top + room)
    axes.set_xlim(low, high)


def _pointer(axes: "Axes", height: int, value: float, colour: str) -> None:
    """A number at the edge that its value lies beyond."""
    axes.annotate(
        f"{number(value)} →" if value > 0 else f"← {number(value)}",
        (1.0 if value > 0 else 0.0, height),
        xycoords=("axes fraction", "data"),
        ha="right" if value > 0 else "left",
        va="center",
        color=colour,
        fontsize=9,
    )


def off_scale(spans: Sequence[Span | None]) -> set[int]:
    """Places of values so far out, or so uncertain, that beside them the others are one point.

    >>> off_scale([(0.2, 0.1, 0.3), (77920.0, -1.6e5, 3.2e5), (0.5, -0.4, 1.5), None])
    {1}
    """
    reach = {
        place: max(abs(end) for end in span if end is not None)
        for place, span in enumerate(spans)
        if span
    }
    ordered = sorted(reach, key=lambda place: reach[place])
    for before, (near, beyond) in enumerate(pairwise(ordered), start=1):
        if reach[beyond] > FAR * max(reach[near], 1.0) and before >= len(ordered) / 2:
            return set(ordered[before:])
    return set()


def tradeoff(section: Section, looks: Looks) -> str:
    """Gap in forgetting against gap in utility; the oracle is the origin, area is the cost."""
    pair = tradeoff_scores(section)
    if pair is None:
        return ""
    spots = []
    for method in _visible(section):
        across, up = (_gap(section.row(method, metric)) for metric in pair)
        if across and up:
            spots.append((method, across, up))
    if not spots:
        return ""
    with drawing():
        drawn = figure(HALF, 3.9)
        axes = drawn.add_subplot()
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=0)
        axes.axvline(0, color=GREY, linewidth=0.8, zorder=0)
        axes.plot([0], [0], "*", color="#000000", markersize=12, zorder=4)
        texts = [section.label(ORACLE)]
        for method, across, up in spots:
            cost = section.number(method, "cost/passes")
            _spot(axes, across, up, looks[method], 30 + 220 * min(cost or 0, 1))
            texts.append(short(method) + ("" if cost is None else f" ({percent(cost)})"))
        axes.set_xlabel(f"forgetting: gap in {section.title(pair[0])}, 0 = oracle")
        axes.set_ylabel(f"utility: gap in {section.title(pair[1])}, 0 = oracle")
        axes.margins(0.2)
        axes.locator_params(nbins=6)
        oracle: tuple[Span, Span] = ((0.0, *axes.get_xlim()), (0.0, *axes.get_ylim()))
        place_labels(drawn, axes, [oracle, *((a, u) for _, a, u in spots)], texts)
        label = f"{section.name}: gap in forgetting against gap in utility, oracle at the origin"
        return svg(drawn, f"tradeoff-{section.key}", label)


def _spot(axes: "Axes", across: Span, up: Span, look: Look, size: float) -> None:
    """One method: a marker with thin intervals both ways."""
    x, y, colour = across[0], up[0], look.colour
    axes.errorbar(x, y, _bars([up]), _bars([across]), ecolor=colour, elinewidth=1, zorder=2)
    axes.scatter(x, y, s=size, c=colour, marker=look.marker, alpha=0.85, zorder=3)


def tradeoff_scores(section: Section) -> tuple[str, str] | None:
    """The first forgetting score and the last utility score (the test set's) of the headline."""
    forgetting = [m for m in section.headline if section.kind(m) == "forgetting"]
    useful = [m for m in section.headline if section.kind(m) == "utility"]
    return (forgetting[0], useful[-1]) if forgetting and useful else None


def sequence(sections: Sequence[Section], looks: Looks) -> str:
    """A line per method over the steps of a sequence: forgetting, utility and cost so far.

    Args:
        sections: The sections of one sequence, in order.
        looks: Look of each method.

    Returns:
        One panel for each score over everything forgotten before, for the first forgetting and the
        last utility score of the headline, and for the passes of all requests so far, where the
        oracle's line is retraining at every request; empty where there is none.
    """
    names = list(dict.fromkeys(metric for section in sections for metric in section.metrics))
    metrics = [metric for metric in names if _earlier(sections[-1].scores.get(metric, {}))]
    current = [m for m in sections[-1].headline if sections[-1].kind(m) == "forgetting"]
    metrics += [metric for metric in current if metric not in metrics][:1]
    useful = [m for m in sections[-1].headline if sections[-1].kind(m) == "utility"]
    metrics += [metric for metric in useful[-1:] if metric not in metrics]
    if not metrics:
        return ""
    metrics += [metric for metric in names if metric == "cost/passes_so_far"]
    from matplotlib.ticker import MaxNLocator

    with drawing():
        drawn = figure(WIDTH, max(3.4, 0.8 + 0.21 * len(sections[-1].methods)))
        grid = panels(drawn, len(metrics), len(metrics))
        for axes, metric in zip(grid, metrics, strict=True):
            for method in sections[-1].methods:
                _line(axes, sections, method, metric, looks)
            axes.set_title(sections[-1].title(metric), fontsize=10, fontweight="bold")
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
            axes.set_xlim(0.5, sections[-1].step + 1.5)
        handles, texts = grid[-1].get_legend_handles_labels()
        drawn.legend(handles, texts, loc="outside right upper", frameon=False)
        request = printable(sections[0].request)
        label = f"{request}: scores over the steps of the sequence, per method"
        return svg(drawn, f"sequence-{sections[0].key}", label)


def _earlier(facts: Facts) -> bool:
    """Whether a score is of what earlier requests forgot, without this one's."""
    reads = facts.get("reads", ())
    return "before" in reads and "forget" not in reads


def _line(
    axes: "Axes", sections: Sequence[Section], method: str, metric: str, looks: Looks
) -> None:
    found = [(s.step + 1, span) for s in sections if (span := _value(s, method, metric))]
    if not found:
        return
    steps, spans = zip(*found, strict=True)
    axes.errorbar(
        steps,
        [span[0] for span in spans],
        yerr=_bars(spans),
        color=looks[method].colour,
        marker=looks[method].marker,
        linestyle="--" if method == ORACLE else "-",
        linewidth=2 if method == ORACLE else 1.4,
        elinewidth=1,
        capsize=2,
        label=short(sections[-1].label(method)),
    )


def _visible(section: Section) -> list[str]:
    """Methods with a result, without the two references that set the scale or are the target."""
    hidden = (ORACLE, RANDOM)
    return [m for m in section.methods if m not in hidden and not section.error(m)]


def _gap(row: Row | None) -> Span | None:
    if row is None or row.gap is None:
        return None
    return row.gap, row.gap_low, row.gap_high


def _value(section: Section, method: str, metric: str) -> Span | None:
    row = section.row(method, metric)
    if row is None or row.mean is None:
        return None
    return (row.mean, *shown_interval(row, section.limits(metric)))


def _bars(spans: Sequence[Span]) -> list[list[float]]:
    """Lengths of the error bars, 0 where there is no interval."""
    downs = [0.0 if low is None else max(value - low, 0) for value, low, _ in spans]
    ups = [0.0 if high is None else max(high - value, 0) for value, _, high in spans]
    return [downs, ups]
