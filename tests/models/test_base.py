"""The Learner, and weights that come from elsewhere."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import (
    Learner,
    as_batch,
    build_learner,
    cross_entropy,
    evaluation_mode,
    load_weights,
    read_weights,
)


def test_one_logit_means_binary():
    z, y = torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([1, 0, 0])
    two = torch.cat([torch.zeros(3, 1), z], dim=1)
    expected = functional.cross_entropy(two, y, reduction="none")
    assert torch.allclose(cross_entropy(z, y, "none"), expected)
    assert torch.allclose(cross_entropy(z, y), expected.mean())
    assert torch.allclose(cross_entropy(z, y, "sum"), expected.sum())
    assert torch.equal(cross_entropy(two, y, "none"), expected)


def test_weights_of_samples_weigh_their_losses():
    learner = Learner(nn.Linear(2, 3))
    x, y = torch.rand(4, 2), torch.tensor([0, 1, 2, 0])
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0])
    single = learner.loss(learner(x), y, "none")
    found = learner.batch_loss(Batch(x, y, torch.arange(4), weight))
    assert torch.allclose(found, (single * weight).sum() / 4)
    assert torch.allclose(learner.batch_loss(as_batch((x, y))), single.mean())
    same = learner.batch_loss(Batch(x, y, torch.arange(4), torch.ones(4)))
    assert torch.allclose(same, single.mean())


def test_plain_pairs_are_batches_without_ids():
    x, y = torch.zeros(3, 2), torch.zeros(3)
    batch = as_batch((x, y))
    assert batch.index.tolist() == [-1, -1, -1]
    assert batch.units == 3
    assert as_batch(batch) is batch


def test_evaluation_mode_is_undone_module_by_module():
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout(), nn.BatchNorm1d(1)).train()
    model[1].eval()
    before = [m.training for m in model.modules()]

    def fail() -> None:
        with evaluation_mode(model):
            assert not any(m.training for m in model.modules())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [m.training for m in model.modules()] == before


def test_features_are_the_networks_own():
    config = {"_target_": "mu.models.vision.SmallCNN", "in_channels": 1}
    learner = build_learner(config | {"num_classes": 3, "image_size": 8, "hidden": 5})
    batch = as_batch((torch.rand(2, 1, 8, 8), torch.zeros(2)))
    assert learner.features(batch).shape == (2, 5)
    assert torch.allclose(learner.network.head(learner.features(batch)), learner(batch.x))
    with pytest.raises(UsageError, match=r"Linear has no method features"):
        Learner(nn.Linear(1, 1)).features(batch)


def test_a_bare_network_gets_a_learner_and_a_learner_stays():
    network = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 2}
    assert isinstance(build_learner(network).network, nn.Linear)
    wrapped = {"_target_": "mu.models.base.Learner", "network": network}
    assert isinstance(build_learner(wrapped).network, nn.Linear)


@pytest.mark.parametrize("prefix", ["", "network.", "module.", "module.network."])
def test_weights_fit_with_the_usual_prefixes(prefix):
    learner, other = Learner(nn.Linear(2, 3)), Learner(nn.Linear(2, 3))
    given = {f"{prefix}{n}": t for n, t in other.network.state_dict().items()}
    load_weights(learner, given, "w")
    assert torch.equal(learner.network.weight, other.network.weight)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda w: w | {"weight": torch.zeros(3, 9)}, r"weight has shape \(3, 9\).*\(3, 2\)"),
        (lambda w: {"weight": w["weight"]}, "missing network.bias"),
        (lambda w: w | {"extra": torch.zeros(1)}, "unexpected network.extra"),
        (lambda w: {}, r"missing network.weight \(and 1 more\)"),
    ],
)
def test_weights_that_do_not_fit_are_named_and_nothing_is_loaded(change, named):
    learner = Learner(nn.Linear(2, 3))
    before = learner.network.weight.clone()
    given = change({n: torch.zeros_like(t) for n, t in learner.network.state_dict().items()})
    with pytest.raises(UsageError, match=f"weights w do not fit.*{named}"):
        load_weights(learner, given, "w")
    assert torch.equal(learner.network.weight, before)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_weights_files_are_read(tmp_path, name):
    from safetensors.torch import save_file

    path, tensors = tmp_path / name, {"a": torch.arange(3.0)}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    assert read_weights(path)["a"].tolist() == [0, 1, 2]


class Harmful:
    """Would run code when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code was run')",))


def test_files_that_hold_no_weights_are_named(tmp_path):
    path = tmp_path / "w.pt"
    with pytest.raises(UsageError, match="no weights file"):
        read_weights(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UsageError, match=r"w\.pt is not a weights file"):
        read_weights(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(UsageError, match="holds no state dict"):
        read_weights(path)
    torch.save([torch.zeros(1)], path)
    with pytest.raises(UsageError, match="holds no state dict"):
        read_weights(path)
    torch.save({"a": Harmful()}, path)
    with pytest.raises(UsageError, match=r"w\.pt is not a weights file"):
        read_weights(path)


def test_a_learner_is_configured_by_its_plan():
    learner = Learner(nn.Linear(1, 1))
    learner.training_plan = lambda own: ("plan", own)
    assert learner.configure_optimizers() == ("plan", learner)
    x = torch.rand(2, 1)
    assert torch.equal(learner.predict_step((x, torch.zeros(2))), learner(x))
