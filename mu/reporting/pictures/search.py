"""The search for a forget set as a picture."""

from mu.reporting.pictures.canvas import drawing, figure, logarithmic, svg
from mu.reporting.pictures.look import GREY, INK, Looks
from mu.reporting.search_notes import NAMES, mean, searches
from mu.reporting.section import Section


def search_history(section: Section, looks: Looks) -> str:
    """Loss of the forgotten set over the iterations, and how much of the set is still the first."""
    found = [one for one in searches(section.cards) if one.get("history")]
    if not found:
        return ""
    with drawing():
        drawn = figure(9.6, 2.9)
        left, right = drawn.subplots(1, 2)
        values = []
        for one in found:
            history = one["history"]
            losses = [step["value"] for step in history]
            values += losses
            left.plot(
                range(len(losses)), losses, color=INK, linewidth=1.0, marker="o", markersize=3
            )
            for name, style in (("overlap_start", "-"), ("overlap_last", ":")):
                shares = [step[name] for step in history]
                right.plot(range(1, len(shares) + 1), shares, color=INK, linestyle=style)
        for name, style in (("one_pass", "--"), ("random", ":")):
            level = mean(found, f"value_{name}")
            if level is not None:
                values.append(level)
                left.axhline(level, color=GREY, linestyle=style, label=f"{NAMES[name]}, mean")
        if min(values) > 0 and max(values) > 10 * min(values):
            logarithmic(left.yaxis)
        left.set_title("loss of the set once forgotten", fontsize=10, fontweight="bold")
        right.set_title("overlap of the new set", fontsize=10, fontweight="bold")
        right.plot([], [], color=INK, label="with the first set")
        right.plot([], [], color=INK, linestyle=":", label="with the last one")
        right.set_ylim(-0.03, 1.03)
        for axes in (left, right):
            axes.set_xlabel("iteration of the search")
            axes.locator_params(axis="x", integer=True, nbins=6)
            axes.legend(frameon=False, fontsize=8)
        return svg(drawn, f"search-{section.key}", f"{section.name}: the search for the set")
