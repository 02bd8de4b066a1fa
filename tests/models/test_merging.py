"""A learner on activations becomes one on images, and gives its tail again."""

import pytest
import torch
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.models.cut import halves, trunk_digest
from mu.models.merging import on_images, starting_network, tail_of, tails
from mu.models.vision import SmallCNN

SHAPE = {"in_channels": 1, "num_classes": 10, "image_size": 8, "width": 4, "hidden": 16}
WHOLE = {"_target_": "mu.models.vision.SmallCNN", **SHAPE}
CUT = "body.4"


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(3)
    torch.save(SmallCNN(**SHAPE).state_dict(), tmp_path / "start.pt")
    return str(tmp_path / "start.pt")


def tail_model(weights, enclosed=False):
    tail = {"_target_": "mu.models.tail.Tail", "trunk": WHOLE, "cut": CUT, "weights": weights}
    if enclosed:
        analytic = {"_target_": "mu.models.analytic.AnalyticNetwork", "backbone": tail}
        sizes = {"in_features": 16, "num_classes": 10, "expansion": 8}
        tail = analytic | sizes | {"head": "tail.head"}
    return {"_target_": "mu.models.base.Learner", "network": tail}


def trunk(weights):
    network = SmallCNN(**SHAPE)
    network.load_state_dict(torch.load(weights))
    return halves(network, CUT)[0].eval()


@pytest.mark.parametrize("enclosed", [False, True])
def test_a_learner_on_activations_says_the_same_on_images(weights, enclosed):
    model = tail_model(weights, enclosed)
    learner = build_learner(model).eval()
    for parameter in learner.parameters():
        parameter.data.mul_(1.5)
    first = trunk(weights)
    found = on_images(learner, model, trunk_digest(first))
    kind = "AnalyticNetwork" if enclosed else "SmallCNN"
    assert type(found.network).__name__ == kind and not tails(found)
    x = torch.rand(5, 1, 8, 8)
    assert torch.allclose(found(x), learner(first(x)), atol=1e-5)
    again = tail_of(model, found.state_dict(), "file", trunk_digest(first))
    assert again.keys() == learner.state_dict().keys()
    assert all(torch.equal(again[n], t) for n, t in learner.state_dict().items())


def test_a_plain_learner_stays_as_it_is():
    learner = Learner(nn.Linear(2, 2))
    assert on_images(learner, {"_target_": "mu.models.base.Learner"}, "") is learner


def test_a_trunk_that_has_changed_is_refused(weights):
    model = tail_model(weights)
    learner, known = build_learner(model), trunk_digest(trunk(weights))
    torch.save(SmallCNN(**SHAPE).state_dict(), weights)
    with pytest.raises(UsageError, match=r"before body\.4 are no longer those .* has changed"):
        on_images(learner, model, known)


def test_a_file_of_the_whole_network_gives_its_tail_where_the_trunk_is_the_same(weights):
    model, known, tensors = tail_model(weights), trunk_digest(trunk(weights)), torch.load(weights)
    found = tail_of(model, tensors, "file", known)
    assert torch.equal(found["network.tail.body.4.weight"], tensors["body.4.weight"])
    tensors["body.0.weight"] = tensors["body.0.weight"] + 1
    with pytest.raises(UsageError, match=r"weights before body\.4 are not those of the trunk"):
        tail_of(model, tensors, "file", known)


def test_a_trunk_without_weights_of_its_own_is_always_drawn_alike():
    one, other = (starting_network({"trunk": WHOLE, "cut": CUT}).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
