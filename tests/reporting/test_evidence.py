"""Figures and maps of details say what the cards hold, pair by pair, and nothing without them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import read
from reporting.enrich import TEN, enrich

from mu.reporting.details import Details
from mu.reporting.layout import sections
from mu.reporting.pictures import classes, trajectory
from mu.reporting.pictures.heat import destinations, distance, matrices
from mu.reporting.pictures.look import looks
from mu.reporting.section import Section

Results = dict[str, Any]


def first(results: Results) -> Section:
    return sections(read(results))[0]


def texts(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def test_old_cards_have_no_evidence(results: Results) -> None:
    section, style = first(results), looks(read(results))
    for draw in (classes.classes, trajectory.trajectory, trajectory.loss_curves):
        assert draw(section, style) == ""
    assert destinations(section) == matrices(section) == []


@pytest.mark.parametrize("broken", [None, {}, [], {"labels": None}, {"labels": [1], "test": None}])
def test_empty_details_are_no_details(results: Results, broken: object) -> None:
    names = ("per_class", "destinations", "matrix", "samples")
    for card in results["cards"]:
        card.update(details=dict.fromkeys(names, broken), trajectory={}, gallery=None)
    section = first(results)
    assert classes.columns(section) == destinations(section) == matrices(section) == []
    assert trajectory.trajectory(section, looks(read(results))) == ""


def test_forgotten_classes_are_named_by_the_card_or_by_its_samples(results: Results) -> None:
    details = Details(first(enrich(results)))
    assert [details.forgotten(pair) for pair in details.pairs] == [(3,), (4,), (5,)]
    for card in results["cards"]:
        if not card["error"]:
            card["details"]["destinations"]["gone"] = [8, 1]
    assert Details(first(results)).forgotten(0) == (1, 8)
    assert Details(first(enrich(results, whole=False))).forgotten(0) == ()


def test_trajectory_has_a_line_per_method_that_trains_and_the_targets(results: Results) -> None:
    section = first(enrich(results))
    found = texts(trajectory.trajectory(section, looks(read(results))))
    assert {"finetune", "gradient_ascent", "original", "oracle"} <= set(found)
    assert "ssd" not in found
    for part in ("forgotten", "retained", "validation"):
        assert f"accuracy, {part} data" in found
    assert "loss, forgotten data" in texts(trajectory.loss_curves(section, looks(read(results))))


def test_curves_skip_what_is_no_number(results: Results) -> None:
    enrich(results)
    card = next(c for c in results["cards"] if c["method"] == "finetune" and c["pair"] == 0)
    card["trajectory"]["forget_accuracy"][3] = None
    section = first(results)
    lengths = [len(curve) for curve in trajectory.curves(section, "forget_accuracy")["finetune"]]
    assert lengths == [8, 9, 9]


points = st.dictionaries(st.integers(0, 50), st.floats(-9, 9), min_size=2, max_size=6)


@given(points)
def test_the_mean_of_equal_curves_is_that_curve(found: dict[int, float]) -> None:
    curve = [(float(epoch), value) for epoch, value in sorted(found.items())]
    mean = trajectory.mean_curve([curve, curve])
    assert [epoch for epoch, _ in mean] == [epoch for epoch, _ in curve]
    assert [value for _, value in mean] == pytest.approx([value for _, value in curve])


@given(points, st.floats(-9, 9))
def test_the_mean_with_a_constant_lies_half_way(found: dict[int, float], level: float) -> None:
    curve = [(float(epoch), value) for epoch, value in sorted(found.items())]
    flat = [(-1.0, level), (60.0, level)]
    means = [value for _, value in trajectory.mean_curve([curve, flat])]
    assert means == pytest.approx([(value + level) / 2 for _, value in curve])


def test_a_class_counts_where_it_was_kept(results: Results) -> None:
    columns = classes.columns(first(enrich(results)))
    assert [c.title for c in columns] == [classes.EACH, *TEN]
    assert [c.forgotten for c in columns] == [True] + [False] * 10
    assert columns[0].values["original"] == pytest.approx(0.9)
    assert columns[0].values["oracle"] == 0
    assert min(column.values["oracle"] for column in columns[1:]) > 0.5
    assert "one column holds whatever each of them forgot" in classes.caption(
        first(enrich(results))
    )


def test_a_class_that_all_pairs_forgot_is_a_column_of_its_own(results: Results) -> None:
    columns = classes.columns(first(enrich(results, shift=False)))
    assert [c.title for c in columns if c.forgotten] == ["cat"]
    assert len(columns) == 10


def test_of_many_classes_the_farthest_are_drawn_and_that_is_said(results: Results) -> None:
    section = first(enrich(results, classes=100))
    columns = classes.columns(section)
    drawn = classes.drawn_columns(columns)
    left_out = [column for column in columns if column not in drawn]
    assert len(drawn) == 11
    assert drawn == sorted(drawn, key=columns.index)
    nearest = min(column.distance for column in drawn if not column.forgotten)
    assert nearest >= max(column.distance for column in left_out)
    assert "the 10 with the largest gap to the oracle are drawn" in classes.caption(section)
    assert drawn[1].title in texts(classes.classes(section, looks(read(results))))


def test_pairs_that_forget_different_classes_have_maps_of_their_own(results: Results) -> None:
    maps = destinations(first(enrich(results)))
    assert [heat.caption for heat in maps[::2]] == [
        "Forgotten data (pair 0, forgotten: cat)",
        "Forgotten data (pair 1, forgotten: deer)",
        "Forgotten data (pair 2, forgotten: dog)",
    ]
    assert maps[0].marked == ["cat"]
    rows = {name: (cells, away) for name, cells, away in maps[0].rows}
    assert list(rows) == ["original", "oracle", "finetune", "gradient_ascent", "ssd"]
    assert rows["original"][0][3].text == "100"
    assert rows["original"][0][3].strong
    assert rows["oracle"][1] == ""
    assert float(rows["original"][1]) == pytest.approx(1.0)


def test_pairs_that_forget_the_same_share_one_map(results: Results) -> None:
    same = destinations(first(enrich(results, shift=False)))
    assert len(same) == 2
    assert same[0].caption == "Forgotten data (mean over the pairs, forgotten: cat)"
    (one,) = destinations(first(enrich(results, whole=False)))
    assert one.caption == "Forgotten data (mean over the pairs)"
    assert one.marked == []


def test_rare_destinations_are_added_up(results: Results) -> None:
    heat = destinations(first(enrich(results, classes=100, shift=False)))[0]
    assert len(heat.columns) == 11
    assert heat.columns[-1] == "90 others"
    for _, cells, _ in heat.rows:
        assert sum(float(cell.level) for cell in cells) == pytest.approx(1, abs=0.06)


def test_matrices_are_those_of_the_first_pair_and_of_few_classes(results: Results) -> None:
    found = matrices(first(enrich(results)))
    assert [heat.caption for heat in found][:2] == ["original (pair 0)", "oracle (pair 0)"]
    assert [name for name, _, _ in found[0].rows] == TEN
    assert matrices(first(enrich(results, classes=100))) == []


shares = st.dictionaries(st.integers(0, 5), st.floats(0.01, 1), min_size=1).map(
    lambda found: {label: value / sum(found.values()) for label, value in found.items()}
)


@given(shares, shares)
def test_total_variation_is_a_distance(one: dict[int, float], other: dict[int, float]) -> None:
    assert distance(one, other) == distance(other, one)
    assert -1e-9 <= distance(one, other) <= 1 + 1e-9
    assert distance(one, one) == 0


def test_classes_without_names_have_numbers(results: Results) -> None:
    section = first(enrich(results) | {"classes": {"digits": None}})
    assert classes.columns(section)[1].title == "class 0"


def test_of_many_classes_those_like_the_oracle_are_not_drawn(results: Results) -> None:
    for card in enrich(results, classes=100)["cards"]:
        if not card["error"]:
            stay = [c for c in range(100) if c not in (7, 9)]
            for label in stay:
                card["details"]["per_class"]["test"][label] = 0.5
    section = first(results)
    drawn = classes.drawn_columns(classes.columns(section))
    assert [column.title for column in drawn] == [classes.EACH, "thing 7", "thing 9"]
    assert "Of 100 classes the 2 with the largest gap" in classes.caption(section)


def test_classes_that_nothing_goes_to_have_no_column(results: Results) -> None:
    for card in enrich(results, classes=100, shift=False)["cards"]:
        if not card["error"]:
            shares = [0.5 if c in (1, 98) else 0.0 for c in range(100)]
            card["details"]["destinations"].update(forget=shares)
    heat = destinations(first(results))[0]
    assert heat.columns == ["thing 1", "thing 3", "thing 98"]  # the third is the forgotten one


def test_parts_of_different_classes_are_not_averaged(results: Results) -> None:
    for card in enrich(results)["cards"]:  # a sub-class: its class is not gone
        if not card["error"]:
            card["details"]["destinations"].update(gone=[], test=None)
    maps = destinations(first(results))
    assert [heat.caption for heat in maps] == [
        "Forgotten data (pair 0, from cat)",
        "Forgotten data (pair 1, from deer)",
        "Forgotten data (pair 2, from dog)",
    ]
    assert [heat.folded for heat in maps] == [False, True, True]


def test_an_axis_of_proportions_ends_near_one(results: Results) -> None:
    for card in enrich(results)["cards"]:
        if (found := card.get("trajectory")) and not card["error"]:
            for part in trajectory.PARTS:
                found[f"{part}_accuracy"] = [1.0] * len(found["epoch"])
    results["rows"] = []
    found = texts(trajectory.trajectory(first(results), looks(read(results))))
    shares = [float(text) for text in found if re.fullmatch(r"[01]\.\d\d+", text)]
    assert 0.94 < min(shares) < max(shares) == 1  # epochs have one decimal


def test_losses_over_decades_have_plain_numbers(results: Results) -> None:
    for card in enrich(results)["cards"]:
        if (found := card.get("trajectory")) and not card["error"]:
            found["forget_loss"] = [10.0 ** (place - 2) for place in range(len(found["epoch"]))]
    found = texts(trajectory.loss_curves(first(results), looks(read(results))))
    assert "1e6" in found
    assert not any("$" in text for text in found)


def test_a_method_with_fewer_pairs_says_so(results: Results) -> None:
    section = sections(read(enrich(results)))[1]
    found = texts(trajectory.trajectory(section, looks(read(results))))
    assert "gradient_ascent (2 pairs)" in found
    assert "finetune" in found
