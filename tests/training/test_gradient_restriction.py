"""Restricted gradients: the published loss, its training, and what cannot be restricted."""

import numpy as np
import pytest
import torch
from iau_case import GOLDEN, arrays, net
from torch import nn
from torch.nn import functional

from mu.configuration.choices import choices, read_yaml
from mu.data.base import TensorData
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.training.fit import fit
from mu.training.gradient_restriction import (
    RestrictedLearner,
    gradient_restriction_loss,
    parts_of,
)


def retained():
    return torch.from_numpy(GOLDEN["x_remain"]), torch.from_numpy(GOLDEN["y_remain"])


def test_the_loss_and_its_gradient_are_the_published_ones():
    model = net()
    loss = gradient_restriction_loss(model, *retained(), float(GOLDEN["gr_alpha"]))
    assert float(loss.detach()) == pytest.approx(float(GOLDEN["gr_loss"]), rel=1e-8)
    names, weights = zip(*model.named_parameters(), strict=True)
    found = dict(zip(names, torch.autograd.grad(loss, weights), strict=True))
    for name, wanted in arrays("gr_grad/").items():
        torch.testing.assert_close(found[name], wanted, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("norm", "key"), [("tensor", "gr_norm_sum_of_tensors"), ("whole", "gr_norm_whole")]
)
def test_both_norms_are_those_of_the_golden_file(norm, key):
    x, y = retained()
    model = net()
    plain = float(functional.cross_entropy(model(x), y).detach())
    whole = float(gradient_restriction_loss(model, x, y, 2.0, norm).detach())
    assert plain == pytest.approx(float(GOLDEN["gr_ce"]), rel=1e-10)
    assert (whole - plain) / 2 == pytest.approx(float(GOLDEN[key]), rel=1e-8)


def recipe():
    optimizer = {"_target_": "torch.optim.Adam", "lr": float(GOLDEN["train_lr"])}
    return {"epochs": 3, "optimizer": optimizer, "schedule": "constant", "warmup": 0.0}


@pytest.mark.parametrize("kind", ["gr", "ce"])
def test_training_is_the_published_one(kind):
    x = torch.cat([torch.from_numpy(GOLDEN[f"x_{part}"]) for part in ("remain", "forget")])
    y = torch.cat([torch.from_numpy(GOLDEN[f"y_{part}"]) for part in ("remain", "forget")])
    ids = np.arange(48)
    data = TensorData(x, y, train=ids, validation=ids[:0], test=ids[:0])
    network = net()
    learner = (
        RestrictedLearner(network, float(GOLDEN["gr_alpha"])) if kind == "gr" else Learner(network)
    )
    fit(learner, data.loader(ids, data.without({}).view, batch_size=16), recipe())
    for name, wanted in arrays(f"train_{kind}/out/").items():
        torch.testing.assert_close(network.state_dict()[name], wanted, rtol=1e-6, atol=1e-9)


def test_without_a_weight_it_is_cross_entropy():
    x, y = retained()
    found = gradient_restriction_loss(net(), x, y, 0.0)
    torch.testing.assert_close(found, functional.cross_entropy(net()(x), y))


class OnceOnly(torch.autograd.Function):
    """An operation whose derivative cannot be differentiated."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


class Once(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.last(OnceOnly.apply(self.first(x)))


def test_an_operation_without_second_derivative_is_refused_and_the_model_untouched():
    model = Once()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 0, 1])
    with pytest.raises(UsageError, match="second derivative"):
        gradient_restriction_loss(model, x, y, 0.1)
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(("alpha", "norm"), [(-1.0, "tensor"), (float("nan"), "tensor")])
def test_a_negative_weight_is_refused(alpha, norm):
    with pytest.raises(UsageError, match="alpha"):
        RestrictedLearner(nn.Linear(2, 2), alpha, norm)


def test_an_unknown_norm_is_refused():
    from mu.models.base import as_batch

    batch = as_batch((torch.zeros(1, 2), torch.zeros(1).long()))
    with pytest.raises(UsageError, match="norm='l1'"):
        parts_of(Learner(nn.Linear(2, 2)), batch, "l1")


def test_lenet_has_the_published_size():
    config = read_yaml(choices("model")["lenet5"])
    network = dict(config["network"]) | {"in_channels": 3, "num_classes": 10, "image_size": 32}
    learner = build_learner({"_target_": config["_target_"], "network": network})
    assert sum(p.numel() for p in learner.parameters()) == 62_006
    x = torch.zeros(2, 3, 32, 32)
    assert learner(x).shape == (2, 10)
    features = learner.network.features(x)
    torch.testing.assert_close(learner.network.classify(features), learner(x))
    with pytest.raises(UsageError, match="30"):
        build_learner({"_target_": config["_target_"], "network": network | {"image_size": 30}})
