"""SalUn: which parameters are salient, and that the others do not move."""

import pytest
import torch
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.models.base import cross_entropy, evaluation_mode
from mu.unlearning.base import Context, apply
from mu.unlearning.random_labels import RandomLabels
from mu.unlearning.salun import SalUn, most_salient


@given(st.integers(0, 1000), st.floats(0.01, 1.0), st.booleans())
def test_exactly_the_share_is_chosen_and_nothing_left_out_is_larger(seed, share, ties):
    generator = torch.Generator().manual_seed(seed)
    gradient = {n: torch.randn(s, generator=generator) for n, s in {"a": (5, 7), "b": (9,)}.items()}
    if ties:
        gradient = {n: t.round() for n, t in gradient.items()}
    found = most_salient(gradient, share)
    flat = torch.cat([t.flatten() for t in gradient.values()]).abs()
    chosen = torch.cat([m.flatten() for m in found.values()])
    assert int(chosen.sum()) == max(1, round(share * 44))
    if not chosen.all():
        assert flat[chosen].min() >= flat[~chosen].max()


def test_of_equal_ones_the_first_are_chosen():
    found = most_salient({"a": torch.ones(2), "b": torch.ones(2)}, 0.75)
    assert found["a"].tolist() == [True, True]
    assert found["b"].tolist() == [True, False]


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_gradient_without_saliency_is_refused(value):
    with pytest.raises(UsageError, match="nothing is salient"):
        most_salient({"a": torch.full((3,), value)}, 0.5)


def mask_of(case, share):
    """The mask by one plain backward pass over D_f."""
    (batch,) = list(case.parts()["forget"].batches())
    with evaluation_mode(case.learner):
        loss = cross_entropy(case.learner.network(batch.x), batch.y)
    names, weights = zip(*case.learner.named_parameters(), strict=True)
    flat = torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)]).abs()
    bound = flat.sort(descending=True).values[round(share * len(flat)) - 1]
    start, masks = 0, {}
    for name, weight in zip(names, weights, strict=True):
        masks[name] = (flat[start : start + weight.numel()] > bound * (1 + 1e-4)).view_as(weight)
        start += weight.numel()
    return masks


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_is_not_salient_stays_the_same_bits(optimizer):
    case = CASES["images"]()
    options = {"lr": 0.01, "weight_decay": 0.1, "momentum": 0.9, "optimizer": optimizer}
    found = apply(SalUn(share=0.3, **options), case.learner, case.parts(), Context())
    before, changed = dict(case.learner.named_parameters()), 0
    masks = mask_of(case, 0.3)
    for name, after in found.learner.named_parameters():
        moved = after != before[name]
        changed += int(moved.sum())
        assert moved[masks[name]].float().mean() > 0.9 or not masks[name].any()
    total = sum(p.numel() for p in case.learner.parameters())
    assert 0.25 * total < changed <= round(0.3 * total)
    assert sum(found.facts["layers"][n] * before[n].numel() for n in before) == pytest.approx(
        round(0.3 * total)
    )


def test_all_parameters_are_random_labels():
    case = CASES["images"]()
    whole = apply(SalUn(share=1.0, lr=0.01), case.learner, case.parts(), Context(seed=2)).learner
    plain = apply(RandomLabels(lr=0.01), case.learner, case.parts(), Context(seed=2)).learner
    for (name, a), (_, b) in zip(
        whole.state_dict().items(), plain.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name


def test_the_pass_for_the_mask_is_counted():
    case = CASES["images"]()
    found = apply(SalUn(epochs=1), case.learner, case.parts(), Context())
    assert found.meter.forward == found.meter.backward == 100 + 25


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    options = {"epochs": 12, "lr": 0.02, "batch_size": 16}
    found = apply(SalUn(**options), case.learner, case.parts(), Context()).learner
    with torch.no_grad(), evaluation_mode(found):
        (gone,) = list(case.parts()["forget"].batches())
        (kept,) = list(case.parts()["retain"].batches())
        assert (found.network(gone.x).argmax(1) == gone.y).float().mean() <= 0.2
        assert (found.network(kept.x).argmax(1) == kept.y).float().mean() >= 0.85


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_outside_is_refused(share):
    with pytest.raises(UsageError, match=f"share={share}"):
        SalUn(share=share)
