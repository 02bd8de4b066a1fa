"""EU-k: the last layers are drawn anew once, the others stay as they are to the bit."""

import numpy as np
import pytest
import torch
from cases import CASES
from torch import nn
from torch.nn.utils import parametrizations

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.vision import CifarResNet
from mu.unlearning import eu_k
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.cf_k import CFk
from mu.unlearning.eu_k import EUk
from mu.unlearning.heads.fresh import Drawn


def residual():
    torch.manual_seed(0)
    x, y = torch.randn(24, 3, 8, 8), torch.arange(24) % 3
    ids = np.arange(24)
    data = TensorData(x, y, train=ids[:20], validation=ids[20:22], test=ids[22:])
    learner = Learner(CifarResNet(8, 3, 3))
    return learner, {"retain": DataPart(data, ids[:16], None)}


def test_frozen_layers_and_their_running_statistics_stay_bit_identical():
    learner, parts = residual()
    learner.network.bn1.running_mean.fill_(0.3)
    found = apply(EUk(k=2, epochs=2, batch_size=8, min_steps=0), learner, parts, Context())
    before, after = learner.state_dict(), found.learner.state_dict()
    trained = ("network.layer3.0.conv2.", "network.layer3.0.bn2.", "network.linear.")
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor) != name.startswith(trained), name
    assert found.facts["trained_layers"] == ["layer3.0.conv2", "linear"]
    assert all(p.requires_grad for p in found.learner.parameters())


@pytest.mark.filterwarnings("ignore:learnt buffers")
def test_weights_are_drawn_once_whatever_the_number_of_epochs(monkeypatch):
    learner, parts = residual()
    calls = []
    monkeypatch.setattr(
        eu_k, "reinitialise", lambda network, modules: calls.append(modules) or Drawn()
    )
    found = apply(EUk(k=3, epochs=4, batch_size=8, min_steps=0), learner, parts, Context())
    assert len(calls) == 1
    assert (found.meter.forward, found.meter.backward) == (64, 64)


def test_with_all_layers_the_original_weights_do_not_matter():
    learner, parts = residual()
    other = Learner(CifarResNet(8, 3, 3))
    method = EUk(k=8, epochs=1, batch_size=8, min_steps=0)
    results = [apply(method, one, parts, Context(seed=3)).learner for one in (learner, other)]
    for a, b in zip(*(r.state_dict().values() for r in results), strict=True):
        assert torch.equal(a, b)


def test_few_batches_are_read_until_there_are_steps_enough():
    learner, parts = residual()
    found = apply(EUk(k=1, epochs=2, batch_size=8, min_steps=9), learner, parts, Context())
    assert found.facts["epochs"] == 5


def test_a_layer_that_the_user_froze_stays_frozen():
    learner, parts = residual()
    learner.network.linear.requires_grad_(False)
    with pytest.raises(UsageError, match="last 1 layers are frozen"):
        apply(EUk(k=1), learner, parts, Context())
    found = apply(EUk(k=2, min_steps=0), learner, parts, Context()).learner
    assert not found.network.linear.weight.requires_grad
    assert found.network.conv1.weight.requires_grad


@pytest.mark.parametrize("options", [{"k": 0}, {"k": 9}, {"min_steps": -1}, {"epochs": 0}])
def test_bad_options_are_refused(options):
    learner, parts = residual()
    with pytest.raises(UsageError, match=next(iter(options))):
        apply(EUk(**options), learner, parts, Context())


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    found = apply(EUk(k=2, lr=0.01, min_steps=200), case.learner, case.parts(), Context()).learner
    for part, wanted in (("forget", 0.0), ("retain", 1.0)):
        signals = predict(found, case.parts()[part].batches())
        assert (signals.logits.argmax(1) == signals.targets).mean() == pytest.approx(
            wanted, abs=0.1
        )


class Branches(nn.Module):
    """The head is defined first; a projection that never runs, last."""

    def __init__(self, head=nn.Linear):
        super().__init__()
        self.head = head(8, 3)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1))
        self.projection = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.body(x))


