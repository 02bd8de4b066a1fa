"""Which rows come nearer to the oracle than doing nothing."""

from typing import Any

import pytest
import records
from records import read

from mu.errors import UsageError
from mu.reporting.latex import latex_table
from mu.reporting.layout import sections
from mu.reporting.page import html_page
from mu.reporting.scores import nearer
from mu.reporting.section import Section
from mu.reporting.table import markdown_table
from mu.reporting.terminal import terminal_table
from mu.results import results as kept
from mu.results.card import Card
from mu.results.comparisons import Duel, did_nothing, duels, gains, paired, word
from mu.results.estimate import Estimate
from mu.results.intervals import holm
from mu.results.results import comparing

Results = dict[str, Any]


def section(results: Results) -> Section:
    return sections(read(results))[0]


def gained(results: Results) -> dict[str, dict[str, Estimate]]:
    one = section(results)
    return gains(one.cards, one.headline, one.scores)


def with_null(results: Results) -> Results:
    """The row of ``finetune`` becomes unlinking alone; distances are known exactly."""
    text = {"finetune": "utu"}
    for part in ("cards", "rows"):
        for row in results[part]:
            row["method"] = text.get(row["method"], row["method"])
    results["verdicts"] = [
        verdict | {"method": text.get(verdict["method"], verdict["method"])}
        for verdict in results["verdicts"]
    ]
    for card in results["cards"]:
        if card["error"]:
            continue
        shift = {"utu": 0.10, "ssd": 0.04, "gradient_ascent": -0.2}.get(card["method"], 0.0)
        shift += 0.001 * card["pair"] * (card["method"] == "utu")
        for name in ("ua", "ta"):
            oracles = [0.50, 0.52]
            card["oracle"][name], card["values"][name] = oracles, 0.51 + shift
    return results


def test_images_are_compared_with_the_original(results: Results) -> None:
    assert set(gained(results)) == {"finetune", "ssd", "gradient_ascent"}
    assert "than original" in nearer(section(results)).caption


def test_without_a_row_that_does_nothing_nothing_is_said(results: Results) -> None:
    results["cards"] = [card for card in results["cards"] if card["method"] != "original"]
    assert gained(results) == {}
    assert nearer(section(results)) is None


def test_who_did_nothing_has_every_value_of_the_original() -> None:
    def of(method: str, pair: int, **values: float) -> Card:
        return records.card(method=method, pair=pair, values=values)

    original = [of("original", pair, ua=0.1 * pair, weight_distance=0.0) for pair in range(2)]
    idle = [of("ours", pair, ua=0.1 * pair, weight_distance=3.0) for pair in range(2)]
    assert did_nothing(idle, original) and not did_nothing([], original)
    assert not did_nothing([idle[0], of("ours", 1, ua=0.1001)], original)
    assert not did_nothing([*idle, of("ours", 2, ua=0.2)], original)


def test_the_gain_is_the_paired_difference_of_the_distances(results: Results) -> None:
    found = gained(with_null(results))
    assert set(found) == {"ssd", "gradient_ascent"}
    near, far = found["ssd"]["ua"], found["gradient_ascent"]["ua"]
    assert near.mean == pytest.approx(0.061, abs=1e-6)  # pairs 0, 1, 2: 0.100, 0.101, 0.102
    assert near.n == 3
    low, high = near.interval()
    assert low < near.mean < high
    words = [word(one, "farther", "nearer") for one in (near, far)]
    assert words == ["nearer", "farther"]


def test_a_distance_to_the_oracles_is_its_own_value(results: Results) -> None:
    results = with_null(results)
    scores = next(iter(results["panel"].values()))["scores"]
    scores["kl_forget"] |= {"headline": True, "better": "lower"}
    for card in results["cards"]:
        if not card["error"]:
            card["values"]["kl_forget"] = {"utu": 0.5, "ssd": 0.2}.get(card["method"], 0.5)
    found = gained(results)["ssd"]["kl_forget"]
    assert found.mean == pytest.approx(0.3)


def test_pairs_that_one_side_lacks_are_left_out() -> None:
    found = paired({0: 1.0, 1: 3.0, 2: 9.0}, {1: 1.0, 0: 0.5, 3: 7.0})
    assert (found.mean, found.n) == (1.25, 2)
    assert paired({0: 1.0}, {1: 1.0}).n == 0


def test_the_words_follow_from_the_interval() -> None:
    for mean, said in ((0.1, "nearer"), (-0.1, "farther"), (0.01, "undecided")):
        assert word(Estimate(mean, 0.01, 4, 5), "farther", "nearer") == said


def test_the_page_shows_it(results: Results) -> None:
    words = "<caption>Nearer to the oracle than utu"
    before = html_page(read(results)).count(words)
    assert html_page(read(with_null(results))).count(words) > before


def against_ssd(results: Results) -> Section:
    plain = comparing(read(with_null(results)), "ssd")
    return sections(plain)[0]


def test_a_row_against_every_other(results: Results) -> None:
    one = against_ssd(results)
    found = duels(one.cards, "ssd", ["ua", "ta"], one.scores)
    assert "ssd" not in found and "oracle" not in found and "random_weights" not in found
    far = found["gradient_ascent"]["ua"]
    assert far.gain.mean == pytest.approx(0.2 - 0.04) and far.word == "nearer"
    assert found["original"]["ua"].gain.mean == pytest.approx(-0.04)
    assert found["original"]["ua"].word == "farther"


def test_words_of_duels_are_adjusted_for_how_many_there_are(results: Results) -> None:
    one = against_ssd(results)
    found = duels(one.cards, "ssd", one.headline, one.scores)
    raw = [duel.gain.pvalue() for own in found.values() for duel in own.values()]
    adjusted = [duel.p for own in found.values() for duel in own.values()]
    assert adjusted == holm(raw).tolist() and len(raw) > 4
    assert Duel(Estimate(1.0, 0.1, 4, 5), 0.06).word == "undecided"


def test_every_table_shows_the_duels(results: Results) -> None:
    plain = comparing(read(with_null(results)), "ssd")
    asked = "Is ssd nearer to the oracle than each other row"
    assert asked in markdown_table(plain) and asked in html_page(plain)
    assert asked in latex_table(plain) and "-against}" in latex_table(plain)
    lines = [str(line) for line in terminal_table(plain).renderables]
    assert any(asked[:30] in line for line in lines) and max(map(len, lines)) <= 80
    assert asked not in markdown_table(comparing(plain, None))
    assert kept.Results.read(plain.plain()).compare == "ssd"


def test_a_row_there_is_not_is_named(results: Results) -> None:
    with pytest.raises(UsageError, match="compare=sss is no row; there are: original"):
        comparing(read(results), "sss")
