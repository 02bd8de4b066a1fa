"""What a study shows of its results."""

import re
from pathlib import Path

import pandas
import pytest

import mu
from mu.errors import UsageError
from mu.results.pairs import pair_rows
from mu.studies.study import Study


@pytest.fixture(scope="module")
def study(tiny):
    return mu.load(tiny.folder)


def test_the_frame_has_every_number(study):
    frame = study.frame()
    assert len(frame) == len(list(pair_rows(study.results)))
    one = frame[(frame.request == "class") & (frame.method == "ssd") & (frame.metric == "ua")]
    card = study.card("ssd", request="class")
    assert one.value.item() == card.values["ua"]
    assert one.gap.item() == pytest.approx(one.value.item() - one.oracle.item())
    assert list(frame.error.unique()) == [""]


def test_rows_are_those_of_the_file(study, tiny):
    pandas.testing.assert_frame_equal(study.rows(), pandas.read_csv(tiny.folder / "results.csv"))


def test_the_summary_has_a_line_a_method(study):
    frame = study.summary()
    assert list(frame.columns[:3]) == ["request", "step", "method"]
    assert list(frame.columns[-3:]) == ["passes", "verdict", "reason"]
    places = list(zip(frame.request, frame.method, strict=True))
    assert ("class", "ssd") in places
    assert ("edges_5", "utu") in places
    assert len(places) == len(set(places))
    line = frame[(frame.request == "class") & (frame.method == "original")]
    assert line.ua.item() == study.card("original", request="class").values["ua"]


def test_a_card_is_found(study):
    assert study.card("utu").request == "edges_5"
    assert study.card("ssd").request == study.requests[0]
    for wrong in ({"method": "sdd"}, {"method": "ssd", "pair": 7}, {"method": "ssd", "step": 3}):
        with pytest.raises(UsageError, match=f"{list(wrong)[-1]}="):
            study.card(**wrong)


def test_pictures_are_shown_and_saved(study, tmp_path):
    both, one = study.plot("gaps"), study.plot("gaps", request="class")
    assert len(both.drawn) == 2
    assert len(one.drawn) == 1
    assert both._repr_html_().count("<svg ") == 2
    assert [p.name for p in one.save(tmp_path / "gaps.svg")] == ["gaps.svg"]
    assert len(both.save(tmp_path / "both.svg")) == 2
    text = (tmp_path / "gaps.svg").read_text()
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg" ')
    for wrong in ({"kind": "gasp"}, {"kind": "gaps", "request": "clas"}, {"kind": "sequence"}):
        with pytest.raises(UsageError):
            study.plot(**wrong)


def test_tables_and_page_are_those_of_the_report(study, tiny, tmp_path):
    assert study.latex() == (tiny.folder / "table.tex").read_text()
    assert (
        study.page(tmp_path / "new" / "page.html").read_text()
        == (tiny.folder / "report.html").read_text()
    )


def test_it_prints_and_shows(study):
    assert "ssd" in str(study)
    assert max(map(len, str(study).splitlines())) <= 80
    assert repr(study).startswith("<Study quickstart: ")
    html = study._repr_html_()
    assert html.count("<table>") == 2
    assert re.search(r"<th>ssd</th><td>\d", html)


def test_names_from_elsewhere_are_escaped(study):
    from dataclasses import replace

    evil = [
        replace(card, method="<b>", error="<script>") if card.method == "ssd" else card
        for card in study.results.cards
    ]
    from mu.results.results import tabulated

    html = Study(tabulated(replace(study.results, cards=evil)), ["<i>"])._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html.replace("<p><b>", "")
    assert "<i>" not in html


def test_what_there_is():
    methods = mu.methods()
    assert "ssd" in methods
    assert "ssd " in repr(methods)
    assert "<th>ssd</th>" in methods._repr_html_()
    assert list(methods.frame().columns) == ["name", "about"]
    assert "quickstart" in mu.experiments()
    assert "digits" in mu.datasets()
    metrics = mu.metrics()
    assert {"panel", "score", "title", "kind", "headline", "decisive"} == set(metrics.columns)
    assert "ua" in set(metrics.score)


def test_the_package_names_what_there_is():
    assert set(mu.__all__) <= set(dir(mu))
    for name in mu.__all__:
        assert callable(getattr(mu, name))
    with pytest.raises(AttributeError, match="nosuch"):
        _ = mu.nosuch


def test_a_row_is_compared_with_every_other():
    study = mu.load(Path(__file__).parents[2] / "experiments/quickstart")
    frame = study.compare("ssd")
    assert set(frame.than) >= {"original", "finetune"} and "ssd" not in set(frame.than)
    line = frame[(frame.request == "class") & (frame.than == "original") & (frame.metric == "ua")]
    own, other = (study.card(name, request="class").number("ua") for name in ("ssd", "original"))
    assert own != other and line.gain.item() > 0 and line.word.item() == "nearer"
    assert "Is ssd nearer" in study.latex()
    with pytest.raises(UsageError, match="compare=sdd is no row"):
        study.compare("sdd")
