"""The page needs nothing from outside, escapes what it is given, and is the same each time."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from records import read

from mu.reporting.page import html_page

Results = dict[str, Any]
LIMIT = 3_000_000
PARTS = ("cards", "rows", "verdicts")
VOID = {"meta", "br", "link", "img", "input", "hr", "wbr"}


class Outline(HTMLParser):
    """Collects tags, ids and links and checks that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in ("src", "href", "xlink:href", "srcset", "data"):
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def only(results: Results, request: str) -> Results:
    kept = {p: [r for r in results[p] if r["request"] == request] for p in PARTS}
    return {**results, **kept}


@pytest.fixture(scope="module")
def page_of() -> Callable[[Results], str]:
    pages: dict[str, str] = {}

    def make(results: Results) -> str:
        key = repr(results)
        if key not in pages:
            pages[key] = html_page(read(results))
        return pages[key]

    return make


def test_loads_nothing_from_outside(results: Results, page_of: Callable[[Results], str]) -> None:
    page = page_of(results)
    outline = Outline(page)
    assert not re.search(r"https?://", page)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert all(link.startswith("#") for link in outline.links)
    assert not outline.tags.keys() & {"script", "link", "img", "iframe", "object"}
    assert len(page.encode()) < LIMIT


def test_is_well_formed_and_its_anchors_exist(
    results: Results, page_of: Callable[[Results], str]
) -> None:
    outline = Outline(page_of(results))
    assert outline.open == []
    assert max(outline.ids.values()) == 1
    assert {link[1:] for link in outline.links} <= outline.ids.keys()
    assert outline.tags["table"] == outline.tags["caption"]
    assert outline.tags["h1"] == 1


def test_pictures_are_whole_and_described(
    results: Results, page_of: Callable[[Results], str]
) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page_of(results), flags=re.DOTALL)
    assert len(pictures) == 3 * 5 + 1
    for picture in pictures:
        assert ET.fromstring(picture).get("aria-label")
        assert ET.fromstring(picture).get("role") == "img"


def test_verdicts_come_before_the_evidence(
    results: Results, page_of: Callable[[Results], str]
) -> None:
    page = page_of(results)
    assert page.index('id="verdicts"') < page.index('id="b0-class-3-1"') < page.index('id="failed"')
    assert page.index('id="failed"') < page.index('id="setting"')
    for word in ("like the oracle", "differs", "failed", "no power"):
        assert re.search(rf'<span class="chip \w+">{word}</span>', page)
    assert "StepFailed: the loss became nan in epoch 3 of 5; lower lr" in page
    assert "nothing was selected at alpha = 10" in page
    assert "mu run experiment=quickstart" in page


def test_many_methods_stand_below_each_other(
    results: Results, page_of: Callable[[Results], str]
) -> None:
    def table_of(page: str) -> str:
        return page[page.index('<table class="verdicts">') :].split("</table>")[0]

    assert '<th scope="col">request</th><th scope="col">' in table_of(page_of(results))
    some = [card for card in results["cards"] if card["method"] not in ("original", "oracle")]
    for part in PARTS:
        for record in [r for r in results[part] if r["method"] == some[0]["method"]]:
            results[part] += [record | {"method": f"row_{n}"} for n in range(9)]
    turned = table_of(page_of(results))
    assert '<th scope="col">method</th>' in turned
    assert turned.count('<th scope="row">row_') == 9
    assert turned.count("<a href=") == page_of(results).count('<h2 id="b')


def test_escapes_a_hostile_name(
    results: Results, rename: Callable[[Results, str, str], Results]
) -> None:
    hostile = '--></text></svg><script>alert(1)</script>" onload="x" id="x $\\frac{$ url(#a)'
    for card in results["cards"]:
        card["warnings"] = ["<b>bold</b>"]
        card["title_data"] = "<i>digits</i>"
    results["title"] = results["description"] = results["command"] = "</title><script>x"
    outline = Outline(html_page(read(rename(only(results, "edges"), "ssd", hostile))))
    assert outline.open == []
    assert outline.handlers == []
    assert not outline.tags.keys() & {"script", "i"}
    assert max(outline.ids.values()) == 1


def test_is_deterministic(results: Results) -> None:
    one = only(results, "edges")
    assert html_page(read(one)) == html_page(read(one))


def test_says_when_versions_are_mixed(results: Results) -> None:
    results["cards"][0]["versions"] = {"numpy": "1.26.0"}
    results["cards"][0]["device"] = "cuda"
    page = html_page(read(only(results, "class_3")))
    assert "These results mix several values of: device, numpy." in page
    assert "1.26.0 (1 cells)" in page


def test_shows_recipe_and_options_behind_the_table(results: Results) -> None:
    for card in results["cards"]:
        card["recipe_config"] = {"epochs": 5}
        card["method_config"] = {"alpha": 10} if card["method"] == "ssd" else None
    page = html_page(read(only(results, "class_3")))
    assert "<summary>recipe digits</summary>" in page
    assert "<summary>method ssd</summary>" in page
    assert "method finetune" not in page
    assert "&#34;alpha&#34;: 10" in page


def test_a_long_sequence_stays_small_and_draws_its_lines(long_sequence: Results) -> None:
    page = html_page(read(long_sequence))
    assert len(page.encode()) < LIMIT
    assert page.count("<svg") == 3 * 2 + 1
    assert page.count("<details>") == 38 + 1


def test_figures_are_left_out_when_there_are_too_many(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mu.reporting.pictures.chosen.FIGURE_BUDGET", 100_000)
    page = html_page(read(results))
    assert page.count("<svg") == 1 + 3
    assert "Some figures were left out" in page


def test_references_alone_make_a_page(results: Results) -> None:
    results = only(results, "class_3")
    for part in PARTS:
        results[part] = [r for r in results[part] if r["method"] in ("original", "oracle")]
    assert Outline(html_page(read(results))).open == []
    results.update(cards=[], rows=[], verdicts=[])
    assert Outline(html_page(read(results))).open == []
