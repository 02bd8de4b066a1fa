"""ACU as a method: exact on a frozen backbone, from request to request."""

import numpy as np
import pytest
import torch
from cases import CASES

from mu.analytic.memory import recalled
from mu.errors import UsageError
from mu.models.analytic import CHUNK, AnalyticNetwork
from mu.models.base import build_learner
from mu.unlearning.acu import ACU
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
