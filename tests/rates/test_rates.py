"""How often a verdict falls, on pairs whose truth is known."""

import math
from statistics import stdev

import numpy as np
import pytest
from calibration_case import cards, results

from mu.errors import UsageError
from mu.rates.rates import Rate, between, random_groups, rates


@pytest.fixture(scope="module")
def found() -> list[Rate]:
    return rates(results(cards(40)), draws=400)


def share(found: list[Rate], method: str, n: int, word: str) -> float:
    [one] = [r for r in found if (r.method, r.n, r.score) == (method, n, "")]
    return one.words.shares[word]


def test_a_retrained_model_is_recognised_more_often_with_more_pairs_and_hardly_blamed(found):
    like = [share(found, "null", n, "like the oracle") for n in (3, 5, 10)]
    assert 0.5 < like[0] < like[1] <= like[2] and like[2] > 0.95
    assert all(share(found, "null", n, "differs") <= 0.05 for n in (3, 5, 10))


@pytest.mark.parametrize("method", ["original", "half", "gone"])
def test_what_is_no_retrained_model_is_never_like_one(found, method):
    assert {share(found, method, n, "like the oracle") for n in (3, 5, 10)} == {0.0}
    assert share(found, method, 10, "differs") == 1.0


def test_shares_of_the_words_sum_to_one_and_carry_their_errors(found):
    for one in found:
        assert sum(one.words.shares.values()) == pytest.approx(1)
        assert all(one.words.drawing[word] <= one.words.error[word] for word in one.words.shares)
    some = [one for one in found if one.score and one.method == "null"]
    assert [one.title for one in some[:4]] == ["UA", "KL", "RMIA", "TA"]
    assert all(one.raw.shares["differs"] >= one.words.shares["differs"] for one in some)
    assert any(one.raw.shares["differs"] > one.words.shares["differs"] for one in some)


def test_the_oracles_and_random_weights_are_not_judged(found):
    assert list(dict.fromkeys(one.method for one in found)) == ["original", "null", "half", "gone"]


def test_the_same_seed_draws_the_same_groups(found):
    assert rates(results(cards(40)), draws=400) == found
    assert rates(results(cards(40)), draws=400, seed=1) != found


def test_groups_are_no_larger_than_half_of_the_pairs():
    assert {one.n for one in rates(results(cards(11)), draws=50)} == {3, 5}
    with pytest.raises(UsageError, match="5 pairs are too few for groups of 3: seeds=6"):
        rates(results(cards(5)))


def test_few_groups_are_all_judged():
    one = rates(results(cards(7)), pairs=[3], draws=100)[0]
    assert one.draws == math.comb(7, 3) and set(one.words.drawing.values()) == {0.0}


def test_a_group_has_no_forget_set_twice_while_there_are_enough():
    sets = [pair % 10 for pair in range(40)]
    groups, every = random_groups(sets, 10, 200, seed=0)
    assert not every and groups.shape == (200, 10)
    assert all(sorted(sets[pair] for pair in group) == list(range(10)) for group in groups)
    assert all(len(set(group)) == 5 for group in random_groups([0] * 40, 5, 200, seed=0)[0])


def test_a_failed_pair_is_not_drawn():
    some = [one | ({"error": "broken"} if one["pair"] < 3 else {}) for one in cards(12)]
    assert {one.pairs for one in rates(results(some), draws=30)} == {9}


def test_the_error_by_the_pairs_is_that_of_other_pairs_or_somewhat_larger():
    """Against the spread over 150 experiments of 30 pairs of their own."""
    shares, errors = [], []
    groups, _ = random_groups(list(range(30)), 5, 1000, seed=0)
    inside = np.zeros((len(groups), 30), bool)
    np.put_along_axis(inside, groups, True, axis=1)
    for seed in range(150):
        kind = np.random.default_rng(seed).random(30) < 0.3  # a group hits with two of a kind
        hit = kind[groups].sum(axis=1) >= 2
        shares.append(float(hit.mean()))
        errors.append(math.sqrt(between(hit, inside, every=False)))
    assert 0.95 < np.mean(errors) / stdev(shares) < 1.35
