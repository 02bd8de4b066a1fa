"""The page is drawn once, and again where anything that decides it changed."""

from dataclasses import replace

import numpy as np
import pytest
from records import read

from mu.reporting import drawn
from mu.reporting.drawn import drawn_page
from mu.results.results import Results
from mu.storing.inventory import PAGES
from mu.storing.store import Store


@pytest.fixture
def draws(monkeypatch) -> list[Results]:
    """What was drawn, in order."""
    found: list[Results] = []

    def draw(results: Results) -> str:
        found.append(results)
        return f"<html>\n{results.title}, {len(found)}\n"

    monkeypatch.setattr(drawn, "html_page", draw)
    return found


@pytest.fixture
def one(results) -> Results:
    found = read(results)  # what is not written yet may hold arrays
    return replace(found, cards=[replace(found.cards[0], facts={"a": np.arange(2)})])


def test_the_same_results_are_drawn_once(one, draws, tmp_path) -> None:
    store = Store(tmp_path)
    first = drawn_page(one, store)
    assert drawn_page(replace(one), store) == first
    assert len(draws) == 1


def test_other_results_and_another_mu_are_drawn_anew(one, draws, tmp_path, monkeypatch) -> None:
    store = Store(tmp_path)
    drawn_page(one, store)
    other = drawn_page(replace(one, title="another"), store)
    assert "another, 2" in other
    monkeypatch.setattr(drawn, "digest_of_mu", lambda: "edited")
    assert "another, 3" in drawn_page(replace(one, title="another"), store)


def test_a_damaged_page_is_drawn_anew(one, draws, tmp_path) -> None:
    store = Store(tmp_path)
    drawn_page(one, store)
    [file] = (store.root / PAGES).iterdir()
    file.write_text(file.read_text().replace("<html>", "<HTML>"))
    assert drawn_page(one, store).startswith("<html>")
    assert len(draws) == 2


def test_a_store_that_cannot_be_written_is_left_alone(one, draws, tmp_path) -> None:
    store = Store(tmp_path)
    store.unwritable = "read only"
    assert drawn_page(one, store) == f"<html>\n{one.title}, 1\n"
    assert not (store.root / PAGES).exists()
