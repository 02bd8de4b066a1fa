"""The kept null test: the rule of verdicts recognises retrained models, and nothing else."""

from pathlib import Path

import pytest

from mu.rates.aims import aims_of
from mu.rates.rates import Rate, rates
from mu.results.results import read_results

KEPT = Path(__file__).parents[2] / "experiments" / "null"


@pytest.fixture(scope="module")
def kept() -> list[Rate]:
    return rates(read_results(KEPT), draws=300)


def test_every_aim_is_met_as_far_as_the_pairs_can_tell(kept) -> None:
    judged = [(rate, aim) for rate in kept for aim in aims_of(rate)]
    assert len({(rate.request, rate.data) for rate, _ in judged}) >= 4
    for rate, aim in judged:
        share, error = rate.words.shares[aim.word], rate.words.error[aim.word]
        off = aim.limit - share if aim.at_least else share - aim.limit
        assert off <= error + 0.02, (rate.request, rate.data, rate.method, rate.n, aim, share)


def test_recognition_grows_with_the_pairs(kept) -> None:
    null = [one for one in kept if one.method == "null" and not one.score]
    for place in {(one.block, one.request) for one in null}:
        like = {
            one.n: one.words.shares["like the oracle"]
            for one in null
            if (one.block, one.request) == place
        }
        assert like[3] <= like[5] + 0.03 and like[5] <= like[10] + 0.03
