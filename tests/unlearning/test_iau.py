"""IAU against the authors' numbers, its algebra, sequences of requests and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from cases import CASES, RECIPE
from hypothesis import given
from hypothesis import strategies as st
from iau_case import GOLDEN, arrays, net
from torch import nn

from mu.data.base import Batch, TensorData
from mu.errors import NotApplicable, UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.library import unlearn
from mu.models.base import Learner, build_learner
from mu.training.fit import fit
from mu.unlearning import iau
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.iau import IAU, GradientSum, direction_of_sums, update_direction
from mu.unlearning.stored import prepare


def samples(part):
    return torch.from_numpy(GOLDEN[f"x_{part}"]), torch.from_numpy(GOLDEN[f"y_{part}"])


def cut(part, sizes):
    x, y = samples(part)
    return list(zip(x.split(sizes), y.split(sizes), strict=True))


def golden_data():
    (x, y), (more, labels) = samples("remain"), samples("forget")
    every = np.arange(48)
    data = TensorData(
        torch.cat([x, more]), torch.cat([y, labels]), train=every, validation=[], test=[]
    )
    return data, every


def parts(data, forget, known=None):
    known = data.parts["train"] if known is None else known
    view = data.without({}).view
    return {
        "forget": DataPart(data, np.asarray(forget), view),
        "retain": DataPart(data, np.setdiff1d(known, forget), view),
        "full": DataPart(data, known, view),
    }


def golden_stored(learner, data):
    return {"gradient_sum": prepare(GradientSum(9), learner, parts(data, [])["full"])[0]}


def assert_close(found, wanted, rtol):
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=rtol, atol=rtol * 1e-2)


def weights(learner):
    return torch.cat([p.detach().double().flatten() for p in learner.parameters()])


# Golden numbers.


def test_the_direction_is_the_published_one():
    found = update_direction(net(), cut("remain", 7), cut("forget", 3))
    assert_close(found, arrays("update_grad/"), 1e-10)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("with_sum", [False, True])
def test_the_step_is_the_published_one(number, with_sum):
    data, _ = golden_data()
    learner = Learner(net())
    stored = golden_stored(learner, data) if with_sum else None
    method = IAU(lr=float(GOLDEN["adam_lr"][number]), batch_size=11)
    found = apply(method, learner, parts(data, np.arange(40, 48)), Context(), stored=stored)
    assert_close(
        {n: p.detach() for n, p in found.learner.network.named_parameters()},
        arrays(f"out_lr{number}/"),
        1e-9,
    )
    assert_close(learner.network.state_dict(), arrays("init/"), 0)


def test_the_stored_form_is_the_direction():
    forget, n_f = gradient_sum(net(), cut("forget", 5))
    found = direction_of_sums(arrays("grad_full_sum/"), 48, forget, n_f)
    assert_close(found, arrays("update_grad/"), 1e-12)


def test_the_sum_that_is_stored_is_the_golden_one():
    data, _ = golden_data()
    found = golden_stored(Learner(net()), data)["gradient_sum"]
    assert int(found["count"]) == 48
    for name, tensor in arrays("grad_full_sum/").items():
        torch.testing.assert_close(found[f"sum/network.{name}"], tensor, rtol=1e-12, atol=1e-13)


# Algebra.


@given(st.integers(1, 47), st.integers(1, 48), st.integers(1, 48), st.integers(0, 99))
def test_no_cut_changes_the_direction_and_the_sum_gives_it_too(n_f, first, second, seed):
    data, every = golden_data()
    order = np.random.default_rng(seed).permutation(every)
    handed = parts(data, order[:n_f])
    one, other = (
        update_direction(
            net(), handed["retain"].batches(batch_size=r), handed["forget"].batches(batch_size=f)
        )
        for r, f in ((None, None), (first, second))
    )
    assert_close(other, one, 1e-10)
    full, n = gradient_sum(net(), handed["full"].batches(batch_size=second))
    forget, _ = gradient_sum(net(), handed["forget"].batches(batch_size=first))
    assert_close(direction_of_sums(full, n, forget, n_f), one, 1e-10)


def test_the_first_step_of_adam_is_the_closed_form():
    data, _ = golden_data()
    learner = Learner(net())
    handed = parts(data, np.arange(40, 48))
    found = apply(IAU(lr=0.02), learner, handed, Context()).learner
    g = update_direction(learner, handed["retain"].batches(), handed["forget"].batches())
    reference = Learner(net())
    for name, parameter in reference.named_parameters():
        parameter.grad = g[name]
    torch.optim.Adam(reference.parameters(), lr=0.02).step()
    assert torch.allclose(weights(found), weights(reference), rtol=0, atol=1e-15)
    moved = weights(found) - weights(learner)
    assert float(moved.abs().max()) <= 0.02 * (1 + 1e-12)


def test_at_a_minimum_the_correction_only_scales():
    """Logistic regression on overlapping classes, by Newton: the full gradient is zero."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 3, dtype=torch.float64, generator=generator)
    y = (
        x @ torch.tensor([1.0, -1.0, 0.5]).double() + torch.randn(60, generator=generator) > 0
    ).long()
    w = torch.zeros(3, dtype=torch.float64)
    for _ in range(30):
        p = torch.sigmoid(x @ w)
        w = w - torch.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (p - y))
    model = nn.Linear(3, 1, bias=False).double()
    model.weight.data = w[None]
    found = update_direction(model, [(x[9:], y[9:])], [(x[:9], y[:9])])["weight"]
    forget, _ = gradient_sum(model, [(x[:9], y[:9])])
    torch.testing.assert_close(found, -60 / 51 * forget["weight"] / 9, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("update", ["adam", "sgd"])
@pytest.mark.parametrize("count", [1, 47])
def test_one_sample_or_all_but_one(count, update):
    data, every = golden_data()
    learner = Learner(net())
    handed = parts(data, every[:count])
    plain = apply(IAU(update=update), learner, handed, Context())
    stored = golden_stored(learner, data)
    quick = apply(IAU(update=update), learner, handed, Context(), stored=stored)
    assert torch.allclose(weights(plain.learner), weights(quick.learner), rtol=0, atol=1e-10)
    assert (plain.facts["n_forget"], plain.facts["n_retain"]) == (count, 48 - count)
    assert plain.cost()["forward"] == 48
    assert quick.cost()["forward"] == count
    assert not torch.equal(weights(plain.learner), weights(learner))


def test_sgd_moves_by_the_gradient_and_the_facts_say_how_far():
    data, _ = golden_data()
    learner = Learner(net())
    handed = parts(data, np.arange(40, 48))
    found = apply(IAU(lr=0.5, update="sgd"), learner, handed, Context())
    g = torch.cat([t.flatten() for t in arrays("update_grad/").values()])
    moved = weights(found.learner) - weights(learner)
    torch.testing.assert_close(moved, -0.5 * g, rtol=1e-9, atol=1e-12)
    assert found.facts["step_norm"] == pytest.approx(float(moved.norm()))
    assert found.facts["cosine"] == pytest.approx(1)
    signed = apply(IAU(), learner, handed, Context())
    moved = weights(signed.learner) - weights(learner)
    cosine = float(moved @ -g / moved.norm() / g.norm())
    assert signed.facts["cosine"] == pytest.approx(cosine)
    assert 0 < cosine < 1


# Controls.


def test_the_random_step_has_the_length_of_the_methods_and_none_of_its_direction():
    data, _ = golden_data()
    learner, handed = Learner(net()), parts(data, np.arange(40, 48))
    for update in ("adam", "sgd"):
        plain = apply(IAU(update=update), learner, handed, Context())
        null = apply(IAU(update=update, direction="random_sign"), learner, handed, Context())
        other = apply(IAU(update=update, direction="random_sign"), learner, handed, Context(seed=1))
        assert null.facts["step_norm"] == pytest.approx(plain.facts["step_norm"])
        assert abs(null.facts["cosine"]) < 0.2
        moved = weights(null.learner) - weights(learner)
        torch.testing.assert_close(moved.abs(), torch.full_like(moved, float(moved.abs().mean())))
        assert not torch.equal(weights(null.learner), weights(other.learner))


@pytest.mark.parametrize("with_sum", [False, True])
@pytest.mark.parametrize("sequence", ["current", "cumulative"])
def test_ascent_only_climbs_the_forgotten_loss_alone(with_sum, sequence):
    data, _ = golden_data()
    learner, handed = Learner(net()), parts(data, np.arange(40, 48))
    stored = golden_stored(learner, data) if with_sum else None
    method = IAU(lr=0.5, update="sgd", direction="ascent_only", sequence=sequence)
    found = apply(method, learner, handed, Context(), stored=stored)
    mean = torch.cat([t.flatten() for t in arrays("grad_forget_mean/").values()])
    moved = weights(found.learner) - weights(learner)
    torch.testing.assert_close(moved, 0.5 * mean, rtol=1e-9, atol=1e-12)


# Requests in a row.


def in_a_row(method, learner, data, requests, stored=None):
    known, memory = data.parts["train"], None
    for forget in requests:
        found = apply(method(), learner, parts(data, forget, known), Context(), memory, stored)
        learner, memory, stored = found.learner, found.memory, None
        known = np.setdiff1d(known, forget)
    return found


@given(st.lists(st.integers(1, 8), min_size=2, max_size=4), st.integers(0, 99), st.booleans())
def test_cumulative_requests_are_the_merged_one_in_any_order(sizes, seed, with_sum):
    data, every = golden_data()
    learner = Learner(net())
    stored = golden_stored(learner, data) if with_sum else None
    order = np.random.default_rng(seed).permutation(every)
    requests = np.split(order[: sum(sizes)], np.cumsum(sizes)[:-1])

    def method():
        return IAU(lr=0.3, update="sgd", sequence="cumulative")

    merged = in_a_row(method, learner, data, [order[: sum(sizes)]], stored)
    one = in_a_row(method, learner, data, requests, stored)
    other = in_a_row(method, learner, data, requests[::-1], stored)
    for found in (one, other):
        assert torch.allclose(weights(found.learner), weights(merged.learner), rtol=0, atol=1e-12)
        assert found.facts["n_forget"] == sum(sizes)
        assert found.facts["n_retain"] == 48 - sum(sizes)
    assert one.cost()["forward"] == sizes[-1]


def test_current_requests_take_the_gradients_of_the_current_weights():
    data, _ = golden_data()
    learner = Learner(net())
    first, second = np.arange(40, 44), np.arange(44, 48)
    found = in_a_row(IAU, learner, data, [first, second], golden_stored(learner, data))
    middle = in_a_row(IAU, learner, data, [first])
    fresh = apply(IAU(), middle.learner, parts(data, second, np.r_[0:40, 44:48]), Context())
    assert torch.allclose(weights(found.learner), weights(fresh.learner), rtol=0, atol=1e-9)
    assert found.memory == {}
    assert found.cost()["forward"] == 44


def test_what_was_forgotten_before_is_refused():
    data, _ = golden_data()
    learner = Learner(net())
    first = apply(IAU(sequence="cumulative"), learner, parts(data, [1, 2]), Context())
    again = parts(data, [2, 3]) | {"retain": parts(data, [1, 2, 3])["retain"]}
    with pytest.raises(UsageError, match="sample 2 is forgotten already"):
        apply(IAU(sequence="cumulative"), first.learner, again, Context(), first.memory)


def test_graphs_change_with_each_request_so_they_are_not_merged():
    case = CASES["nodes"]()
    with pytest.raises(NotApplicable, match="sequence=current"):
        apply(IAU(sequence="cumulative"), case.learner, case.parts(), Context())
    case = CASES["links"]()
    stored = {"gradient_sum": prepare(GradientSum(), case.learner, case.parts()["full"])[0]}
    plain = apply(IAU(), case.learner, case.parts(), Context())
    quick = apply(IAU(), case.learner, case.parts(), Context(), stored=stored)
    assert quick.facts["n_forget"] == len(case.forget)
    assert (weights(plain.learner) - weights(quick.learner)).abs().max() < 1e-4


# What it does to a model.


@pytest.fixture(scope="module")
def noisy():
    """Images of four classes that overlap: what was not trained on is often taken for another."""
    generator = torch.Generator().manual_seed(1)
    y = torch.randint(0, 4, (400,), generator=generator)
    x = torch.rand(400, 1, 8, 8, generator=generator)
    for label, (row, column) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
        x[y == label, :, row : row + 4, column : column + 4] += 0.12
    ids = np.arange(400)
    data = TensorData(x, y, train=ids[:160], validation=ids[160:170], test=ids[170:])

    def trained(kept):
        pl.seed_everything(0, verbose=False)
        model = {"_target_": "mu.models.vision.SmallCNN", "in_channels": 1, "num_classes": 4}
        learner = build_learner(model | {"image_size": 8, "width": 8, "hidden": 32})
        fit(learner, data.loader(kept, batch_size=16, train=True), RECIPE | {"epochs": 12})
        return learner

    return data, ids[:16], trained(ids[:160]), trained(ids[16:160])


def loss(learner, data, ids):
    batch = next(iter(data.loader(ids)))
    with torch.no_grad():
        return float(learner.batch_loss(batch))


def accuracy(learner, data, ids):
    batch = next(iter(data.loader(ids)))
    with torch.no_grad():
        return float((learner(batch.x).argmax(1) == batch.y).double().mean())


@pytest.mark.parametrize("update", ["adam", "sgd"])
def test_it_moves_towards_the_oracle_and_further_than_noise(noisy, update):
    data, forget, original, oracle = noisy
    handed = parts(data, forget)
    options = {"adam": {"lr": 0.003}, "sgd": {"lr": 0.1, "update": "sgd"}}[update]
    found = {
        direction: apply(IAU(direction=direction, **options), original, handed, Context()).learner
        for direction in ("gradient", "random_sign", "ascent_only")
    }
    target, start = loss(oracle, data, forget), loss(original, data, forget)
    assert target > start
    after = {name: loss(learner, data, forget) for name, learner in found.items()}
    assert abs(after["gradient"] - target) < abs(start - target)
    before = accuracy(original, data, forget)
    fall = {name: before - accuracy(learner, data, forget) for name, learner in found.items()}
    assert fall["gradient"] > fall["random_sign"]
    retain = handed["retain"].ids
    assert loss(found["gradient"], data, retain) < loss(found["ascent_only"], data, retain)


def test_the_public_functions_are_what_runs(monkeypatch):
    data, _ = golden_data()
    learner, handed = Learner(net()), parts(data, [3])
    stored = golden_stored(learner, data)

    def stub(*arguments):
        raise AssertionError("called")

    for name, kept in (("update_direction", None), ("direction_of_sums", stored)):
        with monkeypatch.context() as patch:
            patch.setattr(iau, name, stub)
            with pytest.raises(AssertionError, match="called"):
                apply(IAU(), learner, handed, Context(), stored=kept)
    monkeypatch.setattr(iau, "step_along", stub)
    with pytest.raises(AssertionError, match="called"):
        apply(IAU(), learner, handed, Context())


def test_as_a_library_on_plain_batches():
    model = net()
    found = unlearn(model, "iau", forget=cut("forget", 3), retain=cut("remain", 9))
    assert_close(dict(found.state_dict()), arrays("out_lr0/"), 1e-9)
    assert found.unlearning["n_retain"] == 40
    kept, _ = prepare(
        GradientSum(), Learner(model), LoaderPart((cut("remain", 9), cut("forget", 3)))
    )
    quick = unlearn(
        model,
        "iau",
        forget=cut("forget", 8),
        retain=cut("remain", 40),
        stored={"gradient_sum": kept},
    )
    assert_close(dict(quick.state_dict()), arrays("out_lr0/"), 1e-9)
    assert quick.unlearning["forward"] == 8


# What it refuses.


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"lr": 0}, "lr=0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"update": "adamw"}, "update='adamw'.*adam, sgd"),
        ({"direction": "up"}, "direction='up'"),
        ({"sequence": "both"}, "sequence='both'"),
    ],
)
def test_options_that_cannot_be_meant(options, named):
    with pytest.raises(UsageError, match=named):
        IAU(**options)


