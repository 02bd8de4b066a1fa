"""The record of a search beside results: its picture, its label, and records that are none."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from records import read

from mu.errors import UsageError
from mu.reporting.layout import sections
from mu.reporting.page import html_page
from mu.reporting.pictures.tuning import tuning, with_tuning

Results = dict[str, Any]


def search(method: str, *values: float) -> dict[str, Any]:
    trials = [{"objective": v, "error": "diverged" if v == 1 else None} for v in values]
    return {"method": method, "request": "class", "trials": trials}


RECORD = {"seeds": [1000, 1001], "searches": [search("ssd", 0.4, 1.0, 0.1), search("utu")]}


def test_searches_with_trials_have_a_panel() -> None:
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", tuning(RECORD))
    assert "ssd" in " ".join(texts)
    assert "utu" not in " ".join(texts)
    assert tuning({"seeds": [], "searches": [search("utu")]}) == ""


def test_the_page_shows_a_record_that_lies_beside_the_results(
    results: Results, tmp_path: Path
) -> None:
    assert with_tuning(read(results), tmp_path) == read(results)
    assert 'id="tuning"' not in html_page(read(results))
    (tmp_path / "tuning.json").write_text(json.dumps(RECORD))
    page = html_page(read(with_tuning(read(results), tmp_path)))
    assert 'id="tuning"' in page
    assert "1000, 1001" in page


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"searches": 3}'])
def test_a_file_that_is_no_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "tuning.json").write_text(text)
    with pytest.raises(UsageError, match="no record of mu tune"):
        with_tuning(read({}), tmp_path)


def test_tuned_and_untuned_rows_are_named(results: Results) -> None:
    for card in results["cards"]:
        card["tuned"] = card["method"] == "ssd"
        card["defaults"] = card["method"] == "finetune"
    notes = sections(read(results))[0].notes
    assert "options tuned on other forget sets and seeds: ssd" in notes
    assert any(note.startswith("finetune ran with default settings") for note in notes)


def test_warnings_that_differ_in_numbers_are_one_note(results: Results) -> None:
    for card in results["cards"]:
        if card["method"] == "ssd":
            card["warnings"] = [f"nothing above {card['pair']}.5e-3 was selected"]
    notes = [note for note in sections(read(results))[0].notes if "selected" in note]
    assert notes == ["ssd: nothing above 0.5e-3 was selected (3 pairs, each with its own numbers)"]
