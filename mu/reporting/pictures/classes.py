"""The picture of accuracy per class: who pays for forgetting, and how far from the oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mu.reporting.details import Details, by_label, mean_by_label
from mu.reporting.pictures.canvas import drawing, figure, svg
from mu.reporting.pictures.look import BAND, GREY, INK, Look, Looks, short
from mu.reporting.section import Section
from mu.results.words import ORACLE, ORIGINAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 9.6, 3.4
MANY, SHOWN = 20, 10  # of more classes than MANY the SHOWN farthest from the oracle are drawn
EACH = "of each pair"


@dataclass(frozen=True)
class Column:
    """Test accuracy of one class, or of the class that each pair forgot, by method."""

    title: str
    forgotten: bool
    values: Mapping[str, float]

    @property
    def distance(self) -> float:
        """The largest distance of a method from the oracle."""
        oracle = self.values.get(ORACLE)
        tried = [v for m, v in self.values.items() if m not in (ORACLE, ORIGINAL)]
        return 0.0 if oracle is None else max((abs(v - oracle) for v in tried), default=0.0)


def columns(section: Section) -> list[Column]:
    """Classes of a section with the accuracy of each method, means over the pairs.

    A class counts where it was kept. Where every pair forgot the same classes these are columns of
    their own; else one column holds whatever each pair forgot.

    Returns:
        Forgotten classes first, then the others in order; empty where cards do not say.
    """
    details = Details(section)
    gone = {pair: details.forgotten(pair) for pair in details.pairs}
    same = len(set(gone.values())) == 1
    kept: dict[int, dict[str, float]] = {}
    lost: dict[int, dict[str, float]] = {}
    for method in details.methods:
        found = {p: by_label(details.of(p, method, "per_class"), "test") for p in details.pairs}
        stay = [{c: v for c, v in one.items() if c not in gone[p]} for p, one in found.items()]
        left = [{c: v for c, v in one.items() if c in gone[p]} for p, one in found.items()]
        if not same:  # one column, the mean over what each pair forgot
            left = [{-1: sum(one.values()) / len(one)} for one in left if one]
        for into, values in ((kept, mean_by_label(stay)), (lost, mean_by_label(left))):
            for label, value in values.items():
                into.setdefault(label, {})[method] = value
    names = {label: details.class_name(label) if same else EACH for label in lost}
    first = [Column(names[label], True, lost[label]) for label in sorted(lost)]
    return first + [Column(details.class_name(c), False, kept[c]) for c in sorted(kept)]


def drawn_columns(found: Sequence[Column]) -> list[Column]:
    """The columns that are drawn: all, or of many the ones farthest from the oracle, in order."""
    kept: list[Column] = []
    for forgotten in (True, False):
        group = [column for column in found if column.forgotten is forgotten]
        if len(group) > MANY:
            group = sorted(group, key=lambda column: -column.distance)[:SHOWN]
            group = [column for column in group if column.distance] or group
        kept += group
    return [column for column in found if any(column is one for one in kept)]


def caption(section: Section) -> str:
    """What the picture shows, in words; which classes, where it does not show all."""
    found = columns(section)
    kept = [column for column in found if not column.forgotten]
    drawn = sum(not column.forgotten for column in drawn_columns(found))
    text = "Test accuracy per class, mean over the pairs; stems run to the oracle (a pair's first)."
    if any(column.forgotten for column in found):
        text += " A class counts where it is kept; shaded: classes forgotten entirely."
    if any(column.title == EACH for column in found):
        text += " Pairs forget different classes: one column holds whatever each of them forgot."
    if drawn < len(kept):
        text += f" Of {len(kept)} classes the {drawn} with the largest gap to the oracle are drawn."
    return text


def classes(section: Section, looks: Looks) -> str:
    """A column per class: the oracle as a line, methods as markers with a stem to that line."""
    found = drawn_columns(columns(section))
    if not found:
        return ""
    groups = [[c for c in found if c.forgotten], [c for c in found if not c.forgotten]]
    groups = [group for group in groups if group]
    methods = [m for m in Details(section).methods if any(m in c.values for c in found)]
    with drawing():
        drawn = figure(WIDTH, HEIGHT)
        shares = [max(len(group), 1.5) for group in groups]
        grid = drawn.subplots(1, len(groups), squeeze=False, width_ratios=shares)[0]
        for axes, group in zip(grid, groups, strict=True):
            title = "forgotten" if group[0].forgotten else "kept classes"
            _panel(axes, group, methods, looks)
            axes.set_title(title if len(groups) > 1 else "", fontsize=10, fontweight="bold")
        handles = _legend(grid[-1], section, methods, looks)
        drawn.legend(handles=handles, loc="outside right upper", frameon=False)
        label = f"{section.name}: test accuracy per class and method, against the oracle"
        return svg(drawn, f"classes-{section.key}", label)


def _panel(axes: "Axes", group: Sequence[Column], methods: Sequence[str], looks: Looks) -> None:
    tried = [method for method in methods if method != ORACLE]
    gap = min(0.16, 0.72 / max(len(tried), 1))
    for place, column in enumerate(group):
        oracle = column.values.get(ORACLE)
        if oracle is not None:
            axes.hlines(oracle, place - 0.4, place + 0.4, color=INK, linewidth=1.6, zorder=2)
        for index, method in enumerate(tried):
            if (value := column.values.get(method)) is None:
                continue
            x = place + (index - (len(tried) - 1) / 2) * gap
            if oracle is not None:
                colour = looks[method].colour
                axes.vlines(x, oracle, value, color=colour, linewidth=1.1, zorder=1)
            axes.plot([x], [value], looks[method].marker, color=looks[method].colour, markersize=5)
    if group[0].forgotten:
        axes.set_facecolor(BAND)
    for edge in range(1, len(group)):
        axes.axvline(edge - 0.5, color=GREY, linewidth=0.4, alpha=0.5, zorder=0)
    many = len(group) * max(len(column.title) for column in group) > 70
    slanted: Any = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if many else {}
    axes.set_xticks(range(len(group)), [short(column.title) for column in group], **slanted)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(group) - 0.45)
    axes.margins(y=0.08)
    axes.locator_params(axis="y", nbins=5)


def _legend(axes: "Axes", section: Section, methods: Sequence[str], looks: Looks) -> list[object]:
    """A handle per method: the oracle is a line, the others are markers."""
    handles: list[object] = []
    for method in methods:
        look = Look(INK, "") if method == ORACLE else looks[method]
        style, name = "-" if method == ORACLE else "", short(section.label(method))
        common: Any = {"color": look.colour, "linestyle": style, "linewidth": 1.6, "label": name}
        handles += axes.plot([], [], marker=look.marker, **common)
    return handles
