"""What is said of a search, and its picture."""

import pytest
from records import card

from mu.reporting.search_notes import search_notes, search_verdict, searches


def found(value, one_pass, pair=0, **more):
    history = [
        {"value": one_pass, "overlap_start": 0.9, "overlap_last": 0.9},
        {"value": value or one_pass, "overlap_start": 0.5, "overlap_last": 0.99},
    ]
    facts = {
        "value": value,
        "value_one_pass": one_pass,
        "value_random": 0.5,
        "overlap_one_pass": 0.8,
        "overlap_chance": 0.1,
        "iterations": 2,
        "history": history,
    }
    return card(pair=pair, search=facts | more)


def test_one_entry_a_pair_whatever_the_rows():
    cards = [found(0.1, 0.2, pair) for pair in (1, 0) for _ in range(3)]
    assert len(searches(cards)) == 2
    assert searches([card()]) == [] and search_notes([card()]) == []


def test_the_note_names_what_the_search_has_to_beat():
    cards = [found(0.1 + 0.001 * pair, 0.2, pair) for pair in range(5)]
    (note,) = search_notes(cards)
    assert "one pass 0.2, random set 0.5, search 0.102" in note
    assert "2 iterations" in note and "80% of the set" in note and "lower than one pass" in note


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([(0.2, 0.2)] * 3, "nothing better than one pass"),
        ([(0.1, 0.2), (0.3, 0.2), (0.2, 0.21)], "not told apart from one pass"),
        ([(0.1, 0.2), (0.11, 0.2), (0.105, 0.2)], "lower than one pass"),
        ([(0.3, 0.2), (0.31, 0.2), (0.305, 0.2)], "higher than one pass"),
        ([(0.1, 0.2)], "one pair"),
    ],
)
def test_verdicts(values, said):
    cards = [found(a, b, pair) for pair, (a, b) in enumerate(values)]
    assert said in search_verdict(searches(cards))


def test_pairs_whose_first_set_was_returned_are_counted():
    cards = [found(0.3, 0.2, pair, returned_start=pair < 2) for pair in range(3)]
    assert "the first set was returned in 2 of 3 pairs" in search_notes(cards)[0]


def test_warnings_are_said_once():
    cards = [found(0.1, 0.2, pair, warnings=["it never moved"]) for pair in range(2)]
    assert search_notes(cards)[1] == "it never moved (2 pairs)"


def test_a_distance_is_said_with_its_unit():
    facts = {"distance": "kl", "distance_chosen": 1.5, "distance_all": 0.2}
    (note,) = search_notes([card(search=facts)])
    assert "nats" in note and "1.5 on the set, 0.2 on all" in note
