"""Concept poisoning: relabelling with or without an edit, on a frozen trunk."""

import cases
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from concept_case import WORDS, ColourEncoder, data
from torch.nn import functional

import mu
from mu.concepts.concept_map import write_maps
from mu.concepts.finding import concept_map, learn_concepts, pictures
from mu.errors import NotApplicable, UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.vision import SmallCNN
from mu.training.fit import fit
from mu.unlearning import concept_poisoning
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.concept_poisoning import ConceptPoisoning
from mu.unlearning.heads.last_layers import layers

EDITS = ["none", "center", "random_place", "full"]


@pytest.fixture(scope="module")
def case():
    return cases.images()


@pytest.fixture(scope="module")
def coloured():
    """The squares, a learner trained on them, and concept maps of their classes 0 and 2."""
    one = data()
    pl.seed_everything(0, verbose=False)
    learner = Learner(SmallCNN(3, 3, 16, 4, 8))
    fit(learner, one.loader(one.parts["train"], batch_size=24, train=True), cases.RECIPE)
    ids = one.parts["train"]
    x, y = pictures(one, ids), one.y[ids]
    concepts = learn_concepts(ColourEncoder(), WORDS, x, y)
    maps = {
        t: concept_map(ColourEncoder(), concepts, x, y, ids, t, window=6 / 16, stride=1 / 16)
        for t in (0, 2)
    }
    return one, learner, maps


def parts(one, gone):
    train, view = one.parts["train"], one.without({}).view
    forgotten = np.isin(one.targets(train), gone)
    return {
        "forget": DataPart(one, train[forgotten], view),
        "retain": DataPart(one, train[~forgotten], view),
    }


def run(case, seed=0, **options):
    return apply(ConceptPoisoning(**options), case.learner, case.parts(), Context(seed=seed))


def guesses(learner, one, ids):
    return predict(learner, one.loader(ids)).logits.argmax(1)


def spy(monkeypatch, name):
    """Record what a function of the module was given and returned."""
    seen, own = [], getattr(concept_poisoning, name)

    def recorded(*given):
        seen.append((given, own(*given)))
        return seen[-1][1]

    monkeypatch.setattr(concept_poisoning, name, recorded)
    return seen


# What it is.


def test_without_an_edit_it_is_plain_relabelling_of_the_head_bit_for_bit(case):
    options = {"epochs": 3, "lr": 0.02, "batch_size": 16, "momentum": 0.9, "weight_decay": 0.01}
    found = run(case, seed=5, donor=1, **options).learner
    handed = case.parts()
    ids = np.concatenate([handed["forget"].ids, handed["retain"].ids])
    y = torch.from_numpy(np.where(case.data.targets(ids) == 2, 1, case.data.targets(ids)))
    with torch.no_grad():
        # In the batches in which the method reads them, so that sums are in the same order.
        read = [*handed["forget"].batches(batch_size=16), *handed["retain"].batches(batch_size=16)]
        z = torch.cat([case.learner.eval().features(batch) for batch in read])
    weight, bias = (
        p.detach().clone().requires_grad_() for p in case.learner.network.head.parameters()
    )
    optimizer = torch.optim.SGD([weight, bias], lr=0.02, momentum=0.9, weight_decay=0.01)
    for epoch in range(3):
        order = np.random.default_rng([5, epoch]).permutation(len(ids))
        for start in range(0, len(ids), 16):
            rows = order[start : start + 16]
            optimizer.zero_grad()
            functional.cross_entropy(functional.linear(z[rows], weight, bias), y[rows]).backward()
            optimizer.step()
    assert torch.equal(found.network.head.weight, weight)
    assert torch.equal(found.network.head.bias, bias)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("labels", ["targeted", "random", "keep"])
def test_trunk_and_running_statistics_stay_and_features_can_be_cached(case, edit, labels):
    options = {"edit": edit, "labels": labels, "epochs": 2}
    cached, again = (run(case, cached=c, **options) for c in (True, False))
    for name, tensor in case.learner.state_dict().items():
        own, other = (found.learner.state_dict()[name] for found in (cached, again))
        if name.startswith("network.head."):
            torch.testing.assert_close(own, other, atol=1e-6, rtol=0)
            assert not torch.equal(own, tensor)
        else:
            assert torch.equal(own, tensor) and torch.equal(other, tensor)
    assert cached.meter.backward == 0 < again.meter.backward
    before, after = (
        torch.cat([one.features(b) for b in case.data.loader(case.data.universe())])
        for one in (case.learner, cached.learner)
    )
    assert torch.equal(before, after)  # any probe of the features knows as much as before


