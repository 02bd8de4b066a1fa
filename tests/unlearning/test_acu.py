"""ACU as a method: exact on a frozen backbone, from request to request."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from cases import CASES
from torch import nn
from torchvision.models import mobilenet_v3_small, resnet18
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

import mu
from mu.analytic.memory import recalled
from mu.errors import UsageError
from mu.models.analytic import CHUNK, AnalyticNetwork
from mu.models.base import Learner, build_learner
from mu.unlearning.acu import ACU, AnalyticHead
from mu.unlearning.base import Context, DataPart, apply

SECRET = b"0" * 32


def context() -> Context:
    return Context(seed=3, secret=lambda: SECRET)


@pytest.fixture(scope="module", params=["images", "nodes"])
def case(request):
    return CASES[request.param]()


def part(case, ids):
    return DataPart(case.data, ids, case.data.without({}).view)


def request(case, learner, forget, full, memory=None):
    parts = {"forget": part(case, forget), "full": part(case, full)}
    return apply(ACU(expansion=64), learner, parts, context(), memory)


def test_the_statistics_are_those_of_a_head_that_never_saw_the_rows(case) -> None:
    full, forget = case.data.parts["train"], case.forget
    kept = np.setdiff1d(full, forget)
    found = request(case, case.learner, forget, full)
    never = request(case, case.learner, kept[:1], kept)
    assert found.facts["statistics"] == never.facts["statistics_before"]
    assert found.facts["statistics"] != found.facts["statistics_before"]
    assert found.facts["exact"].startswith("head only")


def test_two_requests_are_one_of_both_and_the_second_reads_nothing_else(case) -> None:
    full = case.data.parts["train"]
    one, two = case.forget[:2], case.forget[2:4]
    first = request(case, case.learner, one, full)
    second = request(case, first.learner, two, [], first.memory)
    at_once = request(case, case.learner, np.r_[one, two], full)
    assert second.facts["statistics"] == at_once.facts["statistics"]
    for name, tensor in second.learner.state_dict().items():
        assert torch.equal(tensor, at_once.learner.state_dict()[name]), name
    assert second.upfront["forward"] == 0 < first.upfront["forward"]
    again = case.data.loader(two, case.data.without({}).view)
    if case.kind == "samples":
        assert second.meter.forward == len(two) == sum(len(batch.y) for batch in again)


def test_rows_are_refused_twice_and_the_memory_is_whole(case) -> None:
    full, forget = case.data.parts["train"], case.forget[:2]
    first = request(case, case.learner, forget, full)
    before = {name: tensor.clone() for name, tensor in first.memory.items()}
    with pytest.raises(UsageError, match="is not in the ledger"):
        request(case, first.learner, forget, [], first.memory)
    assert all(torch.equal(before[name], first.memory[name]) for name in before)
    with pytest.raises(UsageError, match="key is not the one"):
        recalled(first.memory, b"1" * 32)


def test_a_forgotten_class_has_a_column_of_zeros() -> None:
    case = CASES["images"]()
    found = request(case, case.learner, case.forget, case.data.parts["train"])
    weight = found.learner.network.head.weight
    assert not weight[2].any() and weight[[0, 1, 3]].any(dim=1).all()


def test_the_backbone_is_the_model_s_own_and_stays(case) -> None:
    found = request(case, case.learner, case.forget, case.data.parts["train"])
    before = case.learner.network.state_dict()
    for name, tensor in found.learner.network.backbone.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_features_have_the_same_bits_in_any_batch_and_order() -> None:
    case = CASES["images"]()
    network = AnalyticNetwork(case.learner.network, 8, 4, 32).eval()
    x = torch.rand(3 * CHUNK // 2, 1, 8, 8)
    found, order = network.features(x), torch.randperm(len(x))
    assert torch.equal(network.features(x[order]), found[order])
    assert torch.equal(torch.cat([network.features(one[None]) for one in x]), found)


class Halves(nn.Module):
    """Reads its input in two parts, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.body(torch.cat([left, right], 1)).relu())
        return found


