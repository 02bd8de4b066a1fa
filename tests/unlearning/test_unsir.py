"""UNSIR: the noise against closed forms, the steps against what they promise."""

import numpy as np
import pytest
import torch
from cases import CASES
from torch import nn

from mu.data.base import Batch
from mu.errors import NotApplicable, UsageError
from mu.models.base import Learner, evaluation_mode
from mu.models.predict import predict
from mu.unlearning import unsir
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.unsir import UNSIR, maximising_noise, noise_loss, with_noise


def linear(weights):
    network = nn.Linear(weights.shape[1], weights.shape[0], bias=False).double()
    network.weight.data = weights
    return Learner(network)


def test_the_loss_of_noise_is_the_formula():
    rng = np.random.default_rng(0)
    weights, noise, labels = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), [0, 2, 1, 1, 0]
    logits = noise @ weights.T
    entropy = np.log(np.exp(logits).sum(1)) - logits[np.arange(5), labels]
    wanted = 0.3 * (noise**2).sum(1).mean() - entropy.mean()
    learner = linear(torch.from_numpy(weights))
    found = noise_loss(learner, torch.from_numpy(noise), torch.tensor(labels), 0.3)
    assert float(found) == pytest.approx(wanted, rel=1e-12)


def test_noise_of_a_linear_model_ends_where_its_gradient_is_zero():
    # The stationary point solves 2 λ N = Wᵀ (p(N) − e_y), sample by sample.
    weights = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 4)))
    labels = torch.tensor([0, 1, 2, 0])
    start = torch.from_numpy(np.random.default_rng(2).normal(size=(4, 4)))
    noise = maximising_noise(linear(weights), start, labels, steps=500, lr=0.1, penalty=0.5)
    error = torch.softmax(noise @ weights.T, 1) - nn.functional.one_hot(labels, 3)
    torch.testing.assert_close(2 * 0.5 * noise, error @ weights, rtol=0, atol=1e-4)


def test_noise_raises_the_loss_and_leaves_the_model_alone():
    case = CASES["images"]()
    learner = case.learner.train()
    learner.zero_grad(set_to_none=True)
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    start = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.full((8,), 2)
    found = maximising_noise(learner, start, labels, 25, 0.1, 0.1)
    assert learner.training
    assert all(p.grad is None for p in learner.parameters())
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())
    with evaluation_mode(learner):
        assert noise_loss(learner, found, labels, 0.1) < noise_loss(learner, start, labels, 0.1)


def test_noise_joins_a_batch_in_the_ratio():
    own = Batch(torch.zeros(6, 2), torch.zeros(6, dtype=torch.long), torch.arange(6), units=6)
    noise, labels = torch.arange(1.0, 4.0)[:, None].expand(3, 2), torch.tensor([7, 8, 9])
    found = with_noise(own, noise, labels, 0.5, torch.Generator().manual_seed(0))
    assert found.index.tolist() == [0, 1, 2, 3, 4, 5, -1, -1, -1]
    assert (found.y[6:] == found.x[6:, 0].long() + 6).all()
    assert len(with_noise(own, noise, labels, 0.01, torch.Generator())) == 7


def test_running_statistics_never_see_noise():
    case = CASES["images"]()
    found = apply(UNSIR(repair_epochs=0), case.learner, case.parts(), Context()).learner
    for (name, new), old in zip(found.named_buffers(), case.learner.buffers(), strict=True):
        assert torch.equal(new, old), name
    repaired = apply(UNSIR(impair_lr=0.0), case.learner, case.parts(), Context()).learner
    assert not torch.equal(
        repaired.network.body[1].running_mean, case.learner.network.body[1].running_mean
    )


def test_impairing_forgets_the_class_and_repairing_brings_back_the_others():
    case = CASES["images"]()
    parts, accuracy = case.parts(), {}
    options = {"impair_lr": 0.02, "repair_lr": 0.01, "batch_size": 16, "impair_epochs": 3}
    for repair in (0, 3):
        method = UNSIR(repair_epochs=repair, **options)
        found = apply(method, case.learner, parts, Context()).learner
        for part in ("forget", "retain"):
            signals = predict(found, parts[part].batches())
            accuracy[repair, part] = (signals.logits.argmax(1) == signals.targets).mean()
    assert accuracy[0, "forget"] <= 0.1
    # On this toy the repair may bring the class back as well: nothing in it keeps it away.
    assert accuracy[3, "retain"] >= max(0.95, accuracy[0, "retain"])


def test_two_classes_get_noise_of_their_own(monkeypatch):
    case = CASES["images"]()
    train, y = case.data.parts["train"], case.data.y.numpy()
    gone = np.isin(y[train], [0, 3])
    parts = {
        "forget": DataPart(case.data, train[gone], None),
        "retain": DataPart(case.data, train[~gone], None),
    }
    seen = []
    made = maximising_noise

    def watched(learner, noise, labels, *options):
        seen.append((tuple(noise.shape), labels.unique().tolist()))
        return made(learner, noise, labels, *options)

    monkeypatch.setattr(unsir, "maximising_noise", watched)
    found = apply(UNSIR(noise_size=5, noise_steps=4), case.learner, parts, Context())
    assert seen == [((5, 1, 8, 8), [0]), ((5, 1, 8, 8), [3])]
    assert found.facts["classes"] == [0, 3]
    retained, noise = 50, 2 * 4 * 5
    assert found.meter.forward == noise + 2 * retained + 25  # half a noise sample a retained one


def test_a_users_loaders_are_served():
    case = CASES["images"]()
    parts = {
        name: LoaderPart(([(b.x, b.y) for b in part.batches(batch_size=16)],))
        for name, part in case.parts().items()
    }
    found = apply(UNSIR(samples_per_class=10), case.learner, parts, Context())
    assert found.facts["classes"] == [2]


def test_a_random_request_is_not_for_it():
    case = CASES["images"]()
    ids = case.data.parts["train"]
    parts = {"forget": DataPart(case.data, ids[:10], None)}
    parts["retain"] = DataPart(case.data, ids[10:], None)
    with pytest.raises(NotApplicable, match="UNSIR forgets whole classes, but class 0"):
        apply(UNSIR(), case.learner, parts, Context())


@pytest.mark.parametrize("options", [{"noise_size": 0}, {"repair_lr": -0.1}, {"noise_ratio": 0}])
def test_bad_options_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        UNSIR(**options)
