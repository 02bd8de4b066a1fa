"""The page explains the scores that it shows, and no others."""

import re
from pathlib import Path

from mu.reporting.page import html_page
from mu.results.results import read_results

KEPT = Path(__file__).parents[2] / "experiments"


def test_column_heads_name_their_score_in_full_and_lead_to_the_glossary():
    page = html_page(read_results(KEPT / "quickstart"))
    assert (
        '<a class="term" href="#score-ua"><abbr title="Unlearning accuracy">UA</abbr></a>' in page
    )
    led = set(re.findall(r'class="term" href="#([^"]+)"', page))
    held = re.findall(r'<div id="(score-[^"]+)">', page)
    assert len(held) == len(set(held))
    assert led <= set(held)
    assert "score-kl-forget" in held
    assert "score-acc-f" not in held  # of another panel
    assert "1 - (share of D_f that is classified rightly)" in page


def test_the_contents_lead_to_every_section():
    page = html_page(read_results(KEPT / "quickstart"))
    nav = page[page.index("<nav") : page.index("</nav>")]
    led, ids = re.findall(r'href="#([^"]+)"', nav), re.findall(r' id="([^"]+)"', page)
    assert {"verdicts", "b0-class-1", "scores", "setting"} <= set(led) <= set(ids)


def test_nothing_leaves_its_box_and_charts_follow_the_dark():
    page = html_page(read_results(KEPT / "quickstart"))
    assert re.search(r"\.scroll \{ overflow-x: auto;[^}]*position: relative", page)
    assert re.search(r"prefers-color-scheme: dark\) \{[^@]*\.card svg \{ filter: invert", page)
    assert len(page.encode()) < 3_000_000
