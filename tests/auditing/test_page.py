"""The page of an audit: for people, alone, and the same each time."""

import re

import pytest

import mu
from mu.errors import UsageError


@pytest.fixture(scope="module")
def found(blobs):
    scene = blobs.random
    return mu.audit(
        scene.retrained,
        original=scene.original,
        oracles=scene.oracles,
        drawn=True,
        subject="customer <7>",
        **scene.parts,
    )


def test_it_says_first_what_was_asked_found_and_how_sure(found, tmp_path):
    text = found.page(tmp_path / "audit.html").read_text(encoding="utf-8")
    places = [text.index(part) for part in ("customer &lt;7&gt;", found.asked, "How sure")]
    assert places == sorted(places) and places[-1] < text.index("<h2>")
    for part in (*found.untested, *found.digests.values(), "mu.audit(net, forget=forget"):
        assert part in text
    assert text == found.page(tmp_path / "again.html").read_text(encoding="utf-8")


def test_it_loads_nothing_and_serves_phone_paper_and_night(found, tmp_path):
    text = found.page(tmp_path / "audit.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"<script|<link|https?:|src=|url\(", text)
    for part in ("@media print", "prefers-color-scheme: dark", "max-width: 40rem", "width=device"):
        assert part in text


def test_a_notebook_gets_a_part_of_a_page(found):
    part = found._repr_html_()
    assert "<body" not in part and found.case.word in part


def test_a_folder_that_is_not_there(found, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        found.page(tmp_path / "gone" / "audit.html")