def test_inputs_by_name_have_the_same_bits_in_any_batch() -> None:
    network = AnalyticNetwork(Halves(), 8, 3, 32).eval()
    x = {"left": torch.rand(3 * CHUNK // 2, 3), "right": torch.rand(3 * CHUNK // 2, 3)}
    found = network.features(x)
    single = [{key: part[[i]] for key, part in x.items()} for i in range(len(found))]
    assert torch.equal(torch.cat([network.features(one) for one in single]), found)


def test_links_and_binary_logits_do_not_apply() -> None:
    assert ACU.requests == {"samples", "nodes"}
    from mu.errors import NotApplicable

    case = CASES["links"]()
    with pytest.raises(NotApplicable, match="logit for each class"):
        request(case, case.learner, case.forget, case.data.parts["train"])


def test_clearing_the_column_leaves_all_others_as_they_were() -> None:
    case = CASES["images"]()
    parts = {
        "forget": part(case, case.forget),
        "full": part(case, case.data.parts["train"]),
    }
    exact = apply(ACU(expansion=64), case.learner, parts, context())
    cleared = apply(ACU(expansion=64, form="column"), case.learner, parts, context())
    one, two = (found.learner.network.head.weight for found in (exact, cleared))
    assert not two[2].any()
    others = [0, 1, 3]
    assert (one[others] - two[others]).norm() / one[others].norm() > 0.05
    assert "statistics" not in cleared.facts


@pytest.mark.parametrize(
    "options", [{"expansion": 0}, {"gamma": 0.0}, {"grid": 1}, {"form": "row"}]
)
def test_options_that_make_no_sense(options) -> None:
    with pytest.raises(UsageError):
        ACU(**options)


def test_the_network_is_built_from_its_configuration() -> None:
    case = CASES["images"]()
    config = {
        "_target_": "mu.models.analytic.AnalyticNetwork",
        "backbone": case.model["network"],
        "in_features": 8,
        "num_classes": 4,
        "expansion": 16,
        "seed": 5,
    }
    one, two = build_learner(config).network, build_learner(config).network
    assert torch.equal(one.expansion, two.expansion)
    assert one.expansion.abs().max() <= 8**-0.5
    assert not any(p.requires_grad for p in one.backbone.parameters())
    assert not one.train().backbone.training
    with pytest.raises(UsageError, match="expansion=0"):
        build_learner(config | {"expansion": 0})


def test_a_network_that_names_its_head_is_built_again() -> None:
    case = CASES["images"]()
    inner = {"_target_": "mu.models.vision.SmallCNN", "in_channels": 1, "num_classes": 4}
    config = {
        "_target_": "mu.models.analytic.AnalyticNetwork",
        "backbone": inner | {"image_size": 8, "width": 4, "hidden": 8},
        "in_features": 8,
        "num_classes": 4,
        "expansion": 16,
    }
    plain, named = (build_learner(config | more).eval() for more in ({}, {"head": "head"}))
    named.load_state_dict(plain.state_dict())
    x = case.data.loader(case.forget)
    batch = next(iter(x))
    assert torch.equal(plain(batch.x), named(batch.x))
    with pytest.raises(UsageError, match="SmallCNN has no linear layer 'tail'"):
        build_learner(config | {"head": "tail"})


class Branches(nn.Module):
    """The head first, an attribute ``features`` that is a stack of layers, an unused projection."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)
        self.features = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.neck, self.projection = nn.Linear(16, 8), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.neck(self.features(x)).relu())


NETWORKS = {
    "branches": (Branches, (12, 4), 8),
    "linear": (lambda: nn.Linear(4, 3), (12, 4), 4),
    "resnet18": (lambda: resnet18(num_classes=3), (12, 3, 32, 32), 512),
    "mobilenet": (lambda: mobilenet_v3_small(num_classes=3), (12, 3, 32, 32), 1024),
    "convnext": (
        lambda: ConvNeXt([CNBlockConfig(8, None, 2)], num_classes=3),
        (12, 3, 32, 32),
        8,
    ),
    "vit": (
        lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=3),
        (12, 3, 32, 32),
        192,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_others_are_given_a_head_on_what_their_own_reads(name) -> None:
    make, shape, width = NETWORKS[name]
    torch.manual_seed(0)
    network, x, y = make().eval(), torch.rand(shape), torch.arange(12) % 3
    loaders = {"forget": [(x[:2], y[:2])], "retain": [(x[2:], y[2:])]}
    found: Any = mu.unlearn(network, "acu", expansion=24, **loaders)
    assert found.expansion.shape == (width, 24)
    assert found.unlearning["statistics"] != found.unlearning["statistics_before"]
    head = found.head.weight.T
    again = AnalyticHead(24, 1.0, grid=14, limit=8.0)
    again.learn(found.features(x[2:]), y[2:])
    again.reserve(3)
    torch.testing.assert_close(head.double(), again.weight, atol=1e-4, rtol=1e-3)


def test_a_network_that_returns_an_object_is_read_at_its_head() -> None:
    class Reading(Learner):
        def forward(self, x):
            found = self.network(x)
            return getattr(found, "logits", found)

    class Speaking(Branches):
        def forward(self, x):
            return SimpleNamespace(logits=super().forward(x))

    x, y = torch.rand(12, 4), torch.arange(12) % 3
    loaders: Any = {"forget": [(x[:2], y[:2])], "retain": [(x[2:], y[2:])]}
    torch.manual_seed(0)
    plain = Branches()
    torch.manual_seed(0)
    found: Any = mu.unlearn(Reading(Speaking()), "acu", expansion=24, **loaders)
    assert torch.equal(found(x), mu.unlearn(plain, "acu", expansion=24, **loaders)(x))


def test_a_frozen_head_and_a_convolution_as_head_are_refused() -> None:
    x, y = torch.rand(6, 4), torch.arange(6) % 3
    network = Branches()
    network.head.requires_grad_(False)
    loaders: Any = {"forget": [(x[:2], y[:2])], "retain": [(x[2:], y[2:])]}
    with pytest.raises(UsageError, match="is frozen in the model"):
        mu.unlearn(network, "acu", **loaders)
    with pytest.raises(UsageError, match="not the outputs of a linear layer"):
        mu.unlearn(nn.Sequential(Branches(), nn.LogSoftmax(1)), "acu", **loaders)
