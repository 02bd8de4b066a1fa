"""SSD as a method: what a request reads, what it says of itself, and what it refuses."""

import copy
import math

import numpy as np
import pytest
import torch
from cases import CASES, RECIPE
from torch import nn

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.vision import SmallCNN
from mu.training.fit import fit
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.ssd import SSD, FullImportance, downdate, importance
from mu.unlearning.stored import prepare


@pytest.fixture(scope="module")
def case():
    return CASES["images"]()


def stored(case, part="full", **options):
    return {"importance": prepare(FullImportance(**options), case.learner, case.parts()[part])[0]}


def run(method, case, **options):
    parts = options.pop("parts", None) or case.parts()
    return apply(method, options.pop("learner", case.learner), parts, Context(), **options)


def same_bits(one, two):
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def passes(found):
    cost = found.cost()
    return [cost[name] for name in ("forward", "backward", "forward_setup", "backward_setup")]


@pytest.mark.parametrize("order", ["shuffled", "ids", "classes"])
@pytest.mark.parametrize("loss", ["cross_entropy", "logit_norm"])
def test_stored_or_computed_gives_the_same_bits(case, order, loss):
    form = {"order": order, "loss": loss, "batch_size": 16}
    cold = run(SSD(share=0.05, **form), case)
    warm = run(SSD(share=0.05, **form), case, stored=stored(case, **form))
    assert same_bits(cold.learner, warm.learner)
    assert not same_bits(cold.learner, case.learner)
    assert cold.facts == warm.facts
    assert passes(cold) == [125, 125, 100, 100]
    assert passes(warm) == [25, 25, 0, 0]