def test_labels_and_counts(case, monkeypatch):
    for labels, allowed in (("targeted", {3}), ("random", {0, 1, 3}), ("keep", {2})):
        seen = spy(monkeypatch, "poisoned_labels")
        found = run(case, labels=labels, donor=3, epochs=1)
        ((_, given),) = seen
        assert set(given.tolist()) == allowed
        assert len(given) == found.facts["poisoned"] == len(case.forget) == 25
        monkeypatch.undo()


def test_the_nearest_donor_has_the_largest_mean_wrong_logit(case):
    logits = predict(case.learner, case.data.loader(case.forget)).logits.mean(0)
    expected = max([0, 1, 3], key=lambda label: logits[label])
    assert run(case, epochs=1).facts["donors"] == {"2": expected}


def test_the_functions_are_what_runs(case, monkeypatch):
    def stub(*_):
        raise RuntimeError("called")

    for name, options in (
        ("poisoned_labels", {}),
        ("nearest_donor", {}),
        ("edited", {"edit": "center"}),
        ("last_stage", {"trainable": "last_stage"}),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(concept_poisoning, name, stub)
            with pytest.raises(RuntimeError, match="called"):
                run(case, epochs=1, **options)


# What it does.


@pytest.fixture(scope="module")
def oracle(case):
    pl.seed_everything(1, verbose=False)
    learner = Learner(SmallCNN(1, 4, 8, 4, 8))
    fit(learner, case.parts()["retain"].batches(batch_size=32, train=True), cases.RECIPE)
    return learner


def of_class(case, part, label):
    ids = case.data.parts[part]
    same = case.data.targets(ids) == label
    return ids[same], ids[~same]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": "random"},
        {"edit": "random_place"},
        {"edit": "center"},
        {"trainable": "last_stage"},
        {"trainable": "all"},
        {"share": 0.5},
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "default",
)
def test_it_forgets_as_the_oracle_does_and_keeps_the_rest(case, oracle, options):
    found = run(case, **options).learner
    gone, kept = of_class(case, "test", 2)
    rates = [(guesses(one, case.data, gone) == 2).mean() for one in (case.learner, found, oracle)]
    assert rates[1] <= rates[2] + 0.1 < rates[0]
    right = [
        (guesses(one, case.data, kept) == case.data.targets(kept)).mean()
        for one in (case.learner, found)
    ]
    assert right[1] >= right[0] - 0.1


def test_the_class_goes_to_the_donor(case):
    gone, _ = of_class(case, "test", 2)
    found = run(case, donor=0).learner
    assert (guesses(found, case.data, gone) == 0).mean() >= 0.9


@pytest.mark.parametrize("trainable", ["head", "last_stage", "all"])
def test_labels_that_are_kept_do_not_forget(case, trainable):
    gone, _ = of_class(case, "train", 2)
    found = run(case, labels="keep", trainable=trainable).learner
    before = (guesses(case.learner, case.data, gone) == 2).mean()
    assert (guesses(found, case.data, gone) == 2).mean() >= before - 0.1 > 0.8


def test_the_last_stage_is_all_that_moves_with_the_head(case):
    found = run(case, trainable="last_stage", epochs=1).learner
    after = found.state_dict()
    moved = {n for n, t in case.learner.state_dict().items() if not torch.equal(t, after[n])}
    assert {n.rsplit(".", 1)[0] for n in moved} == {
        f"network.{layer.name}" for layer in layers(case.learner.network)[-2:]
    }
    assert all(p.requires_grad for p in found.parameters())


def test_everything_moves_but_running_statistics(case):
    after = run(case, trainable="all", epochs=1).learner.state_dict()
    same = {n for n, t in case.learner.state_dict().items() if torch.equal(t, after[n])}
    assert same == {n for n, _ in case.learner.named_buffers()}


def test_the_trunk_has_a_rate_of_its_own(case):
    slow, fast = (
        run(case, trainable="all", epochs=1, batch_size=None, trunk_lr=rate).learner.state_dict()
        for rate in (1e-4, 2e-4)
    )
    for name, start in case.learner.named_parameters():
        ratio = (fast[name] - start).norm() / (slow[name] - start).norm()
        assert ratio.item() == pytest.approx(1.0 if ".head." in name else 2.0, rel=0.02)


