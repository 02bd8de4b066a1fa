"""One configuration, two panels."""

import pytest

from mu.errors import UsageError
from mu.evaluation.panels import panel_name, panel_of, panels_of

PANEL = {
    "batch_size": 5,
    "scores": {"ua": 1},
    "headline": ["ua"],
    "decisive": ["ua"],
    "margins": {"ua": 0.1},
    "of_class": {"scores": {"s": 2}, "decisive": ["s"], "margins": {"s": 0.2}},
}


def test_what_is_added_and_what_is_replaced() -> None:
    plain, whole = (panel_of(PANEL, one) for one in (False, True))
    assert plain == {name: PANEL[name] for name in PANEL if name != "of_class"}
    assert whole == plain | {
        "scores": {"ua": 1, "s": 2}, "decisive": ["s"], "margins": {"ua": 0.1, "s": 0.2},
    }  # fmt: skip
    assert list(panels_of("p", PANEL).items()) == [("p", plain), ("p, a class", whole)]


@pytest.mark.parametrize("section", [{}, {"of_class": None}, {"of_class": {}}])
def test_a_panel_without_such_a_section_is_the_same_for_all(section) -> None:
    panel = {"scores": {"ua": 1}}
    assert panels_of("p", panel | section) == {"p": panel}
    assert panel_name("p", panel | section, True) == "p"


def test_another_key_is_refused() -> None:
    with pytest.raises(UsageError, match="no key 'details'; it may have scores, margins"):
        panel_of({"scores": {}, "of_class": {"details": {}}}, False)
