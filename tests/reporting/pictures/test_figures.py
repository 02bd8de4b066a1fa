"""Figures show what the rows say: every method once, the same look everywhere, no label on top."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from records import read

from mu.reporting.layout import sections, sequences
from mu.reporting.pictures import figures
from mu.reporting.pictures.canvas import drawing, place_labels
from mu.reporting.pictures.look import looks
from mu.reporting.section import Section
from mu.results.format import MINUS

Results = dict[str, Any]


def wide(section: Section, metric: str) -> float:
    """2 s_o by hand, and the margin where that is wider."""
    cards = [card for card in section.cards if card.method == "original"]
    spreads = [np.var(card.oracle_values(metric), ddof=1) for card in cards]
    k = len(cards[0].oracle_values(metric))
    return max(section.scores[metric]["margin"], 2 * float(np.sqrt((1 + 1 / k) * np.mean(spreads))))


def texts(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def test_forest_names_the_oracles_and_every_method_but_random_weights(results: Results) -> None:
    found = texts(figures.forest(sections(read(results))[0], looks(read(results))))
    assert [t for t in found if t in ("original", "finetune", "gradient_ascent", "ssd")] == [
        *("original", "finetune", "gradient_ascent", "ssd"),
    ]
    assert {"UA", "RA", "TA", "MIA"} <= set(found)
    assert "random_weights" not in found and found.count("oracle") == 1


def test_the_strip_is_what_may_be_left_of_the_originals_gap(results: Results) -> None:
    plain = read(results)
    section = sections(plain)[0]
    gap = abs(section.number("original", "ua", "gap") or 0)
    ua, ta = (wide(section, metric) for metric in ("ua", "ta"))
    assert figures.allowed(section, "ua") == pytest.approx(min(0.4 * gap, ua))
    assert figures.allowed(section, "ta") == pytest.approx(ta)
    apart = [replace(card, oracle={**card.oracle, "ta": [0.7, 0.9]}) for card in section.cards]
    far = replace(section, cards=tuple(apart))
    assert figures.allowed(far, "ta") == pytest.approx(wide(far, "ta")) == pytest.approx(0.12**0.5)
    assert len(figures.oracles_apart(section.cards, "ua")) == sum(
        len(card.oracle_values("ua")) for card in section.cards if card.method == "oracle"
    )


def test_utility_shows_utility_scores_and_the_oracle(results: Results) -> None:
    found = texts(figures.utility(sections(read(results))[0], looks(read(results))))
    assert {"RA", "TA", "oracle"} <= set(found)
    assert "UA" not in found


def test_tradeoff_labels_points_with_their_cost(results: Results) -> None:
    section = sections(read(results))[0]
    assert figures.tradeoff_scores(section) == ("ua", "ta")
    found = texts(figures.tradeoff(section, looks(read(results))))
    assert {"oracle", "original", "ssd (3.0 %)", "gradient_ascent (0.4 %)"} <= set(found)


def test_sequence_draws_before_and_now(results: Results) -> None:
    (group,) = sequences(sections(read(results))).values()
    found = texts(figures.sequence(group, looks(read(results))))
    assert {"acc. before", "UA", "oracle", "finetune", "ssd"} <= set(found)


def test_looks_are_distinct_and_do_not_depend_on_the_request(results: Results) -> None:
    style = looks(read(results))
    many = {"rows": [], "cards": [{"method": f"method_{i}"} for i in range(40)]}
    for found in (style, looks(read(many))):
        assert len(set(found.values())) == len(found)
    colour = style["ssd"].colour.lower()
    for section in sections(read(results))[1:3]:
        assert colour in figures.forest(section, style)


def test_a_method_that_failed_everywhere_is_not_drawn(results: Results) -> None:
    edges = sections(read(results))[2]
    assert "gradient_ascent" not in texts(figures.forest(edges, looks(read(results))))


def test_labels_cover_neither_points_nor_each_other() -> None:
    points = [((x, None, None), (y, None, None)) for x, y in ((0, 0), (0.01, 0.01), (0, 0.02))]
    with drawing():
        figure = Figure(figsize=(5, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlim=(-1, 1), ylim=(-1, 1))
        place_labels(figure, axes, points, ["the first", "the second", "the third"])
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts]
        spots = axes.transData.transform([(p[0][0], p[1][0]) for p in points])
    for place, box in enumerate(boxes):
        assert not any(box.contains(*spot) for spot in spots)
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_nothing_to_draw_draws_nothing(results: Results) -> None:
    section = sections(read({**results, "rows": []}))[0]
    style = looks(read(results))
    for draw in (figures.forest, figures.utility, figures.tradeoff):
        assert draw(section, style) == ""


def row_of(results: Results, method: str, metric: str) -> dict[str, Any]:
    """The first row of a method and score, to be changed."""
    return next(r for r in results["rows"] if (r["method"], r["metric"]) == (method, metric))


def test_what_would_flatten_the_others_is_a_number_at_the_edge(results: Results) -> None:
    row = row_of(results, "gradient_ascent", "mia")
    row.update(gap=-77920.0, gap_low=-2.4e5, gap_high=1.6e5)
    section = sections(read(results))[0]
    found = texts(figures.forest(section, looks(read(results))))
    assert f"← {MINUS}77920" in found
    assert not any("200000" in text for text in found)


def test_an_interval_is_drawn_as_far_as_its_score_reaches(results: Results) -> None:
    scores = results["panel"]["images"]["scores"]
    row_of(results, "ssd", "ta").update(low=0.5, high=1.4)
    for limits in ([0.0, 1.0], None):
        scores["ta"]["range"] = limits
        found = texts(figures.utility(sections(read(results))[0], looks(read(results))))
        assert ("1.2" in found) == (limits is None)