# Edits and concepts.


def test_an_edit_pastes_the_donors_pixels(case, monkeypatch):
    seen = spy(monkeypatch, "edited")
    run(case, edit="center", donor=1, window=0.5, epochs=1)
    (((x, lent, *_), found),) = seen
    quarters = lent.mean(dim=1).unfold(1, 4, 4).unfold(2, 4, 4).mean(dim=(3, 4)).flatten(1)
    assert (quarters.argmax(1) == 1).all()  # the donor's bright quadrant
    changed = (found != x)[:, 0]
    assert (changed.sum(dim=(1, 2)) == 16).all() and changed[:, 2:6, 2:6].all()
    assert torch.equal(x, case.parts()["forget"].data.inputs(case.forget))


def test_a_concept_is_pasted_where_the_map_says(coloured, tmp_path, monkeypatch):
    one, learner, maps = coloured
    path = tmp_path / "maps.npz"
    write_maps(path, maps)
    seen = spy(monkeypatch, "edited")
    method = ConceptPoisoning(
        "localized", donor="concept", concepts=str(path), window=6 / 16, epochs=10
    )
    found = apply(method, learner, parts(one, [0]), Context())
    assert found.facts["donors"] == {"0": 1} and found.facts["concepts"] == {"0": "green"}
    (((x, *_), made),) = seen
    changed = (made != x).any(dim=1)
    assert (changed.sum(dim=(1, 2)) == 36).all() and changed[:, :6, :6].all()
    pasted = made[:, :, :6, :6] * 0.25 + 0.5
    green = pasted[:, 1] - pasted[:, [0, 2]].mean(dim=1)
    assert green.min() > 0.5  # the donor's green square, whole
    gone = one.parts["test"][one.targets(one.parts["test"]) == 0]
    assert (guesses(learner, one, gone) == 0).mean() > 0.8
    assert (guesses(found.learner, one, gone) == 0).mean() < 0.2
    # As an object it does the same, to the bit.
    again = ConceptPoisoning("localized", donor="concept", concepts=maps, window=6 / 16, epochs=10)
    other = apply(again, learner, parts(one, [0]), Context()).learner.state_dict()
    assert all(torch.equal(t, other[n]) for n, t in found.learner.state_dict().items())


def test_maps_that_do_not_fit_the_request_are_refused(coloured):
    one, learner, maps = coloured
    cases_ = [
        ({"donor": "concept"}, [1], r"no map of class 1, only of \[0, 2\]"),
        ({"donor": 2}, [0], r"donor=2, but concepts were located in class 1"),
    ]
    for options, gone, named in cases_:
        method = ConceptPoisoning("localized", concepts=maps, **options)
        with pytest.raises(UsageError, match=named):
            apply(method, learner, parts(one, gone), Context())
    x = torch.rand(6, 3, 16, 16)
    given = [(x[:2], torch.zeros(2).long())], [(x[2:], torch.tensor([1, 2, 1, 2]))]
    method = ConceptPoisoning("localized", donor="concept", concepts=maps)
    with pytest.raises(UsageError, match="name no image of class 1"):
        mu.unlearn(learner, method, forget=given[0], retain=given[1])


# Requests.


def test_two_classes_lend_to_each_other_also_with_one_logit():
    x, y = torch.randn(40, 5), torch.arange(40) % 2
    x[y == 1] += 2
    for outputs in (1, 2):
        torch.manual_seed(0)
        net = torch.nn.Linear(5, outputs)
        for gone in (0, 1):
            forget, retain = [(x[y == gone], y[y == gone])], [(x[y != gone], y[y != gone])]
            new = mu.unlearn(net, "concept_poisoning", forget=forget, retain=retain, lr=0.1)
            assert new.unlearning["donors"] == {str(gone): 1 - gone}
            logits = new(x[y == gone])
            named = (logits[:, 0] > 0).long() if outputs == 1 else logits.argmax(1)
            assert (named == 1 - gone).all()