def test_sets_that_are_empty_or_share_samples():
    (x, y), (more, labels) = samples("remain"), samples("forget")
    with pytest.raises(UsageError, match="no samples to forget"):
        update_direction(net(), [(x, y)], [])
    with pytest.raises(UsageError, match="no samples to retain"):
        update_direction(net(), [], [(x, y)])
    twice = Batch(more, labels, torch.tensor([1, 2, 3, 4, 5, 6, 7, 1]))
    with pytest.raises(UsageError, match="sample 1 is twice among those to forget"):
        update_direction(net(), [(x, y)], [twice])
    some = Batch(more, labels, torch.arange(8))
    with pytest.raises(UsageError, match="sample 0 is both to forget and to retain"):
        update_direction(net(), [some], [replace(some)])


@pytest.mark.parametrize("with_sum", [False, True])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"forget": []}, "no samples to forget"),
        ({"retain": []}, "no samples to retain|48 are to be retained|0 are to be retained"),
        ({"forget": [3, 3]}, "sample 3 is twice"),
        ({"forget": [3, 4]}, "sample 4 is both"),
    ],
)
def test_bad_sets_are_refused_and_the_model_is_untouched(with_sum, change, named):
    data, _ = golden_data()
    learner = Learner(net())
    handed = parts(data, [3])
    for name, ids in change.items():
        handed[name] = replace(handed[name], ids=np.array(ids, np.int64))
    stored = golden_stored(learner, data) if with_sum else None
    with pytest.raises(UsageError, match=named):
        apply(IAU(), learner, handed, Context(), stored=stored)
    assert_close(learner.network.state_dict(), arrays("init/"), 0)


