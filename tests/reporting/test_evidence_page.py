"""A page with evidence: nothing from outside, small, the same each time, and honest on recipes."""

import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from records import read
from reporting.enrich import enrich
from rich.console import Console

from mu.reporting.latex import latex_table
from mu.reporting.layout import sections
from mu.reporting.page import html_page
from mu.reporting.scores import ACROSS, score_tables
from mu.reporting.setting import settings
from mu.reporting.table import markdown_table
from mu.reporting.terminal import terminal_table
from mu.results.results import json_text, read_results

Results = dict[str, Any]
PARTS = ("cards", "rows", "verdicts")


@pytest.fixture
def rich_results(results: Results) -> Results:
    kept = {p: [r for r in results[p] if r["request"] == "class_3"] for p in PARTS}
    return enrich({**results, **kept})


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without figures, for what does not show in them."""
    monkeypatch.setattr("mu.reporting.page.figures_of", lambda *_: ({}, True))


def terminal(results: Results) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table(read(results)))
    return " ".join(console.export_text().split())


def test_images_are_inline_pixelated_and_described(rich_results: Results) -> None:
    page = html_page(read(rich_results))
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == 12
    assert all('src="data:image/png;base64,iVBORw0KGgo' in image for image in images)
    assert all(re.search(r'alt="forgotten image \d+, cat"', image) for image in images)
    assert all('width="56" height="56"' in image for image in images)
    assert "image-rendering: pixelated" in page
    assert not re.search(r"https?://", page)
    assert "<script" not in page


@pytest.mark.usefixtures("no_figures")
def test_right_and_wrong_need_no_colour(rich_results: Results) -> None:
    page = html_page(read(rich_results))
    assert page.count("✓") > 1
    assert page.count("not as labelled:") + page.count(">as labelled:") == 12 * 5


def test_json_there_and_back_gives_the_same_page(rich_results: Results, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json_text(read(rich_results)), encoding="utf-8")
    assert html_page(read(read_results(tmp_path))) == html_page(read(rich_results))


def test_galleries_go_before_figures_and_the_page_says_so(
    rich_results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = sections(read(rich_results))[0].key
    kinds = ("forest", "utility", "tradeoff", "classes", "trajectory", "losses", "roc")
    drawn = {f"{kind}-{key}": f"<svg>{kind}</svg>" for kind in kinds}
    monkeypatch.setattr("mu.reporting.page.figures_of", lambda *_: (drawn, True))
    whole = html_page(read(rich_results))
    assert whole.count("<svg") == 7
    monkeypatch.setattr("mu.reporting.page.PAGE_LIMIT", len(whole.encode()) - 100)
    page = html_page(read(rich_results))
    assert "<img" not in page
    assert page.count("<svg") == whole.count("<svg")
    assert "Left out to keep this page small: galleries of images." in page
    monkeypatch.setattr("mu.reporting.page.PAGE_LIMIT", 1)
    smallest = html_page(read(rich_results))
    assert "figures of classes, attacks and trajectories" in smallest
    assert smallest.count("<svg") == 3


@pytest.mark.usefixtures("no_figures")
def test_huge_galleries_do_not_break_the_limit(rich_results: Results) -> None:
    card = next(c for c in rich_results["cards"] if c.get("gallery"))
    card["gallery"]["png"] = [png + "A" * 400_000 for png in card["gallery"]["png"]]
    card["gallery"]["png"] = [png.replace("=", "A") for png in card["gallery"]["png"]]
    page = html_page(read(rich_results))
    assert len(page.encode()) < 3_000_000
    assert "galleries of images" in page


def test_hostile_class_names_are_shown_as_they_are(rich_results: Results) -> None:
    rich_results["classes"]["digits"] = ['<script>alert(1)</script>" onload="x'] * 10
    page = html_page(read(rich_results))
    assert "<script" not in page
    assert 'onload="x' not in page
    assert html.escape("<script>alert(1)</script>") in page


TEXTS: dict[str, Callable[[Any], str]] = {
    "terminal": terminal,
    "markdown": markdown_table,
    "latex": latex_table,
    "html": html_page,
}


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("kind", TEXTS)
def test_an_oracle_of_another_recipe_is_called_so(rich_results: Results, kind: str) -> None:
    assert "other recipe" not in TEXTS[kind](read(rich_results))
    for card in rich_results["cards"]:
        card["oracle_recipe"] = "other"
    text = TEXTS[kind](read(rich_results))
    assert text.count("oracle (other recipe)") >= 2
    assert "the original came from a file" in text


@pytest.mark.usefixtures("no_figures")
def test_many_scores_are_grouped_and_all_there(rich_results: Results) -> None:
    own = {"my_mia": "attack", "jury": "attack", "klass": "forgetting", "far": "distance"}
    own |= {"tower": "forgetting", "tow": "summary", "avg_gap": "summary"}
    scores = rich_results["panel"]["images"]["scores"]
    for name, family in own.items():
        scores[name] = scores["before"] | {"title": name, "family": family}
        rows = [r for r in rich_results["rows"] if r["metric"] == "ua"]
        rich_results["rows"] += [{**row, "metric": name} for row in rows]
    section = sections(read(rich_results))[0]
    found = score_tables(section)
    titles = [t for table in (*found.shown, *found.folded, *found.cost) for t in table.titles]
    assert sorted(titles) == sorted(map(section.title, section.metrics))
    assert all(len(t.titles) <= ACROSS for t in (*found.shown, *found.folded, *found.cost))
    assert {"UA", "avg_gap", "tow"} <= {t for table in found.shown for t in table.titles}
    families = [section.family(name) for name in own]
    assert families == [
        *("attacks", "attacks", "forgetting", "distance", "forgetting", "distance", "distance"),
    ]
    assert "<summary>All other scores (" in html_page(read(rich_results))
    assert "| attacks: value |" in markdown_table(read(rich_results))
    assert " & tow & avg\\_gap \\\\" in latex_table(read(rich_results))


def test_latex_marks_verdicts(rich_results: Results) -> None:
    line = next(s for s in latex_table(read(rich_results)).splitlines() if s.startswith("FineTune"))
    assert r"$^{\neq}$" in line
    assert r"$^{\approx}$" in line


def test_the_setting_names_seeds_fingerprint_and_commit(rich_results: Results) -> None:
    rich_results["cards"][0]["dirty"] = True
    found = settings(sections(read(rich_results)))[0]
    assert found["seeds"] == "0 to 2"
    assert found["seeds of unlearning"] == "100 to 102"
    assert found["seeds of oracles"] == "40 to 42"
    assert found["fingerprint of the data"] == "ab12cd"
    assert found["commit"] == "1234abc, with changes that were not committed, 1234abc"


def test_the_setting_says_where_pairs_share_a_forget_set(results: Results) -> None:
    def said() -> str:
        return settings(sections(read(results)))[0]["forget sets"]

    assert said() == "shared between pairs"  # one digest in all pairs
    for card in results["cards"]:
        if card["request"] == "class_3":
            card["forget_digest"] = f"set {card['pair']}"
    assert said() == "shared between pairs for random_20; else one per pair"
    for card in results["cards"]:
        card["forget_digest"] = f"set {card['pair']}"
    assert said() == "one per pair"
    results["cards"] = [card for card in results["cards"] if card["pair"] == 0]
    assert said() == "one per pair"


@pytest.mark.parametrize("name", ["quickstart", "pretrained_faces"])
def test_kept_results_without_the_new_keys_make_a_page(name: str) -> None:
    folder = Path(__file__).parents[2] / "experiments" / name
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for card in results["cards"]:
        for key in ("details", "trajectory", "gallery", "seeds", "commit", "oracle_recipe"):
            card.pop(key, None)
    page = html_page(read(results))
    assert len(page.encode()) < 3_000_000
    assert "Forgotten images" not in page
    assert "other recipe" not in page
