"""The ROC picture: logarithmic, one panel per method, means where all pairs have a rate."""

import re
from typing import Any

import pytest
from records import read
from reporting.enrich import enrich

from mu.reporting.layout import sections
from mu.reporting.pictures import roc
from mu.reporting.pictures.look import looks
from mu.reporting.pictures.trajectory import mean_curve
from mu.reporting.section import Section

Results = dict[str, Any]


def section(results: Results, place: int = 0) -> Section:
    return sections(read(results))[place]


def texts(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def test_old_cards_have_none(results: Results) -> None:
    assert roc.roc_curves(section(results)) == {}
    assert roc.roc(section(results), looks(read(results))) == ""


@pytest.mark.parametrize("broken", [None, {}, [], {"fpr": [0.1], "tpr": None}, {"fpr": [None, 1]}])
def test_what_is_no_curve_is_none(results: Results, broken: object) -> None:
    for card in results["cards"]:
        card["details"] = {"roc": broken}
    assert roc.roc(section(results), looks(read(results))) == ""


def test_each_method_has_a_panel_with_the_references(results: Results) -> None:
    found = texts(roc.roc(section(enrich(results)), looks(read(results))))
    assert [t for t in found if t in ("finetune", "gradient_ascent", "ssd")] == [
        *("finetune", "gradient_ascent", "ssd"),
    ]
    assert {"chance", "original", "oracle"} <= set(found)
    assert "random_weights" not in found


def test_axes_are_logarithmic_with_plain_numbers(results: Results) -> None:
    found = texts(roc.roc(section(enrich(results)), looks(read(results))))
    assert {"0.01", "0.1", "1"} <= set(found)
    assert not any("$" in text for text in found)


def test_pairs_may_resolve_different_rates(results: Results) -> None:
    curves = roc.roc_curves(section(enrich(results)))["oracle"]
    assert [curve[0][0] for curve in curves] == [0.01, 0.0091, 0.0083]
    mean = mean_curve(curves)
    assert mean[0] == pytest.approx((0.01, 0.01), abs=1e-3)
    assert mean[-1] == (1.0, 1.0)


def test_a_handful_of_unseen_samples_is_no_curve(results: Results) -> None:
    for card in enrich(results)["cards"]:
        if not card["error"] and card["pair"]:
            card["details"]["roc"] = {"fpr": [0.5, 1.0], "tpr": [1.0, 1.0]}
    curves = roc.roc_curves(section(results))
    assert {len(group) for group in curves.values()} == {1}


def test_a_method_with_fewer_pairs_says_so(results: Results) -> None:
    found = texts(roc.roc(section(enrich(results), 1), looks(read(results))))
    assert "gradient_ascent (2 pairs)" in found
    assert "ssd" in found


def test_a_share_of_zero_is_drawn_on_the_edge(results: Results) -> None:
    for card in enrich(results)["cards"]:
        if not card["error"]:
            card["details"]["roc"]["tpr"][:20] = [0.0] * 20
    picture = roc.roc(section(results), looks(read(results)))
    paths = re.findall(r' d="([^"]*)"', picture)
    assert paths
    assert not any("nan" in path or "inf" in path for path in paths)
