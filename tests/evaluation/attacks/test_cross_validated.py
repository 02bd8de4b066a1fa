"""Cross-validated attacks on the loss: golden values, brute force, what each form can see."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.evaluation.attacks.cross_validated import LossCV, loss_cross_validation
from mu.evaluation.attacks.features import log_losses
from mu.evaluation.attacks.interval import IntervalClassifier, best_run
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


def test_golden_values(golden) -> None:
    size = int(golden["starting_kit_mia/per_set"])
    forget, unseen = (
        log_losses(golden[f"logits_{s}"], golden[f"labels_{s}"])[:size]
        for s in ("forget", "holdout")
    )
    np.testing.assert_allclose(
        loss_cross_validation(forget, unseen), golden["starting_kit_mia/scores"], atol=1e-9
    )


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12))
def test_best_run_against_all_runs(weights) -> None:
    start, end, total = best_run(weights)
    every = [sum(weights[i:j]) for i in range(len(weights)) for j in range(i, len(weights) + 1)]
    assert total == max(every) == sum(weights[start:end])


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=8),
    st.lists(st.integers(0, 6), min_size=1, max_size=8),
)
def test_the_interval_is_the_best_there_is(ones, zeros) -> None:
    attacker = IntervalClassifier().fit(
        np.array([*ones, *zeros])[:, None], np.repeat([1, 0], [len(ones), len(zeros)])
    )

    def balanced(predict) -> float:
        return (np.mean(predict(np.array(ones))) + np.mean(1 - predict(np.array(zeros)))) / 2

    cuts = np.arange(-1, 8) + 0.5
    inside = [lambda x, a=a, b=b: (x > a) & (x < b) for a in cuts for b in cuts]
    best = max(max(balanced(f), balanced(lambda x, f=f: ~f(x))) for f in inside)
    assert balanced(attacker.predict) == pytest.approx(best)


def test_only_the_interval_sees_that_one_side_spreads_more() -> None:
    generator = np.random.default_rng(0)
    spread, narrow = generator.normal(0, 4, 1000), generator.normal(0, 1, 1000)
    assert loss_cross_validation(spread, narrow).mean() == pytest.approx(0.5, abs=0.03)
    for sides in ((spread, narrow), (narrow, spread)):
        assert loss_cross_validation(*sides, "interval").mean() > 0.75


@pytest.mark.parametrize("form", ["logistic", "interval"])
def test_two_samples_of_one_distribution_are_told_apart_by_chance_only(form) -> None:
    generator = np.random.default_rng(1)
    runs = [
        loss_cross_validation(*generator.exponential(size=(2, 200)), form).mean() for _ in range(20)
    ]
    assert np.mean(runs) == pytest.approx(0.5, abs=0.03)


def test_clipped_losses_survive_a_masked_class() -> None:
    losses = np.append(np.zeros(19), np.inf), np.ones(20)
    assert np.isfinite(loss_cross_validation(*losses)).all()
    with pytest.raises(ValueError, match="form='tree'"):
        loss_cross_validation(*losses, form="tree")


def test_the_score_balances_the_sides_and_takes_classes_of_the_forgotten(make, split) -> None:
    signals = make()
    alike = split.test[signals.targets[split.test] == 2]
    assert len(alike) == len(split.forget)
    sides = [log_losses(*signals.at(ids)) for ids in (split.forget, alike)]
    assert LossCV()(signals, split, Peers()) == loss_cross_validation(*sides).mean()
    fewer = Split(split.forget[:9], [], split.retain, [], split.test)
    assert math.isnan(LossCV()(signals, fewer, Peers()))
    assert math.isnan(LossCV(limit=9)(signals, split, Peers()))
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    assert math.isnan(LossCV()(regression, split, Peers()))
    with pytest.raises(UsageError, match="form='tree'"):
        LossCV("tree")
