"""Selection, dampening and down-dating on importances made by hand or drawn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.errors import UsageError
from mu.unlearning.dampening import check_constants, shares_by_tensor
from mu.unlearning.ssd import (
    adaptive_alpha,
    alpha_of_share,
    dampen,
    downdate,
    importance,
    importances,
    ratios,
)

seeds = st.integers(0, 10_000)


def drawn(seed, dtype=torch.float64):
    """A model and two importances over many orders of magnitude, with zeros in both."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Linear(6, 5).to(dtype)

    def one():
        found = {}
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=dtype)
            kept = torch.rand(p.shape, generator=generator) < 0.9
            found[name] = (4 * noise).exp() * kept
        return found

    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=dtype))
    return model, one(), one()


def weights(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@given(seeds, st.floats(0, 20), st.floats(0, 20))
def test_no_weight_grows_and_none_turns_its_sign(seed, alpha, lam):
    model, full, forget = drawn(seed)
    before = weights(model)
    dampen(model, full, forget, alpha, lam)
    for name, p in model.named_parameters():
        assert bool(torch.isfinite(p).all())
        assert bool((p.abs() <= before[name].abs()).all())
        assert bool((p * before[name] >= 0).all())


@given(seeds, st.floats(1.0, 50.0))
def test_below_the_bound_every_selected_weight_shrinks_to_less_than_lam_by_alpha(seed, alpha):
    model, full, forget = drawn(seed)
    before = weights(model)
    assert dampen(model, full, forget, alpha, 1.0) > 0
    for name, p in model.named_parameters():
        chosen = ratios(full, forget)[name] > alpha
        assert bool((p.abs()[chosen] < before[name].abs()[chosen] / alpha).all())
        assert torch.equal(p[~chosen], before[name][~chosen])


@given(seeds)
def test_an_infinite_alpha_changes_nothing(seed):
    model, full, forget = drawn(seed)
    before = weights(model)
    assert dampen(model, full, forget, math.inf, 1.0) == 0
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name])


@given(seeds, st.floats(0.001, 1.0), st.floats(0.001, 1.0))
def test_a_larger_share_selects_the_same_and_more(seed, one, two):
    _, full, forget = drawn(seed, torch.float32)
    small, large = (alpha_of_share(full, forget, s) for s in sorted((one, two)))
    for ratio in ratios(full, forget).values():
        assert bool(((ratio > large) >= (ratio > small)).all())


@given(seeds, st.floats(0.001, 1.0))
def test_the_adaptive_alpha_is_the_percentile_of_the_finite_ratios(seed, share):
    _, full, forget = drawn(seed)
    full["bias"][:2], forget["bias"][:2] = 0.0, torch.tensor([0.0, 1.0])  # 0/0 and 1/0
    with np.errstate(divide="ignore", invalid="ignore"):
        pool = np.concatenate([(forget[n].numpy() / full[n].numpy()).ravel() for n in full])
    pool, percent = np.sort(pool[np.isfinite(pool)]), 100 - math.log(1 + 100 * share)
    wanted = np.percentile(pool, percent)
    # Both round the place among the n ratios five times in all, each by at most n eps / 2, and the
    # value moves with it by the gap between two ratios, which can be far larger than the value.
    place = int(percent / 100 * (len(pool) - 1))
    gap = np.diff(pool)[max(place - 1, 0) : place + 2].max()
    room = 4 * np.finfo(float).eps * (len(pool) * gap + wanted)
    assert abs(adaptive_alpha(full, forget, share) - wanted) <= room


def test_the_adaptive_rule_refuses_what_has_no_percentile():
    one, none = {"w": torch.ones(3)}, {"w": torch.zeros(3)}
    with pytest.raises(UsageError, match=r"\|D_f\| / \|D\| = 0"):
        adaptive_alpha(one, one, 0.0)
    with pytest.raises(UsageError, match="no parameter has a finite ratio"):
        adaptive_alpha(none, one, 0.1)


def test_the_shares_of_the_tensors_add_up_to_what_is_selected():
    model, full, forget = drawn(3)
    found = shares_by_tensor(ratios(full, forget), 2.0)
    assert list(found) == ["weight", "bias"]
    count = 30 * found["weight"] + 5 * found["bias"]
    assert round(count) == dampen(model, full, forget, 2.0, 1.0) > 0


BAD = {
    "a NaN": (lambda t: t.index_fill(0, torch.tensor([0]), math.nan), "is not a finite number"),
    "infinity": (lambda t: t.index_fill(0, torch.tensor([0]), math.inf), "is not a finite number"),
    "a negative one": (lambda t: t - t.max() - 1, "negative"),
    "another shape": (lambda t: t[..., None], "has the shapes"),
}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", BAD)
def test_importances_that_cannot_be_dampened_by_are_refused(kind, place):
    model, *both = drawn(0)
    before = weights(model)
    damage, message = BAD[kind]
    both[place] = both[place] | {"bias": damage(both[place]["bias"])}
    with pytest.raises(UsageError, match=message):
        dampen(model, *both, 1.0, 1.0)
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name])