def test_the_per_sample_form_needs_one_pass_where_nothing_is_stored(case):
    cold = run(SSD(share=0.05, fisher="per_sample"), case)
    warm = run(SSD(share=0.05, fisher="per_sample"), case, stored=stored(case, fisher="per_sample"))
    assert passes(cold) == [100, 100, 75, 75]
    assert passes(warm) == [25, 25, 0, 0]
    assert cold.facts["selected"] == warm.facts["selected"] > 0
    assert cold.facts["alpha"] == pytest.approx(warm.facts["alpha"], rel=1e-3)
    for a, b in zip(cold.learner.parameters(), warm.learner.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_loaders_without_ids_are_read_twice_to_the_same_end(case):
    def batches(part):
        read = case.parts()[part].batches(batch_size=20)
        return [(batch.x, batch.y) for batch in read]

    parts = {
        "full": LoaderPart((batches("retain"), batches("forget"))),
        "forget": LoaderPart((batches("forget"),)),
    }
    found = run(SSD(share=0.05, fisher="per_sample"), case, parts=parts)
    wanted = run(SSD(share=0.05, fisher="per_sample"), case)
    assert passes(found) == [125, 125, 100, 100]
    assert found.facts["selected"] == wanted.facts["selected"]
    assert (found.facts["batch_size"], found.facts["order"]) == (
        64,
        "shuffled of D_r, then D_f",
    )
    for a, b in zip(found.learner.parameters(), wanted.learner.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    adaptive = run(SSD(rule="assd", batch_size=20, order="ids"), case, parts=parts)
    assert adaptive.facts["selected_share"] == pytest.approx(math.log(1 + 25) / 100, abs=0.003)
    # With everything of D stored its loader has to be counted.
    full = {"importance": importance(case.learner, parts["full"].batches(batch_size=20))}
    again = run(SSD(rule="assd", batch_size=20, order="ids"), case, parts=parts, stored=full)
    assert same_bits(adaptive.learner, again.learner)
    assert passes(again) == [25, 25, 0, 0]


def test_the_card_says_what_the_importances_depend_on(case):
    found = run(SSD(share=0.05, batch_size=10, order="classes"), case).facts
    assert (found["fisher"], found["loss"]) == ("batch", "cross_entropy")
    assert (found["batch_size"], found["order"], found["lambda"]) == (10, "classes", 1.0)
    parameters = dict(case.learner.named_parameters())
    assert list(found["layers"]) == list(parameters)
    counts = sum(share * parameters[name].numel() for name, share in found["layers"].items())
    assert round(counts) == found["selected"] == round(found["selected_share"] * 648) == 32
    assert found["largest_ratio"] > found["alpha"] > 1


def test_batches_and_order_are_part_of_the_batch_form_only(case):
    def alphas(**options):
        return [
            run(SSD(share=0.05, batch_size=size, order=order, **options), case).facts["alpha"]
            for size, order in ((5, "shuffled"), (25, "shuffled"), (25, "classes"))
        ]

    assert len({round(alpha, 3) for alpha in alphas(fisher="batch")}) == 3
    one, *others = alphas(fisher="per_sample")
    assert others == pytest.approx([one, one], rel=1e-3)


def after(case, forgotten, gone):
    """The parts of the next request of a sequence."""
    ids = np.setdiff1d(case.data.parts["train"], forgotten)
    view = case.parts()["full"].view
    return {"full": DataPart(case.data, ids, view), "forget": DataPart(case.data, gone, view)}


def test_a_sequence_computes_the_importances_anew(case):
    first = run(SSD(share=0.02), case)
    parts = after(case, case.forget, np.arange(0, 20, 4))
    second = run(SSD(share=0.02), case, learner=first.learner, parts=parts, memory=first.memory)
    fresh = run(SSD(share=0.02), case, learner=first.learner, parts=parts)
    assert not first.memory
    assert not second.facts["stale"]
    assert not second.warnings
    assert same_bits(second.learner, fresh.learner)
    assert passes(second) == [80, 80, 75, 75]


@pytest.mark.parametrize("fisher", ["batch", "per_sample"])
def test_a_stale_sequence_reuses_them_without_what_was_forgotten(case, fisher):
    method = SSD(share=0.02, fisher=fisher, stale=True)
    options = {"fisher": fisher}
    first = run(method, case, stored=stored(case, **options))
    full = stored(case, **options)["importance"]
    wanted = {n: t for n, t in full.items() if not n.startswith("seal/")}
    if fisher == "per_sample":
        forget = importance(case.learner, case.parts()["forget"].batches(), fisher)
        wanted = downdate(wanted, forget, 100, 25)
    assert {n.removeprefix("importance/") for n in first.memory} == set(wanted)
    scale = max(float(t.max()) for t in wanted.values())
    for name, tensor in wanted.items():
        kept = first.memory[f"importance/{name}"]
        torch.testing.assert_close(kept, tensor, rtol=1e-3, atol=1e-5 * scale)
    assert not first.facts["stale"]
    parts = after(case, case.forget, np.arange(0, 20, 4))
    with pytest.warns(UserWarning, match="an approximation"):
        second = run(method, case, learner=first.learner, parts=parts, memory=first.memory)
    assert second.facts["stale"]
    assert passes(second) == [5, 5, 0, 0]
    for name, tensor in first.memory.items():
        assert torch.equal(second.memory[name], tensor)  # of other weights: nothing to subtract


def test_an_alpha_that_no_sample_can_reach_is_said(case):
    with pytest.warns(UserWarning, match=r"at most \|D\|/\|D_f\| = 4;"):
        found = run(SSD(alpha=4.0, fisher="per_sample"), case)
    assert found.facts["selected"] == 0
    assert same_bits(found.learner, case.learner)
    assert len(found.warnings) == 2 and "did nothing" in found.warnings[1]


def test_a_set_that_was_not_trained_on_is_refused(case):
    parts = case.parts()
    outside = DataPart(case.data, np.array([3, 120]), parts["full"].view)
    with pytest.raises(UsageError, match="sample 120 is to be forgotten but was not trained on"):
        run(SSD(), case, parts=parts | {"forget": outside})
    nothing = DataPart(case.data, np.array([], np.int64), parts["full"].view)
    with pytest.raises(UsageError, match="there are no samples to forget"):
        run(SSD(), case, parts=parts | {"forget": nothing})


def test_stored_importances_of_others_are_refused(case):
    state = copy.deepcopy(case.learner.state_dict())
    method = SSD(batch_size=16)
    found = stored(case, batch_size=16)
    kept = found["importance"]
    with pytest.raises(UsageError, match="other samples"):
        run(method, case, stored=stored(case, "retain", batch_size=16))
    other = copy.deepcopy(case.learner)
    with torch.no_grad():
        other.network.head.weight.mul_(2)
    with pytest.raises(UsageError, match="other weights"):
        run(method, case, learner=other, stored=found)
    bare = {n: t for n, t in kept.items() if not n.startswith("seal/")}
    for name, damage, message in (
        ("network.head.bias", lambda t: t.repeat(2), "has the shapes"),
        ("network.head.bias", lambda t: t * math.nan, "is not a finite number"),
        ("network.head.bias", lambda t: t - 1.0, "is negative"),
    ):
        with pytest.raises(UsageError, match=f"I_D.*{message}"):
            run(method, case, stored={"importance": bare | {name: damage(bare[name])}})
    with pytest.raises(UsageError, match=r"no parameter network\.tail"):
        run(method, case, stored={"importance": bare | {"network.tail": torch.ones(2)}})
    for name, tensor in case.learner.state_dict().items():
        assert torch.equal(tensor, state[name])


class Saturated(nn.Module):
    """Always certain of class 0, with no gradient left."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return torch.stack([1e9 + self.w * x[:, 0], 0 * x[:, 0]], 1)


def test_a_loss_without_gradient_is_said():
    x, y = torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64)
    parts = {"full": LoaderPart(([(x, y)],)), "forget": LoaderPart(([(x[:1], y[:1])],))}
    with pytest.raises(UsageError, match="I_D is zero everywhere"):
        apply(SSD(), Learner(Saturated()), parts, Context())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha=-1"),
        ({"alpha": math.nan}, "alpha=nan"),
        ({"lam": -1.0}, "lam=-1"),
        ({"lam": math.inf}, "lam=inf"),
        ({"share": 0.0}, "share=0"),
        ({"share": 1.5}, "share=1.5"),
        ({"rule": "auto"}, "rule='auto'"),
        ({"fisher": "exact"}, "fisher='exact'"),
        ({"loss": "mse"}, "loss='mse'"),
        ({"order": "random"}, "order='random'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"memory_mb": 0}, "memory_mb=0"),
    ],
)
def test_options_out_of_range_are_refused_at_once(options, message):
    with pytest.raises(UsageError, match=message):
        SSD(**options)


def scores(learner, case, ids):
    signals = predict(learner, case.data.loader(ids))
    logits, targets = torch.from_numpy(signals.logits), torch.from_numpy(signals.targets)
    loss = nn.functional.cross_entropy(logits, targets)
    return float((logits.argmax(1) == targets).float().mean()), float(loss)


def test_a_class_is_forgotten_as_by_the_oracle(case):
    """Per-sample form, 5 % of the parameters: the toy has 648, of which 1 % are 6."""
    torch.manual_seed(1)
    oracle = Learner(SmallCNN(1, 4, 8, 4, 8))
    assert isinstance(case.data, TensorData)
    retain = case.parts()["retain"].ids
    fit(oracle, case.data.loader(retain, batch_size=32, train=True), RECIPE)
    found = run(SSD(share=0.05, fisher="per_sample"), case).learner
    assert scores(oracle, case, case.forget)[0] == 0.0
    assert scores(case.learner, case, case.forget)[0] == 1.0
    assert scores(found, case, case.forget)[0] < 0.1
    assert scores(found, case, case.forget)[1] > scores(case.learner, case, case.forget)[1] + 1
    assert scores(found, case, retain)[0] > 0.95
