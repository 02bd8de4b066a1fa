"""A figure as SVG."""

import io

import pytest

from mu.reporting.pictures.canvas import drawing, figure, panels, saved_svg


@pytest.mark.parametrize("layout", ["constrained", "none"])
def test_a_figure_is_what_matplotlib_saves(layout) -> None:
    def drawn():
        found = figure(5, 3)
        for axes in panels(found, 3, 2, sharey=True):
            axes.plot([0, 1], [0, 1e4], label="a long name")
            axes.set_ylabel("what is shown")
            axes.legend()
        found.set_layout_engine(layout)
        return found

    with drawing():
        sink = io.StringIO()
        drawn().savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
        assert saved_svg(drawn()) == sink.getvalue()
