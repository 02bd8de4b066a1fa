"""What a method stores with the original, and how it comes back."""

import pytest
import torch
from cases import CASES
from torch import nn

from mu.errors import UsageError
from mu.unlearning.base import Context, Unlearner, apply
from mu.unlearning.stored import prepare


class Means:
    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, learner, read):
        inputs = [batch.x.mean(0) for batch in read(batch_size=25)]
        return {"mean": self.factor * torch.stack(inputs).mean(0)}


class Reader(Unlearner):
    needs = frozenset({"forget", "full"})

    def __init__(self, stale=False):
        super().__init__()
        self.stale = stale

    def solve(self):
        found = self.prepared("means", Means())
        assert set(found) == {"mean"}
        list(self.batches("forget"))
        with torch.no_grad():
            next(self.learner.parameters()).add_(float(found["mean"].sum()))


@pytest.fixture(scope="module")
def case():
    return CASES["images"]()


@pytest.fixture(scope="module")
def stored(case):
    return prepare(Means(), case.learner, case.parts()["full"])


def test_stored_or_computed_gives_the_same_bits_and_another_cost(case, stored):
    tensors, meter = stored
    cold = apply(Reader(), case.learner, case.parts(), Context())
    warm = apply(Reader(), case.learner, case.parts(), Context(), stored={"means": tensors})
    for one, two in zip(cold.learner.parameters(), warm.learner.parameters(), strict=True):
        assert torch.equal(one, two)
    forget = len(case.forget)
    assert meter.forward == 100
    assert cold.cost()["forward"] == 100 + forget
    assert cold.cost()["forward_setup"] == 100
    assert (warm.cost()["forward"], warm.cost()["forward_setup"]) == (forget, 0)


def test_another_model_or_another_set_is_refused(case, stored):
    tensors, _ = stored
    other = CASES["images"]().learner
    with torch.no_grad():
        next(other.parameters()).mul_(2)
    before = [p.clone() for p in other.parameters()]
    with pytest.raises(UsageError, match="other weights"):
        apply(Reader(), other, case.parts(), Context(), stored={"means": tensors})
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))
    fewer = case.parts() | {"full": case.parts()["retain"]}
    with pytest.raises(UsageError, match="other samples"):
        apply(Reader(), case.learner, fewer, Context(), stored={"means": tensors})
    apply(Reader(stale=True), other, case.parts(), Context(), stored={"means": tensors})


def test_the_seal_does_not_depend_on_the_order_of_reading(case, stored):
    class Shuffled(Means):
        def __call__(self, learner, read):
            list(read(batch_size=10, shuffle=True, seed=3))
            return {"mean": torch.zeros(1)}

    tensors, _ = prepare(Shuffled(), case.learner, case.parts()["full"])
    assert torch.equal(tensors["seal/ids"], stored[0]["seal/ids"])
    assert torch.equal(tensors["seal/weights"], stored[0]["seal/weights"])


def test_preparing_changes_no_mode(case):
    case.learner.network.train()
    prepare(Means(), case.learner, case.parts()["full"])
    assert isinstance(case.learner.network, nn.Module)
    assert case.learner.network.training
    case.learner.eval()