def three_clouds():
    """60 points around three corners, as a part."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    x = 3 * torch.eye(4)[y] + 0.3 * torch.randn(60, 4, generator=generator)
    return x, y, {"retain": LoaderPart(([(x[:30], y[:30]), (x[30:], y[30:])],))}


def right(learner):
    x, y, _ = three_clouds()
    return float((learner(x).argmax(1) == y).float().mean())


@pytest.mark.parametrize("method", [EUk, CFk])
def test_the_last_layer_is_the_last_of_a_forward_pass(method):
    learner, (_, _, parts) = Learner(Branches()), three_clouds()
    found = apply(method(k=1, epochs=2, min_steps=0), learner, parts, Context())
    assert found.facts["trained_layers"] == ["head"] and found.facts["layers"] == 2
    after = found.learner.state_dict()
    for name, tensor in learner.state_dict().items():
        assert torch.equal(after[name], tensor) != name.startswith("network.head"), name
    with pytest.raises(UsageError, match="k=3, but Branches has 2 layers"):
        apply(method(k=3), learner, parts, Context())


def test_retraining_draws_what_never_runs_as_well():
    learner, (_, _, parts) = Learner(Branches()), three_clouds()
    found = apply(EUk(k=None, epochs=1, min_steps=0), learner, parts, Context(seed=9)).learner
    assert not torch.equal(found.network.projection.weight, learner.network.projection.weight)


KINDS = {
    "plain": lambda: Branches(),
    "weight_norm": lambda: Branches(lambda *size: parametrizations.weight_norm(nn.Linear(*size))),
    "spectral_norm": lambda: Branches(
        lambda *size: parametrizations.spectral_norm(nn.Linear(*size))
    ),
    "orthogonal": lambda: Branches(lambda *size: parametrizations.orthogonal(nn.Linear(*size))),
    "attention": lambda: nn.Sequential(
        nn.Linear(4, 8),
        nn.Unflatten(1, (2, 4)),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 1),
        nn.Flatten(),
        nn.Linear(8, 3),
    ),
}


@pytest.mark.filterwarnings("ignore:learnt buffers")
@pytest.mark.parametrize("name", KINDS)
def test_retraining_starts_anew_and_learns_whatever_the_weights_are_made_of(name):
    _, _, parts = three_clouds()
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        learner = Learner(KINDS[name]())
        for _, buffer in learner.named_buffers():
            if buffer.is_floating_point() and "spectral" in name:
                buffer.copy_(torch.ones_like(buffer) / len(buffer) ** 0.5)
        method = EUk(k=None, epochs=20, lr=0.1, min_steps=0)
        found.append(apply(method, learner, parts, Context(seed=2)).learner)
    assert right(found[0]) > 0.95
    states = [one.state_dict() for one in found]
    for (key, a), b in zip(states[0].items(), states[1].values(), strict=True):
        assert torch.equal(a, b) or key.endswith("base"), key


def test_a_frozen_body_is_kept_and_a_new_head_learnt_on_it():
    _, _, parts = three_clouds()
    learner = Learner(Branches())
    learner.network.body.requires_grad_(False)
    before = {n: t.clone() for n, t in learner.network.body.state_dict().items()}
    done = apply(EUk(k=None, epochs=20, lr=0.1, min_steps=0), learner, parts, Context())
    after = done.learner.network.body.state_dict()
    assert all(torch.equal(after[n], t) for n, t in before.items())
    assert right(done.learner) > 0.9
    assert done.facts["trained_layers"] == ["head", "projection"]


def test_a_learnt_buffer_that_nothing_resets_is_named():
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("centre", torch.zeros(4))
            self.register_buffer("unit", torch.ones(4))

        def forward(self, x):
            if self.training:
                self.centre.lerp_(x.detach().mean(0), 0.1)
            return (x - self.centre) * self.unit

    _, _, parts = three_clouds()
    learner = Learner(nn.Sequential(Centred(), nn.Linear(4, 3)))
    with pytest.warns(UserWarning, match=r"forgotten: 0\.centre; give") as warned:
        apply(EUk(k=None, epochs=1, min_steps=0), learner, parts, Context())
    assert len([w for w in warned if "buffers" in str(w.message)]) == 1
    found = apply(EUk(k=1, epochs=1, min_steps=0), learner, parts, Context())
    assert not found.warnings  # before the layer it is in evaluation mode


def test_scales_that_start_from_a_constant_are_said():
    _, _, parts = three_clouds()

    class Scaled(Branches):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.rand(3))

        def forward(self, x):
            return self.gain * super().forward(x)

    with pytest.warns(UserWarning, match="from a constant: gain from 1"):
        apply(EUk(k=None, epochs=1, min_steps=0), Learner(Scaled()), parts, Context())
