"""One card of many."""

import records

from mu.results.found import card_of


def test_what_is_not_asked_for_is_the_first_that_the_row_has():
    cards = [
        records.card(block=block, request=request, step=step, pair=pair, learner=f"{block}{step}")
        for block, request in ((0, "random"), (1, "random"), (1, "class"))
        for step in (0, 1)
        for pair in (0, 1)
    ]
    assert card_of(cards, "ssd") is cards[2], "the last step of the first block"
    assert card_of(cards, "ssd", 1, "class") is cards[11]
    assert card_of(cards, "ssd", step=0, block=1) is cards[4]