def test_a_sum_of_other_samples_is_refused():
    data, _ = golden_data()
    learner = Learner(net())
    stored = golden_stored(learner, data)
    fewer = parts(data, [3]) | {"retain": parts(data, [3, 5])["retain"]}
    with pytest.raises(UsageError, match="47 samples beside those to forget, but 46"):
        apply(IAU(), learner, fewer, Context(), stored=stored)
    frozen = Learner(net())
    frozen.network[4].bias.requires_grad_(False)
    part = golden_stored(frozen, data)
    with pytest.raises(UsageError, match=r"network\.4\.bias was frozen"):
        apply(IAU(), learner, parts(data, [3]), Context(), stored=part)


def test_gradients_that_are_not_finite_are_refused():
    model = net()
    model[6].weight.data[0, 0] = float("inf")
    with pytest.raises(UsageError, match="not finite"):
        unlearn(model, "iau", forget=cut("forget", 3), retain=cut("remain", 9))


def test_frozen_parameters_and_buffers_stay():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[0].weight.requires_grad_(False)
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    batches = [(x[:8], torch.arange(8) % 2)], [(x[8:], torch.arange(4) % 2)]
    found = unlearn(model, "iau", retain=batches[0], forget=batches[1])
    assert torch.equal(found[0].weight, model[0].weight)
    assert not torch.equal(found[2].weight, model[2].weight)
    for one, two in zip(found.buffers(), model.buffers(), strict=True):
        assert torch.equal(one, two)