@pytest.mark.parametrize("place", [0, 1])
def test_importances_that_are_zero_or_of_another_model_are_refused(place):
    model, *both = drawn(0)
    zero, fewer, other = list(both), list(both), list(both)
    zero[place] = {n: torch.zeros_like(t) for n, t in both[place].items()}
    with pytest.raises(UsageError, match="zero everywhere"):
        dampen(model, *zero, 1.0, 1.0)
    fewer[place] = {"bias": both[place]["bias"]}
    with pytest.raises(UsageError, match="only one of the two has weight"):
        dampen(model, *fewer, 1.0, 1.0)
    other = [{f"network.{n}": t for n, t in one.items()} for one in both]
    with pytest.raises(UsageError, match=r"no parameter network\.weight"):
        dampen(model, *other, 1.0, 1.0)


@pytest.mark.parametrize(
    ("alpha", "lam", "message"),
    [
        (-1.0, 1.0, "alpha=-1"),
        (math.nan, 1.0, "alpha=nan"),
        (1.0, -0.5, "lam=-0.5"),
        (1.0, math.inf, "lam=inf"),
        (1.0, math.nan, "lam=nan"),
    ],
)
def test_constants_out_of_range_are_refused(alpha, lam, message):
    model, full, forget = drawn(0)
    with pytest.raises(UsageError, match=message):
        dampen(model, full, forget, alpha, lam)


def convolutional(seed):
    """A network with normalisation, and 12 samples with their ids."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 4)
    )
    model[1].running_mean.uniform_(-0.5, 0.5)
    model[1].running_var.uniform_(0.5, 2.0)
    x = torch.randn(12, 2, 5, 5, dtype=torch.float64)
    return model.double().eval(), x, torch.randint(0, 4, (12,))


def assert_close(found, wanted, rtol=1e-9, atol=0.0):
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=rtol, atol=atol, msg=name)


@given(seeds, st.integers(1, 12), st.sampled_from(["cross_entropy", "logit_norm"]))
def test_the_per_sample_form_knows_neither_batches_nor_order(seed, size, loss):
    model, x, y = convolutional(seed % 3)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    wanted = importance(model, [(x, y)], "per_sample", loss)
    batches = zip(x[order].split(size), y[order].split(size), strict=True)
    assert_close(importance(model, batches, "per_sample", loss), wanted, atol=1e-14)


@given(seeds, st.integers(1, 11))
def test_downdating_is_computing_anew_on_what_is_left(seed, n):
    model, x, y = convolutional(seed % 3)
    gone = torch.randperm(12, generator=torch.Generator().manual_seed(seed))[:n]
    kept = torch.tensor([i for i in range(12) if i not in set(gone.tolist())])
    full = importance(model, [(x, y)], "per_sample")
    forget = importance(model, [(x[gone], y[gone])], "per_sample")
    wanted = importance(model, [(x[kept], y[kept])], "per_sample")
    scale = max(float(t.max()) for t in full.values())
    found = downdate(full, forget, 12, n)
    assert_close(found, wanted, rtol=1e-8, atol=1e-12 * scale)
    assert all(bool((t >= 0).all()) for t in found.values())


@given(seeds, st.integers(1, 100_000), st.sampled_from([torch.float32, torch.float64]))
def test_removing_nothing_is_the_identity(seed, n, dtype):
    _, full, _ = drawn(seed, dtype)
    found = downdate(full, {name: torch.zeros_like(t) for name, t in full.items()}, n, 0)
    for name, tensor in full.items():
        assert torch.equal(found[name], tensor)
        assert found[name] is not tensor


def test_downdating_refuses_impossible_numbers_and_other_models():
    one = {"w": torch.ones(2)}
    with pytest.raises(UsageError, match="4 of 4"):
        downdate(one, one, 4, 4)
    with pytest.raises(UsageError, match="another model"):
        downdate(one, {"v": torch.ones(2)}, 4, 1)


@pytest.mark.parametrize("loss", ["cross_entropy", "logit_norm"])
def test_one_pass_over_all_gives_both_importances(loss):
    from mu.data.base import Batch
    from mu.models.base import Learner

    model, x, y = convolutional(1)
    ids, gone = torch.arange(100, 112), torch.tensor([101, 107, 111])
    batches = [Batch(x[i], y[i], ids[i], units=len(i)) for i in torch.arange(12).split(5)]
    learner = Learner(model)
    full, forget = importances(learner, batches, gone, loss)
    assert_close(full, importance(learner, batches, "per_sample", loss), atol=1e-14)
    picked = [(x[gone - 100], y[gone - 100])]
    assert_close(forget, importance(learner, picked, "per_sample", loss), atol=1e-14)
    with pytest.raises(UsageError, match="no sample that is to be forgotten"):
        importances(learner, batches, torch.tensor([5]), loss)


@pytest.mark.parametrize("alpha", ["abc", True, -1.0, float("nan")])
def test_a_threshold_that_is_none_is_named(alpha):
    with pytest.raises(UsageError, match=rf"alpha={alpha!r} "):
        check_constants(alpha, 1.0)
