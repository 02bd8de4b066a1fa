"""The bi-level search: the published iterates, what it finds on easy data, and what it refuses."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from forget_sets.problems import links, nodes
from torch import nn

from mu.data.base import Batch, TensorData
from mu.errors import CellFailed, UsageError
from mu.forget_sets.helper_model import HelperModel
from mu.forget_sets.search.bilevel import Found, LowerLosses, bilevel, overlap, scale
from mu.forget_sets.search.hypergradient import one_step
from mu.forget_sets.search.lower import LowerLevel, sample_losses
from mu.forget_sets.search.setting import Setting
from mu.forget_sets.search.step import search
from mu.forget_sets.worst_case import WorstCaseSelector
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.predict import predict
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.eu_k import EUk
from mu.unlearning.finetune import FineTune
from mu.unlearning.gradient_ascent import GradientAscent
from mu.unlearning.neggrad_plus import NegGradPlus
from mu.unlearning.random_labels import RandomLabels
from mu.unlearning.salun import SalUn
from mu.unlearning.ssd import SSD
from mu.unlearning.utu import UtU

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "eval_official_small.npz")
WRONG = [3, 8, 40, 77]  # samples of the easy problem whose label is wrong


# The published search.


def golden_lower(w):
    """The published lower level: sign steps from the same weights, batches in stored order."""
    _, epochs, _, _, _, lr = GOLDEN["selection/config"]
    x, y = (torch.tensor(GOLDEN[f"selection/{name}"]) for name in ("x", "y"))
    learner = Learner(nn.Linear(x.shape[1], 4).to(x.dtype))
    learner.network.weight.data = torch.tensor(GOLDEN["selection/weight0"])
    learner.network.bias.data = torch.tensor(GOLDEN["selection/bias0"])
    weight, size = torch.tensor(1 - w, dtype=x.dtype), int(GOLDEN["selection/batch_size"])
    ids = torch.arange(len(x))
    batches = [
        Batch(x[i : i + size], y[i : i + size], ids[i : i + size], weight[i : i + size], size)
        for i in range(0, len(x), size)
    ]
    method = FineTune(int(epochs), float(lr), optimizer="sign")
    found = apply(method, learner, {"retain": LoaderPart((batches,))}, Context()).learner
    with torch.no_grad():
        losses = nn.functional.cross_entropy(found.network(x), y, reduction="none")
    return found, losses.double().numpy()


def test_published_iterates():
    m, _, steps, step, gamma, _ = GOLDEN["selection/config"]
    seen = []

    def lower(w):
        learner, losses = golden_lower(w)
        seen.append((learner, losses))
        return LowerLosses(losses)

    found = bilevel(
        lower,
        GOLDEN["selection/w0"].astype(float),
        int(m),
        steps=int(steps),
        step=float(step),
        kind="absolute",
        gamma=float(gamma),
        stable=None,
        patience=None,
        keep="last",
    )
    for u, (learner, losses) in enumerate(seen):
        name = f"selection/iter{u}"
        for part in ("weight", "bias"):
            own = getattr(learner.network, part).detach().numpy()
            np.testing.assert_allclose(own, GOLDEN[f"{name}/{part}"], atol=1e-5)
        np.testing.assert_allclose(losses, GOLDEN[f"{name}/loss"], atol=1e-5)
        assert found.history[u]["upper"] == pytest.approx(
            float(GOLDEN[f"{name}/upper_loss"]), abs=1e-3
        )
    last = f"selection/iter{len(seen) - 1}"
    np.testing.assert_allclose(found.w, GOLDEN[f"{last}/w"], atol=1e-4)
    assert found.chosen.tolist() == GOLDEN[f"{last}/top_m"].tolist()


@pytest.mark.parametrize("scaled", [1.0, 1e-3, 40.0])
def test_sign_steps_do_not_mind_the_scale_of_a_loss(scaled):
    class Scaled(Learner):
        def loss(self, logits, targets, reduction="mean"):
            return scaled * super().loss(logits, targets, reduction)

    torch.manual_seed(0)
    learner, (x, y) = Scaled(nn.Linear(3, 2)), (torch.randn(20, 3), torch.arange(20) % 2)
    method = FineTune(3, 0.01, optimizer="sign")
    found = apply(method, learner, {"retain": LoaderPart(([(x, y)],))}, Context()).learner
    plain = Learner(nn.Linear(3, 2))
    plain.load_state_dict(learner.state_dict())
    again = apply(method, plain, {"retain": LoaderPart(([(x, y)],))}, Context()).learner
    assert torch.equal(found.network.weight, again.network.weight)


def test_golden_sign_step():
    from mu.training.sign_descent import SignDescent

    weight = nn.Parameter(torch.tensor(GOLDEN["sign_step/param"]))
    weight.grad = torch.tensor(GOLDEN["sign_step/grad"]).to(weight.dtype)
    SignDescent([weight], lr=float(GOLDEN["sign_step/lr"])).step()
    for name in ("out_data_wise", "out_class_wise_no_random"):
        np.testing.assert_allclose(weight.detach().numpy(), GOLDEN[f"sign_step/{name}"], atol=1e-12)


# The search alone.


def test_the_best_set_is_kept_and_a_tie_ends_the_search():
    """A lower level under which whatever is forgotten has loss 1, but for one good pair."""

    def lower(w):
        losses = np.array([0.5, 0.4, 0.3, 0.2, 0.1])
        if w[0] == w[4] == 1:
            losses[[0, 4]] = 0.0
        return LowerLosses(losses)

    start = np.array([1.0, 0, 0, 0, 1.0])
    found = bilevel(lower, start, 2, step=100.0)
    assert found.chosen.tolist() == [0, 4] and found.history[0]["value"] == 0.0
    moved = bilevel(lower, np.array([1.0, 1.0, 0, 0, 0]), 2, step=100.0)
    assert moved.chosen.tolist() == [3, 4]
    assert [step["overlap_last"] for step in moved.history] == [0.0, 1.0, 1.0]


def test_the_mean_over_iterations_finds_what_one_noisy_look_does_not():
    """Losses with noise of each iteration: the lowest of one look are those that were lucky."""
    true = np.linspace(0, 1, 200)
    rng = np.random.default_rng(0)
    start = np.zeros(200)
    start[rng.choice(200, 20, replace=False)] = 1

    def known(average, keep="last"):
        noise = np.random.default_rng(1)
        options = {"step": 100.0, "steps": 30, "stable": None, "patience": None}
        return bilevel(
            lambda w: LowerLosses(true + 0.3 * noise.standard_normal(200)),
            start,
            20,
            average=average,
            keep=keep,
            **options,
        )

    settled, restless = known(True), known(False)
    # One noisy value says little of a set: of averaged losses the last set is the best.
    assert np.array_equal(known(True, "best").chosen, settled.chosen)
    assert (
        overlap(settled.chosen, np.arange(20))
        >= 0.8
        > 0.6
        > overlap(restless.chosen, np.arange(20))
    )
    assert settled.history[-1]["overlap_last"] > restless.history[-1]["overlap_last"]
    assert settled.history[-1]["stable"] > 0.95 > restless.history[-1]["stable"]


def test_gamma_does_not_throw_out_what_is_chosen_where_losses_are_tiny():
    """Else the set and its complement would take turns, as they did."""
    losses = 1e-6 * np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    start = np.array([1.0, 1.0, 0, 0, 0, 0])
    found = bilevel(
        lambda w: LowerLosses(losses), start, 2, gamma=1e-4, steps=6, stable=None, patience=None
    )
    assert all(step["overlap_start"] == 1 for step in found.history)


def test_a_search_ends_when_nothing_gets_better():
    values = iter([4.0, 3.0, 2.99, 2.98, 1.0])

    def lower(w):
        return LowerLosses(next(values) + 1e-9 * np.arange(4))

    start = np.array([1.0, 0, 0, 0])
    found = bilevel(lower, start, 1, stable=None)
    assert [step["value"] for step in found.history] == [4.0, 3.0, 2.99, 2.98]
    values = iter([2.0, 1.0, 1.5, 3.0, 0.5])
    easy = bilevel(lower, start, 1, stable=None, patience=3, steps=5, sign=-1)
    found = [step["value"] for step in easy.history]
    assert found == pytest.approx([2.0, 1.0, 1.5, 3.0, 0.5], abs=1e-8)
    values = iter([0.0, 0.0, 0.0, 0.0])
    assert len(bilevel(lower, start, 1, stable=None, patience=1).history) == 2


def test_a_search_without_patience_is_refused():
    with pytest.raises(UsageError, match="patience=0"):
        bilevel(lambda w: LowerLosses(w), np.array([1.0, 0]), 1, patience=0)


def test_the_easiest_set_is_where_losses_are_largest():
    losses = np.array([0.1, 3.0, 0.2, 2.0])
    found = bilevel(
        lambda w: LowerLosses(losses), np.array([1.0, 0, 0, 1.0]), 2, step=50.0, sign=-1
    )
    assert found.chosen.tolist() == [1, 3]


def test_a_relative_step_moves_where_most_losses_are_tiny():
    """A few large losses, which a step in units of the standard deviation would only look at."""
    rng = np.random.default_rng(0)
    losses = np.concatenate([10 ** rng.uniform(-6, -3, 95), rng.uniform(1, 9, 5)])
    start = np.zeros(100)
    start[40:50] = 1
    found = bilevel(lambda w: LowerLosses(losses), start, 10, steps=5)
    assert overlap(found.chosen, np.argsort(losses)[:10]) >= 0.9
    spread = bilevel(
        lambda w: LowerLosses(losses), start, 10, steps=5, step=1 / losses.std(), kind="absolute"
    )
    assert overlap(spread.chosen, np.argsort(losses)[:10]) < 0.5


def test_equal_losses_have_a_scale():
    assert scale(np.ones(4), 2) == 1.0 and scale(np.array([1.0, 1.0, 3.0]), 2) > 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kind": "big"}, "kind='big'"),
        ({"keep": "all"}, "keep='all'"),
        ({"steps": 0}, "steps=0"),
        ({"step": 0.0}, "step=0.0"),
        ({"sign": 2}, "sign=2"),
    ],
)
def test_options_out_of_range(options, named):
    with pytest.raises(UsageError, match=named):
        bilevel(lambda w: LowerLosses(w), np.array([1.0, 0.0]), 1, **options)


def test_losses_that_are_no_numbers_are_named():
    with pytest.raises(UsageError, match="nan"):
        bilevel(lambda w: LowerLosses(np.array([np.nan, 1.0])), np.array([1.0, 0.0]), 1)


# The selector on data that anyone can judge.


@pytest.fixture(scope="module")
def easy():
    """Three clear groups of 30 with four wrong labels, and a network that has learnt them all."""
    torch.manual_seed(0)
    y = torch.arange(120) % 3
    x = torch.eye(3).repeat(40, 1) * 3 + 0.5 * torch.randn(120, 3)
    labels = y.clone()
    labels[WRONG] = (labels[WRONG] + 1) % 3
    data = TensorData(
        x, labels, train=np.arange(90), validation=np.arange(90, 105), test=np.arange(105, 120)
    )
    learner = Learner(nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 3)))
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    for _ in range(250):
        loss = nn.functional.cross_entropy(learner.network(x[:90]), labels[:90])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return data, seen(data, learner.eval())


def seen(data, learner):
    signals = predict(learner, data.loader(data.universe(), batch_size=64))
    return HelperModel(signals, data.parts["train"], learner)


def lower():
    return FineTune(epochs=2, lr=0.002, optimizer="sign", batch_size=32)


def chosen(easy, selector, before=None, seed=0):
    data, model = easy
    return search(selector, data, before or {}, seed, [model]).ids.tolist()


def test_the_hardest_are_redundant_and_the_easiest_have_wrong_labels(easy):
    selector = WorstCaseSelector(lower(), count=9)
    hardest = chosen(easy, selector)
    assert not set(hardest) & set(WRONG)
    facts = selector.facts
    assert max(facts["value"], facts["value_one_pass"]) < facts["value_random"]
    assert facts["returned_start"] or facts["value"] <= facts["value_one_pass"]
    easiest = WorstCaseSelector(lower(), count=4, direction="easiest")
    assert len(set(chosen(easy, easiest)) & set(WRONG)) >= 3
    assert easiest.facts["value"] > easiest.facts["value_random"]
    assert (
        easiest.facts["returned_start"] or easiest.facts["value"] >= easiest.facts["value_one_pass"]
    )


def test_a_search_that_finds_nothing_better_returns_its_start(easy, monkeypatch):
    """Losses of a set that is forgotten to parts flatter it; what counts is forgotten wholly."""
    from mu.forget_sets import worst_case

    bad = np.arange(20, 29)
    monkeypatch.setattr(
        worst_case,
        "bilevel",
        lambda *a, **k: worst_case.Found(bad, np.zeros(90), [{"value": 0.0, "overlap_start": 0}]),
    )
    selector = WorstCaseSelector(lower(), count=9)
    found = chosen(easy, selector)
    assert found != bad.tolist()
    # The value is that of the set found: the smaller of two would flatter every search.
    assert selector.facts["value"] > selector.facts["value_one_pass"]
    assert selector.facts["returned_start"] and selector.facts["overlap_one_pass"] == 1
    last = WorstCaseSelector(lower(), count=9, keep="last")
    assert chosen(easy, last) == bad.tolist() and not last.facts["returned_start"]


def test_the_search_says_what_it_did(easy):
    options = {"upper_steps": 4, "stable": None, "patience": None}
    selector = WorstCaseSelector(lower(), count=9, start="random", **options)
    chosen(easy, selector)
    facts = selector.facts
    assert facts["iterations"] == len(facts["history"]) == 4
    assert facts["overlap_chance"] == pytest.approx(0.1)
    assert facts["history"][-1]["overlap_start"] < 0.9 and not selector.warnings
    # Seven lower levels of two epochs (four iterations, then one for each set that has a value)
    # and a look after each; what weighs nothing is not read.
    forward, backward = facts["passes"]
    assert facts["look"] == 90 and forward - backward == 7 * 90
    assert 7 * 81 * 2 <= backward <= 7 * 90 * 2
    assert facts["value_random"] != facts["history"][0]["value"]  # another draw


def lower_seeds(easy, monkeypatch, **options):
    """Seeds of the lower levels of a search, in order."""
    used = []
    call = LowerLevel.__call__

    def noted(self, shares, seed=None):
        used.append((self.learner, seed))
        return call(self, shares, seed)

    monkeypatch.setattr(LowerLevel, "__call__", noted)
    selector = WorstCaseSelector(lower(), count=9, upper_steps=3, stable=None, **options)
    data, model = easy
    others = [seen(data, copy.deepcopy(model.learner)) for _ in range(selector.asked["learners"])]
    search(selector, data, {}, 7, others)
    models = [other.learner for other in others]
    return [models.index(learner) for learner, _ in used], [seed for _, seed in used]


def test_each_lower_level_draws_anew_and_sets_are_checked_with_the_same_unseen_draws(
    easy, monkeypatch
):
    models, seeds = lower_seeds(easy, monkeypatch, start="random", checks=2, learners=2)
    searched, checked = seeds[:3], seeds[3:]
    assert len(set(searched)) == 3 and None not in seeds
    assert checked[:2] == checked[2:4] == checked[4:] and not set(searched) & set(checked)
    assert models[:5] == [0, 1, 0, 1, 0], "models take turns"


def test_as_published_all_lower_levels_draw_the_same(easy, monkeypatch):
    _, seeds = lower_seeds(easy, monkeypatch, reseed=False, average=False)
    assert set(seeds) == {None}


@pytest.mark.parametrize("checks", [0, 1.5, True])
def test_a_search_without_checks_is_refused(checks):
    with pytest.raises(UsageError, match="checks="):
        WorstCaseSelector(lower(), count=9, checks=checks)


@pytest.mark.parametrize(("direction", "beaten"), [("hardest", True), ("easiest", False)])
def test_a_search_that_a_random_set_beats_says_so(direction, beaten):
    selector = WorstCaseSelector(lower(), count=9, direction=direction)
    found = Found(np.arange(9), np.zeros(90), [{"value": 0.3, "overlap_start": 1.0}])
    selector.report(found, {"one_pass": 0.3, "random": 0.2, "": 0.3}, 1.0, 0.1)
    assert any("a random set beats" in text for text in selector.warnings) == beaten


def test_progress_is_that_of_the_search(easy):
    data, model = easy
    said = []
    context = Context(progress=lambda done, total: said.append((done, total)))
    options = {"upper_steps": 3, "stable": None, "patience": None}
    selector = WorstCaseSelector(lower(), count=9, start="random", **options)
    search(selector, data, {}, 0, [model], context)
    assert said == [(k, 6) for k in range(1, 7)]


def test_the_published_step_stays_at_its_random_start_and_says_so(easy):
    selector = WorstCaseSelector(
        lower(), count=9, start="random", upper_kind="absolute", upper_step=1e-3, keep="last"
    )
    chosen(easy, selector)
    assert selector.facts["history"][-1]["overlap_start"] == 1
    assert "never left its random start" in selector.warnings[0]


def test_the_seed_decides_the_random_start(easy):
    one, again, other = (
        WorstCaseSelector(lower(), count=9, start="random", upper_steps=1, average=False)
        for _ in range(3)
    )
    assert chosen(easy, one, seed=1) == chosen(easy, again, seed=1)
    assert chosen(easy, other, seed=2) != chosen(easy, one, seed=1)


@pytest.mark.parametrize(
    "method",
    [
        FineTune(1, 0.01),
        EUk(k=None, epochs=1),
        NegGradPlus(1, 0.01, beta=0.9),
        RandomLabels(1, 0.01),
        GradientAscent(1, 0.001),
    ],
    ids=lambda m: type(m).__name__,
)
def test_every_method_that_honours_weights_serves(easy, method):
    assert method.weighted
    assert len(chosen(easy, WorstCaseSelector(method, share=0.1, upper_steps=2))) == 9


@pytest.mark.parametrize("method", [SSD(), RandomLabels(1, 0.01)], ids=lambda m: type(m).__name__)
def test_binary_sets_serve_any_method(easy, method):
    selector = WorstCaseSelector(method, share=0.1, upper_steps=2, membership="binary")
    assert len(chosen(easy, selector)) == 9


def test_classes_and_groups_go_as_a_whole(easy):
    data, _ = easy
    found = chosen(easy, WorstCaseSelector(lower(), count=1, unit="class", upper_steps=2))
    labels = data.targets(np.array(found))
    assert len(set(labels)) == 1
    assert len(found) == int((data.targets(data.parts["train"]) == labels[0]).sum())


def test_what_was_forgotten_before_is_neither_chosen_nor_trained_on(easy):
    data, model = easy
    before = {"samples": np.arange(0, 30)}
    left = HelperModel(model.signals, np.arange(30, 90), model.learner)
    found = search(WorstCaseSelector(lower(), count=6, upper_steps=2), data, before, 0, [left])
    assert found.ids.min() >= 30


def weights_read(easy, shares):
    """Weights that a lower level hands to its method, by id, of D_r and D_f."""
    data, model = easy
    ids = data.parts["train"]
    level = LowerLevel(
        NegGradPlus(1, 0.01), model.learner, data, "samples", ids, ids, Setting({}, Context())
    )
    found = {}
    for name, part in level.weighted_parts(shares).items():
        for batch in part.batches(batch_size=7):
            if batch.weight is not None:
                pairs = zip(batch.index.tolist(), batch.weight.tolist(), strict=True)
                found.setdefault(name, {}).update(pairs)
    return found


def test_a_share_is_split_between_both_parts(easy):
    shares = np.zeros(90)
    shares[[4, 5]] = [1.0, 0.25]
    found = weights_read(easy, shares)
    assert found["forget"] == {4: 1.0, 5: 0.25}
    assert 4 not in found["retain"] and found["retain"][5] == 0.75 and found["retain"][6] == 1


def test_a_binary_share_is_the_ordinary_request(easy):
    """Fractional membership with 0 and 1 leaves what the method leaves without weights."""
    data, model = easy
    ids, shares = data.parts["train"], np.zeros(90)
    shares[:9] = 1
    where = (model.learner, data, "samples", ids, ids, Setting({}, Context()))
    for method in (FineTune(2, 0.01, batch_size=32), RandomLabels(2, 0.01, batch_size=32)):
        soft, _ = LowerLevel(method, *where)(shares)
        hard, _ = LowerLevel(method, *where, "binary")(shares)
        for name, weight in hard.state_dict().items():
            torch.testing.assert_close(soft.state_dict()[name], weight, atol=1e-6, rtol=1e-5)


def test_half_a_label_is_half_a_loss(easy):
    """Random labels with share ½ descend the mean of both losses."""
    data, model = easy
    ids = data.parts["train"]
    where = (model.learner, data, "samples", ids, ids, Setting({}, Context()))
    moved = []
    for share in (0.0, 0.5, 1.0):
        method = RandomLabels(1, 1e-3, batch_size=None, momentum=0.0)
        shares = np.maximum(np.full(90, share), 1e-9)  # 0 would be in no part of D_f
        shares[80:] = 1e-9
        learner, _ = LowerLevel(method, *where)(shares)
        old = model.learner.network[0].weight
        moved.append((learner.network[0].weight - old).detach())
    torch.testing.assert_close(moved[1], (moved[0] + moved[2]) / 2, atol=1e-7, rtol=1e-2)


# The true hypergradient.


def test_the_hypergradient_is_that_of_a_step_of_descent(easy):
    """Against finite differences of F after one step of plain descent on Σ (1 − w) ℓ."""
    data, _ = easy
    learner = Learner(nn.Linear(3, 3).double())
    double = TensorData(data.x.double(), data.y, **data.parts)
    ids, w, beta = np.arange(12), np.linspace(0.1, 0.9, 12), 1e-3
    x, y = double.x[:12], double.y[:12]

    def after(weights):
        """Σ w ℓ once the weights have moved; the outer w stays."""
        loss = nn.functional.cross_entropy(learner.network(x), y, reduction="none")
        moved = torch.autograd.grad(
            ((1 - torch.tensor(weights)) * loss).sum(), list(learner.network.parameters())
        )
        new = [p - beta * g for p, g in zip(learner.network.parameters(), moved, strict=True)]
        logits = x @ new[0].T + new[1]
        losses = nn.functional.cross_entropy(logits, y, reduction="none")
        return (torch.tensor(w) @ losses).item()

    view = double.without({}).view
    found = one_step(learner, double, ids, w, beta, view, batch_size=5)
    for i in (0, 5, 11):
        up, down = w.copy(), w.copy()
        up[i], down[i] = w[i] + 1e-3, w[i] - 1e-3
        assert found[i] == pytest.approx((after(up) - after(down)) / 2e-3, rel=2e-2)


def test_a_search_with_it_runs(easy):
    selector = WorstCaseSelector(lower(), count=9, hypergradient="one_step", upper_steps=2)
    assert len(chosen(easy, selector)) == 9


# Graphs.


@pytest.mark.parametrize(("make", "kind"), [(links, "edges"), (nodes, "nodes")])
@pytest.mark.parametrize("membership", ["fractional", "binary"])
def test_edges_and_nodes_are_weighed_too(make, kind, membership):
    data = make()
    torch.manual_seed(0)
    model = seen(data, Learner(GCN(3, 3, hidden=8)).eval())
    selector = WorstCaseSelector(
        FineTune(2, 0.01), count=3, kind=kind, upper_steps=2, membership=membership
    )
    found = search(selector, data, {}, 0, [model])
    assert found.kind == kind and len(found.ids) == 3


def test_a_method_that_only_takes_edges_away_serves_edges():
    data = links()
    torch.manual_seed(0)
    model = seen(data, Learner(GCN(3, 3, hidden=8)).eval())
    selector = WorstCaseSelector(UtU(), count=3, kind="edges", upper_steps=2, membership="binary")
    assert len(search(selector, data, {}, 0, [model]).ids) == 3


# What is refused.


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: WorstCaseSelector(lower(), count=9, direction="worst"), "direction='worst'"),
        (lambda: WorstCaseSelector(lower(), count=9, start="warm"), "start='warm'"),
        (lambda: WorstCaseSelector(lower(), count=9, hypergradient="x"), "hypergradient='x'"),
        (lambda: WorstCaseSelector("finetune", count=9), "lower='finetune' is no method"),
        (lambda: WorstCaseSelector(lower(), count=9, learners=0), "learners=0"),
        (lambda: WorstCaseSelector(lower(), count=0), "count=0"),
        (lambda: WorstCaseSelector(lower(), count=90), "count=90"),
        (lambda: WorstCaseSelector(lower()), "share or a count"),
        (lambda: WorstCaseSelector(lower(), count=9, unit="colour"), "colour"),
        (lambda: WorstCaseSelector(lower(), count=9, reduce="max"), "reduce='max'"),
        (lambda: WorstCaseSelector(SSD(), count=9), "SSD ignores the weights"),
        (lambda: WorstCaseSelector(SalUn(), count=9), "SalUn ignores the weights"),
        (lambda: WorstCaseSelector(lower(), count=9, membership="soft"), "membership='soft'"),
        (
            lambda: WorstCaseSelector(UtU(), count=9, membership="binary"),
            "UtU forgets",
        ),
    ],
)
def test_what_cannot_be_searched_is_named(easy, make, named):
    with pytest.raises(UsageError, match=named):
        chosen(easy, make())


def test_a_lower_level_that_diverges_is_a_failed_row(easy):
    method = FineTune(1, 1e30, momentum=0.0)
    with pytest.raises(CellFailed, match="diverged; lower its learning rate"):
        chosen(easy, WorstCaseSelector(method, count=9))


def test_a_model_without_a_loss_for_each_sample_is_refused(easy):
    class Pooled(Learner):
        def loss(self, logits, targets, reduction="mean"):
            return super().loss(logits, targets, "mean")

    data, model = easy
    learner = Pooled(model.learner.network)
    with pytest.raises(UsageError, match="one loss a sample"):
        sample_losses(learner, data.loader(data.parts["train"], batch_size=32))
