"""Boundary expand: a class more while training, and none more afterwards."""

import copy

import pytest
import torch
from cases import CASES
from torch import nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.output_layer import output_layer
from mu.models.predict import predict
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vision import CifarResNet
from mu.unlearning import boundary_expand
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.boundary_expand import BoundaryExpand, expanded_outputs, shadow_of


def widened(network, head, shadow):
    """The same network with the shadow class built into its head."""
    wide = nn.Linear(head.in_features, head.out_features + 1)
    wide.weight.data = torch.cat([head.weight, shadow.weight]).clone()
    wide.bias.data = torch.cat([head.bias, shadow.bias]).clone()
    other = copy.deepcopy(network)
    other.head = wide
    return other


def test_the_shadow_class_is_one_more_output_of_the_head():
    case = CASES["images"]()
    (batch,) = list(case.parts()["forget"].batches())
    head = output_layer(case.learner.network)
    shadow = shadow_of(head)
    logits, targets = expanded_outputs(case.learner, batch, head, shadow)
    torch.testing.assert_close(logits, widened(case.learner.network, head, shadow)(batch.x))
    assert targets.tolist() == [4] * len(batch)
    assert not head._forward_pre_hooks


def test_training_is_that_of_the_wider_network():
    case = CASES["images"]()
    options = {"epochs": 3, "lr": 0.01, "momentum": 0.0, "batch_size": None}
    method = BoundaryExpand(**options)
    found = apply(method, case.learner, case.parts(), Context(seed=5)).learner
    torch.manual_seed(5)
    head = case.learner.network.head
    wide = widened(case.learner.network, head, shadow_of(head)).eval()
    x = case.data.inputs(case.forget)
    for _ in range(3):
        loss = nn.functional.cross_entropy(wide(x), torch.full((len(x),), 4))
        for weight, gradient in zip(
            wide.parameters(), torch.autograd.grad(loss, list(wide.parameters())), strict=True
        ):
            weight.data -= 0.01 * gradient
    wide.head.weight.data, wide.head.bias.data = wide.head.weight[:4], wide.head.bias[:4]
    for (name, a), b in zip(found.network.named_parameters(), wide.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CifarResNet(8, 3, 5),
        lambda: ResNet18(3, 5),
        lambda: TimmModel("test_vit", 3, 5, 32, patch_size=8),
    ],
)
def test_the_result_has_the_architecture_of_the_original(make):
    learner = Learner(make())
    part = LoaderPart(([(torch.randn(2, 3, 32, 32), torch.tensor([0, 1]))],))
    found = apply(BoundaryExpand(epochs=1, lr=0.1), learner, {"forget": part}, Context()).learner
    after = found.state_dict()
    assert {n: t.shape for n, t in after.items()} == {
        n: t.shape for n, t in learner.state_dict().items()
    }
    for name, buffer in learner.named_buffers():
        assert torch.equal(after[name], buffer), f"D_f reached the statistics {name}"


def test_the_function_is_what_runs(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(boundary_expand, "expanded_outputs", broken)
    case = CASES["images"]()
    with pytest.raises(ZeroDivisionError):
        apply(BoundaryExpand(epochs=1, lr=0.1), case.learner, case.parts(), Context())


def test_networks_without_a_linear_head_are_refused():
    batch = Batch(torch.zeros(2, 3), torch.tensor([0, 1]), torch.arange(2))
    parts = {"forget": LoaderPart(([batch],))}
    with pytest.raises(UsageError, match="Linear has a single output"):
        apply(BoundaryExpand(epochs=1, lr=0.1), Learner(nn.Linear(3, 1)), parts, Context())
    with pytest.raises(UsageError, match=r"logits of Folded are not the outputs of a linear"):
        apply(BoundaryExpand(epochs=1, lr=0.1), Learner(Folded()), parts, Context())


class Folded(nn.Module):
    """Its logits are the sums of pairs of the last linear layer's outputs."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(3, 4)

    def forward(self, x):
        return self.last(x).view(-1, 2, 2).sum(-1)


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    parts = case.parts()
    found = apply(BoundaryExpand(epochs=1, lr=0.01), case.learner, parts, Context()).learner
    loss = {}
    for who, model in (("before", case.learner), ("after", found)):
        for part in ("forget", "retain"):
            signals = predict(model, parts[part].batches())
            logits, targets = torch.tensor(signals.logits), torch.tensor(signals.targets)
            loss[who, part] = float(nn.functional.cross_entropy(logits, targets))
    rise = {p: loss["after", p] - loss["before", p] for p in ("forget", "retain")}
    assert rise["forget"] > 2 * max(rise["retain"], 0.0)
    assert rise["forget"] > 0.01
