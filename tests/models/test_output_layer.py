"""The head is the linear layer whose output the logits are."""

from types import SimpleNamespace

import pytest
import timm
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torchvision.models import mobilenet_v2, resnet18, squeezenet1_1, vgg11

from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.models.output_layer import check_editable, head_inputs, head_of, name_of


class Branches(nn.Module):
    """The head first, an unused projection last."""

    def __init__(self, after=lambda z: z):
        super().__init__()
        self.head, self.body = nn.Linear(4, 3), nn.Sequential(nn.Linear(2, 4), nn.ReLU())
        self.projection, self.after = nn.Linear(4, 5), after

    def forward(self, x):
        return self.after(self.head(self.body(x)))


def samples(*shape):
    return as_batch((torch.rand(*shape), torch.zeros(shape[0], dtype=torch.int64)))


@pytest.mark.parametrize("after", [lambda z: z, lambda z: z.view(-1, 3)])
def test_neither_the_order_of_definition_nor_an_unused_layer_counts(after):
    network = Branches(after).train()
    head = head_of(Learner(network), samples(2, 2))
    assert head is network.head and name_of(network, head) == "head"
    assert network.training and not any(m._forward_hooks for m in network.modules())


HEADS = {
    "resnet18": (lambda: resnet18(num_classes=3), "fc"),
    "mobilenet_v2": (lambda: mobilenet_v2(num_classes=3), "classifier.1"),
    "vgg11": (lambda: vgg11(num_classes=3), "classifier.6"),
    "vit": (
        lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=3),
        "head",
    ),
    "mixer": (
        lambda: timm.create_model("mixer_s32_224", img_size=32, num_classes=3),
        "head",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads_of_torchvision_and_timm_are_found(name):
    network = HEADS[name][0]()
    assert name_of(network, head_of(Learner(network), samples(1, 3, 32, 32))) == HEADS[name][1]


def test_a_learner_that_reads_an_output_object_has_the_head_of_its_network():
    class Reading(Learner):
        def forward(self, x):
            return self.network(x).logits

    network = Branches(lambda z: SimpleNamespace(logits=z))
    learner = Reading(network)
    assert head_of(learner, samples(2, 2)) is network.head
    assert head_inputs(learner, samples(2, 2), network.head)[1].shape == (2, 3)


@pytest.mark.parametrize(
    "after",
    [
        lambda z: 2 * z,
        lambda z: z.log_softmax(1),
        lambda z: z + 0,  # a second term that is zero today
        lambda z: z.div_(2.0),
    ],
)
def test_logits_that_are_something_else_are_refused(after):
    network = Branches(after)
    with pytest.raises(UsageError, match=r"Branches are not the outputs of a linear.*head: Linear"):
        head_of(Learner(network), samples(2, 2))
    with torch.no_grad(), pytest.raises(UsageError, match="must end in one linear"):
        head_inputs(Learner(network), samples(2, 2), network.head)


def test_a_convolution_as_the_head_is_refused_in_words():
    network = squeezenet1_1(num_classes=3)
    with pytest.raises(UsageError, match="SqueezeNet has no linear layer"):
        head_of(Learner(network), samples(1, 3, 32, 32))


def test_a_head_that_runs_twice_is_refused():
    class Twice(Branches):
        def forward(self, x):
            self.head(self.body(x) * 0)
            return super().forward(x)

    network = Twice()
    with pytest.raises(UsageError, match="run once"):
        head_inputs(Learner(network), samples(2, 2), network.head)


def test_only_a_head_of_plain_trained_weights_of_its_own_is_edited():
    network = Branches()
    check_editable(network, network.head)
    network.head.bias.requires_grad_(False)
    with pytest.raises(UsageError, match="is frozen in the model"):
        check_editable(network, network.head)
    normed = nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 3)))
    with pytest.raises(UsageError, match="computed of others"):
        check_editable(normed, normed[0])
    tied = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(4, 5))
    tied[2].weight = tied[0].weight
    with pytest.raises(UsageError, match="shares its weights with 0"):
        check_editable(tied, tied[2])