def test_several_classes_go_to_classes_that_are_kept(case):
    view, train = case.data.without({}).view, case.data.parts["train"]
    gone = np.isin(case.data.targets(train), [0, 2])
    handed = {
        "forget": DataPart(case.data, train[gone], view),
        "retain": DataPart(case.data, train[~gone], view),
    }
    found = apply(ConceptPoisoning(), case.learner, handed, Context())
    assert set(found.facts["donors"]) == {"0", "2"}
    assert set(found.facts["donors"].values()) <= {1, 3}
    assert not np.isin(guesses(found.learner, case.data, train), [0, 2]).any()
    with pytest.raises(UsageError, match=r"donor=0 has no samples to retain; .* are \[1, 3\]"):
        apply(ConceptPoisoning(donor=0), case.learner, handed, Context())


def test_requests_it_cannot_serve_are_refused(case):
    some = case.parts()
    some["forget"] = DataPart(case.data, case.forget[:5], some["forget"].view)
    some["retain"] = DataPart(
        case.data, np.setdiff1d(some["full"].ids, case.forget[:5]), some["forget"].view
    )
    with pytest.raises(NotApplicable, match="class 2 has samples to forget and samples to retain"):
        apply(ConceptPoisoning(), case.learner, some, Context())
    net, full = torch.nn.Linear(3, 1), [(torch.eye(3), torch.zeros(3).long())]
    for forget, retain in ((full, []), ([], full)):
        with pytest.raises(UsageError, match="there are no samples"):
            mu.unlearn(net, "concept_poisoning", forget=forget, retain=retain)


def test_pixels_are_not_pasted_into_what_is_no_image():
    net = torch.nn.Linear(3, 2)
    forget, retain = [(torch.eye(3), torch.zeros(3).long())], [(torch.eye(3), torch.ones(3).long())]
    with pytest.raises(UsageError, match=r"edit=center pastes images \(n, C, H, W\)"):
        mu.unlearn(net, "concept_poisoning", forget=forget, retain=retain, edit="center")


@pytest.mark.parametrize("trainable", ["head", "all"])
def test_a_users_loaders_are_mixed_sample_by_sample(case, trainable):
    forget, retain = (
        [(b.x, b.y) for b in case.parts()[part].batches(batch_size=7)]
        for part in ("forget", "retain")
    )
    options = {"edit": "center", "trainable": trainable, "share": 0.5, "epochs": 30}
    new = mu.unlearn(case.learner, "concept_poisoning", forget=forget, retain=retain, **options)
    assert new.unlearning["poisoned"] == 12
    gone, kept = of_class(case, "train", 2)
    assert (guesses(new, case.data, gone) == 2).mean() < 0.2
    assert (guesses(new, case.data, kept) == case.data.targets(kept)).mean() > 0.9


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"edit": "centre"}, "edit='centre' is not one of none, localized"),
        ({"labels": "wrong"}, "labels='wrong' is not one of targeted, random, keep"),
        ({"trainable": "body"}, "trainable='body'"),
        ({"donor": "furthest"}, "donor='furthest' is neither a class"),
        ({"donor": True}, "donor=True"),
        ({"share": 0.0}, "share=0.0 must be above 0"),
        ({"window": 64}, "window=64 must be above 0 and at most 1, or null"),
        ({"trunk_lr": -1.0}, "trunk_lr=-1.0"),
        ({"edit": "localized"}, "need concepts"),
        ({"donor": "concept"}, "need concepts"),
        ({"epochs": 0}, "epochs=0"),
    ],
)
def test_options_out_of_range_are_named(options, named):
    with pytest.raises(UsageError, match=named):
        ConceptPoisoning(**options)


def test_without_an_edit_inputs_of_any_structure_are_relabelled():
    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(3, 3)

        def forward(self, x):
            return self.head(x["a"] + x["b"])

    torch.manual_seed(0)
    x, y = torch.randn(30, 3), torch.arange(30) % 3
    gone = y == 2
    parts = {
        name: LoaderPart(([({"a": x[at], "b": x[at]}, y[at])],))
        for name, at in (("forget", gone), ("retain", ~gone))
    }
    plain = {
        name: LoaderPart(([(2 * x[at], y[at])],))
        for name, at in (("forget", gone), ("retain", ~gone))
    }
    learner = Learner(Sum())
    found = apply(ConceptPoisoning(epochs=2), learner, parts, Context()).learner.network.head
    wanted = apply(ConceptPoisoning(epochs=2), Learner(learner.network.head), plain, Context())
    torch.testing.assert_close(found.weight, wanted.learner.network.weight)
