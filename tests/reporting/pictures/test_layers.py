"""The picture of selected shares: which tensors and methods, and nothing where cards say none."""

import re
from typing import Any

import pytest
from records import read

from mu.reporting.layout import sections
from mu.reporting.page import html_page
from mu.reporting.pictures import layers
from mu.reporting.pictures.look import looks

Results = dict[str, Any]
SHARES = {"network.body.0.weight": 0.02, "network.head.weight": 0.0}


@pytest.fixture
def selected(results: Results) -> Results:
    """Cards of ``ssd`` that say what was selected in each tensor."""
    for card in results["cards"]:
        if card["method"] == "ssd":
            card["facts"] = {"layers": {n: v * (1 + card["pair"]) for n, v in SHARES.items()}}
    return results


def test_shares_are_those_of_the_cards(selected: Results) -> None:
    found = layers.selected_shares(sections(read(selected))[0])
    assert list(found) == ["ssd"]
    assert [one["network.body.0.weight"] for one in found["ssd"]] == pytest.approx(
        [0.02, 0.04, 0.06]
    )


def test_tensors_are_named_and_zero_has_a_place(selected: Results) -> None:
    picture = layers.selected_layers(sections(read(selected))[0], looks(read(selected)))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    assert {"body.0.weight", "head.weight", "ssd", "0 %", "100 %"} <= set(texts)


@pytest.mark.parametrize("facts", [{}, {"layers": None}, {"layers": {"a": "b"}}])
def test_cards_without_shares_have_no_picture(results: Results, facts: object) -> None:
    for card in results["cards"]:
        card["facts"] = facts
    assert layers.selected_layers(sections(read(results))[0], looks(read(results))) == ""


def test_of_many_tensors_some_are_named(selected: Results) -> None:
    for card in selected["cards"]:
        if card["method"] == "ssd":
            card["facts"] = {"layers": {f"network.l{n}.weight": n / 100 for n in range(60)}}
    picture = layers.selected_layers(sections(read(selected))[0], looks(read(selected)))
    named = re.findall(r">(l\d+\.weight)<", picture)
    assert named == [f"l{n}.weight" for n in range(0, 60, 3)]


def test_the_page_shows_it(selected: Results) -> None:
    assert 'figure class="layers"' in html_page(read(selected))
