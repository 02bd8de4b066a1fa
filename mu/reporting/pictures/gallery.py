"""Forgotten images beside what each model says about them."""

import re
from dataclasses import dataclass

from mu.reporting.details import Details, pair_title
from mu.reporting.section import Section
from mu.results.card import Facts
from mu.results.format import finite, percent, printable
from mu.results.words import ORACLE, ORIGINAL

PNG = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True)
class Answer:
    """What one model says about one image.

    Attributes:
        name: The class it predicts, and how sure it is of it.
        right: Whether that is the image's label.
        truth: How sure it is of the label, where it predicts something else.
        apart: Whether one of this model and the oracle is right and the other is not.
    """

    name: str
    confidence: str
    right: bool
    truth: str
    apart: bool


@dataclass(frozen=True)
class Picture:
    """One forgotten image: base64 of a PNG, its id, its label, an answer per model."""

    png: str
    number: str
    label: str
    answers: list[Answer | None]


@dataclass(frozen=True)
class Gallery:
    """Forgotten images of one pair.

    Attributes:
        where: The pair.
        methods: Names of the models, one per answer.
        right: For each model how many images it classifies as labelled, in words.
        alike: For each model how often it is right or wrong as the oracle is; empty for the oracle.
    """

    where: str
    methods: list[str]
    pictures: list[Picture]
    right: list[str]
    alike: list[str]


def gallery(section: Section) -> Gallery | None:
    """The forgotten images of the first pair that has some; None where cards hold none."""
    details = Details(section)
    for pair in details.pairs:
        card = details.card(pair, ORIGINAL)
        images = _images((card.gallery if card else None) or {})
        samples = {m: _samples(details.of(pair, m, "samples")) for m in details.methods}
        methods = [method for method, known in samples.items() if known]
        if images and methods:
            return _gallery(details, pair, images, {m: samples[m] for m in methods})
    return None


def _gallery(
    details: Details, pair: int, images: dict[int, str], samples: dict[str, dict[int, Facts]]
) -> Gallery:
    oracle = samples.get(ORACLE, {})
    pictures = []
    for number, png in images.items():
        labels = [known[number]["labels"] for known in samples.values() if number in known]
        if labels:
            answers = [_answer(details, one.get(number), oracle) for one in samples.values()]
            label = details.class_name(labels[0])
            pictures.append(Picture(png, printable(number), label, answers))
    right, alike = [], []
    for place, method in enumerate(samples):
        given = [answer for one in pictures if (answer := one.answers[place])]
        right.append(f"{sum(answer.right for answer in given)} of {len(given)}")
        same = f"{sum(not answer.apart for answer in given)} of {len(given)}"
        alike.append("" if method == ORACLE or not oracle else same)
    names = [details.section.label(method) for method in samples]
    return Gallery(pair_title(pair), names, pictures, right, alike)


def _images(shown: Facts) -> dict[int, str]:
    """PNGs by id; what is no PNG in base64 is left out."""
    pairs = zip(shown.get("ids") or (), shown.get("png") or (), strict=False)
    return {int(i): png for i, png in pairs if isinstance(png, str) and PNG.fullmatch(png)}


def _samples(entry: Facts) -> dict[int, Facts]:
    """What a card says of each sample, by id."""
    names = ("ids", "labels", "predicted", "confidence", "label_confidence")
    rows = zip(*(entry.get(name, ()) for name in names), strict=True)
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def _answer(details: Details, row: Facts | None, oracle: dict[int, Facts]) -> Answer | None:
    if row is None:
        return None
    right = row["predicted"] == row["labels"]
    target, said = oracle.get(row["ids"]), row["label_confidence"]
    return Answer(
        details.class_name(row["predicted"]),
        percent(row["confidence"]) if finite(row["confidence"]) is not None else "",
        right,
        "" if right or finite(said) is None else percent(said),
        target is not None and (target["predicted"] == target["labels"]) != right,
    )
