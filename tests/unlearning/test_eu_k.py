"""EU-k: the last layers are drawn anew once, the others stay as they are to the bit."""

import numpy as np
import pytest
import torch
from cases import CASES

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.vision import CifarResNet
from mu.unlearning import eu_k
from mu.unlearning.base import Context, DataPart, apply
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
