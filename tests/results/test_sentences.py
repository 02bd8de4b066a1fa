"""The reason of a verdict in words."""

from results.verdict_case import CENTRE, LIKE, NOISE, PANEL, card, table, verdicts_of


def said(cards: list, method: str = "ours") -> str:
    return verdicts_of(cards)[method].reason


def test_like_says_how_much_can_be_left_and_by_which_score():
    text = said(table(5, **LIKE))
    assert text.startswith("at most ") and text.endswith("; 5 pairs")
    assert " % of the original's gap can be left (" in text


def test_differs_says_what_is_left_on_each_side():
    assert said(table(3, **LIKE | {"ua": -0.3})) == "UA (60 % of the original's gap left)"
    both = said(table(3, **LIKE | {"ua": -0.3, "kl": 0.3}))
    assert both == "UA (60 % of the original's gap left), KL (60 %)"
    beyond = said(table(3, **LIKE | {"ua": 0.3}))
    assert beyond == "UA (\N{MINUS SIGN}60 % of the original's gap left, beyond the oracle)"
    farther = said(table(3, **LIKE | {"kl": 1.5}))
    assert farther == "KL (299 % of the original's gap left, farther than doing nothing)"


def test_utility_says_its_gap():
    assert said(table(3, **LIKE | {"ta": -0.2})) == "TA (\N{MINUS SIGN}0.200)"


def test_no_power_says_how_many_pairs_would_do():
    far = (0.3, -0.2, 0.1)
    blind = [
        card("original", n, **one.values | {"kl": CENTRE["kl"] + NOISE[n] + far[n]})
        if one.method == "original"
        else one
        for one in table(3, **LIKE)
        for n in [one.pair]
    ]
    text = said(blind)
    assert text.startswith("3 pairs cannot tell the original from the oracles by KL; about ")
    assert text.endswith(" would")


def test_inconclusive_says_how_much_may_be_left_and_how_many_pairs_would_do():
    wide = table(3, **LIKE | {"kl": (-0.05, 0.3, 0.2)})
    text = said(wide)
    assert text.startswith("up to ") and "of the original's gap may be left (KL)" in text
    margin = said(table(3, **LIKE | {"ta": (0.03, -0.03, 0.0)}))
    assert margin.startswith("TA not surely within 0.02")


def test_few_pairs_and_one_set_are_said():
    assert said(table(2, **LIKE)).startswith("3 pairs are the fewest that can show how little")
    assert said(table(1, **LIKE)).endswith("; one pair")
    assert said(table(3, "same", **LIKE | {"ua": -0.3})).endswith("conditional on one forget set")


def test_values_that_are_missing_are_named():
    cards = table(5, **LIKE | {"ua": -0.3})
    cards = [
        card("ours", 3, **one.values | {"kl": None})
        if (one.method, one.pair) == ("ours", 3)
        else one
        for one in cards
    ]
    assert "KL has no value in pair 3" in said(cards)


def test_a_row_that_varies_much_more_than_retraining_says_so():
    text = said(table(8, **LIKE | {"kl": (-0.04, 0.04, -0.05, 0.03, -0.04, 0.05, 0.02, -0.05)}))
    assert "varies at least twice as much as retraining (KL)" in text


def test_failures_are_counted_after_everything_else():
    cards = table(5, **LIKE)
    object.__setattr__(cards[-1], "error", "out of memory")
    assert said(cards).endswith("; 1 of 5 cells failed")


def test_who_did_nothing_is_named():
    cards = table(3, **LIKE)
    same = [card("idle", one.pair, **one.values) for one in cards if one.method == "original"]
    assert said([*cards, *same], "idle").startswith("did nothing: it predicts as original does; ")
    assert "did nothing" not in said([*cards, *same])


def test_titles_of_missing_decisive_scores():
    assert "without UA, KL" in said(table(5, ta=LIKE["ta"]))
    assert "no headline score applies" in said([card("ours", pair, extra=0.1) for pair in range(3)])
    assert PANEL["scores"]["kl"]["title"] == "KL"
