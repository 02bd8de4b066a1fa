"""What the experiment `null` is to show."""

from dataclasses import replace
from typing import Any

import pytest
from calibration_case import cards, results

from mu.rates.aims import aims_of
from mu.rates.rates import Rate, rates


@pytest.fixture(scope="module")
def one() -> Rate:
    return rates(results(cards(8)), pairs=[3], draws=20)[0]


def said(rate: Rate, **about: Any) -> list[tuple[str, float, bool]]:
    return [(a.word, a.limit, a.at_least) for a in aims_of(replace(rate, **about))]


def test_a_retrained_model_is_to_be_recognised_as_its_request_allows(one):
    for about, limit in (
        ({"request": "any", "kind": "class"}, 0.65),
        ({"request": "class", "kind": "nodes"}, 0.2),
        ({"request": "any", "kind": "edges"}, 0.5),
    ):
        assert said(one, method="null", **about) == [
            ("like the oracle", limit, True),
            ("differs", 0.05, False),
        ]


def test_nothing_else_is_to_be_like_the_oracle(one):
    never = ("like the oracle", 0.0, False)
    assert said(one, method="original") == [never, ("differs", 0.95, True)]
    assert said(one, method="original", n=10) == [never, ("differs", 1.0, True)]
    assert said(one, method="drop_class") == [never]
    assert said(one, method="quarter") == [("like the oracle", 0.05, False)]
    assert said(one, method="utu", data="cora") == [never]
    assert said(one, method="utu", data="digits_graph") == []


def test_there_are_no_aims_for_scores_and_other_numbers_of_pairs(one):
    assert said(one, method="null", score="ua") == said(one, method="null", n=4) == []
