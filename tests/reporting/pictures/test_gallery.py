"""The gallery shows each forgotten image with what every model says, and drops what is no image."""

from typing import Any

from records import read
from reporting.enrich import SAMPLES, enrich

from mu.reporting.layout import sections
from mu.reporting.pictures.gallery import Gallery, gallery

Results = dict[str, Any]


def shown(results: Results) -> Gallery:
    found = gallery(sections(read(results))[0])
    assert found is not None
    return found


def card_of(results: Results, method: str) -> dict[str, Any]:
    return next(c for c in results["cards"] if c["method"] == method and c["pair"] == 0)


def test_every_model_answers_for_every_image(results: Results) -> None:
    found = shown(enrich(results))
    assert found.where == "pair 0"
    assert found.methods == ["original", "oracle", "finetune", "gradient_ascent", "ssd"]
    assert len(found.pictures) == SAMPLES
    assert {picture.label for picture in found.pictures} == {"cat"}
    original = [picture.answers[0] for picture in found.pictures]
    assert all(a and a.right and a.name == "cat" and a.apart for a in original)
    assert found.right[:2] == ["12 of 12", "0 of 12"]
    assert found.alike[:2] == ["0 of 12", ""]


def test_answers_are_found_by_id_and_may_be_missing(results: Results) -> None:
    samples = card_of(enrich(results), "ssd")["details"]["samples"]
    expected = shown(results).pictures[0].answers[-1]
    for name, values in samples.items():
        samples[name] = values[::-1]
    assert shown(results).pictures[0].answers[-1] == expected
    for name, values in samples.items():
        samples[name] = values[:-1]
    assert shown(results).pictures[0].answers[-1] is None
    assert shown(results).right[-1].endswith(" of 11")


def test_what_is_no_png_is_left_out(results: Results) -> None:
    images = card_of(enrich(results), "original")["gallery"]
    images["png"][0] = '"><script>'
    images["png"][1] = "R0lGODlh"
    assert len(shown(results).pictures) == SAMPLES - 2


def test_there_is_none_without_images_or_without_samples(results: Results) -> None:
    assert gallery(sections(read(results))[0]) is None
    enrich(results)
    card_of(results, "original")["gallery"] = {}
    assert gallery(sections(read(results))[0]) is None


def test_without_an_oracle_nothing_is_compared_with_it(results: Results) -> None:
    enrich(results)["cards"] = [c for c in results["cards"] if c["method"] != "oracle"]
    found = shown(results)
    assert set(found.alike) == {""}
    assert not any(a.apart for picture in found.pictures for a in picture.answers if a)
