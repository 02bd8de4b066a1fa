"""Pictures of how values are spread, and where nodes lie."""

import re
from typing import Any

import numpy as np
import pytest
from records import read

from mu.reporting.layout import sections
from mu.reporting.pictures.graphs import embedding
from mu.reporting.pictures.look import looks
from mu.reporting.pictures.spread import histograms, loss_histograms, memorised
from mu.reporting.section import Section

Results = dict[str, Any]
DRAWN = (histograms, loss_histograms, memorised, embedding)
METHODS = {"original", "oracle", "finetune", "gradient_ascent", "ssd"}


def section(results: Results) -> Section:
    return sections(read(results))[0]


def texts(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def spread(results: Results) -> Results:
    """The same cards with details of link predictors."""
    edges = np.linspace(0, 1, 6).round(2).tolist()
    for card in results["cards"]:
        if card["error"]:
            continue
        rng = np.random.default_rng(card["pair"])
        shares = {
            name: rng.dirichlet(np.ones(5)).tolist()
            for name in ("forget", "retain", "test", "non-edges")
        }
        places = rng.normal(size=(2, 12)).tolist()
        card["details"] = {
            "histograms": {"edges": edges} | shares,
            "loss_histograms": {"edges": [-6, -4, -2, 0, 1, 2]} | shares,
            "memorisation": {"edges": np.linspace(-1, 1, 6).tolist()} | shares,
            "embedding": {
                "x": places[0],
                "y": places[1],
                "forgotten": [0] * 8 + [1] * 4,
                "pairs": [[8, 9], [10, 11]],
            },
        }
    return results


@pytest.mark.parametrize("draw", DRAWN)
def test_old_cards_have_none(results: Results, draw: Any) -> None:
    assert draw(section(results), looks(read(results))) == ""


@pytest.mark.parametrize("draw", DRAWN)
def test_every_model_has_a_panel_but_random_weights(results: Results, draw: Any) -> None:
    found = texts(draw(section(spread(results)), looks(read(results))))
    assert set(found) >= METHODS
    assert "random_weights" not in found


def test_every_group_is_named_once(results: Results) -> None:
    found = texts(histograms(section(spread(results)), looks(read(results))))
    for name in ("forgotten edges", "retained edges", "test edges", "test non-edges"):
        assert found.count(name) == 1
    assert "probability of an edge" in found


@pytest.mark.parametrize("broken", [None, {}, [], {"edges": [0, 1], "x": [1], "forget": [1, 2, 3]}])
def test_what_is_no_picture_is_none(results: Results, broken: object) -> None:
    for card in results["cards"]:
        card["details"] = dict.fromkeys((d.__name__ for d in DRAWN), broken)
    for draw in DRAWN:
        assert draw(section(results), looks(read(results))) == ""


def test_numbers_that_are_none_are_not_drawn(results: Results) -> None:
    for card in spread(results)["cards"]:
        if not card["error"]:
            card["details"]["embedding"]["x"][3] = None
    assert embedding(section(results), looks(read(results))) == ""
