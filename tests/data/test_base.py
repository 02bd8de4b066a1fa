"""Ids, batches and draws of data held in memory."""

import copy

import cases
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st

from mu.artifact import Artifact
from mu.data.base import Batch, Kept, TensorData, View, draws, removed_elements
from mu.data.build import build, build_data
from mu.errors import MuError, UsageError
from mu.forget_sets.request import Request
from mu.models.predict import predict


class Noisy(TensorData):
    """Its augmentation adds the number drawn for an id."""

    def augmented(self, x, ids, name, seed, epoch):
        if name != "noise":
            return super().augmented(x, ids, name, seed, epoch)
        return x + torch.from_numpy(draws(seed, epoch, 1, (len(self.x), 1))[ids]).float()


@pytest.fixture
def data() -> Noisy:
    ids = np.random.default_rng(0).permutation(40)
    x = torch.arange(40.0)[:, None]
    return Noisy(x, torch.arange(40) % 3, train=ids[:25], validation=ids[25:30], test=ids[30:])


def epochs(data, ids, number=1, **options):
    """Id → input, of each epoch, and the order of the ids."""
    loader = data.loader(ids, train=True, **options)
    found = []
    for _ in range(number):
        batches = list(loader)
        order = torch.cat([b.index for b in batches]).tolist()
        values = torch.cat([b.x for b in batches]).flatten().tolist()
        found.append((order, dict(zip(order, values, strict=True))))
    return found


def test_parts_are_sorted_disjoint_and_whole(data):
    parts = list(data.parts.values())
    assert all((np.diff(ids) > 0).all() for ids in parts)
    assert np.concatenate(parts).size == len(data.universe()) == 40
    assert data.universe().tolist() == list(range(40))


def test_inputs_and_targets_belong_to_their_ids(data):
    for batch in data.loader(data.universe(), batch_size=7):
        assert batch.x.flatten().tolist() == batch.index.tolist()
        assert batch.y.tolist() == (batch.index % 3).tolist()
        assert batch.y.tolist() == data.targets(batch.index.numpy()).tolist()
        assert batch.units == len(batch)


def test_without_training_the_order_is_that_of_the_ids(data):
    ids = np.array([30, 2, 17])
    batches = list(data.loader(ids, batch_size=2))
    assert [b.index.tolist() for b in batches] == [[30, 2], [17]]
    assert len(data.loader(ids, batch_size=2)) == 2
    (whole,) = data.loader(ids)
    assert whole.index.tolist() == [30, 2, 17]


def test_training_visits_each_id_once_an_epoch_and_no_other(data):
    ids = data.parts["train"]
    held_out = {*data.parts["validation"].tolist(), *data.parts["test"].tolist()}
    for order, _ in epochs(data, ids, 3, batch_size=4, seed=1):
        assert sorted(order) == ids.tolist()
        assert not set(order) & held_out


def test_the_order_follows_seed_and_epoch(data):
    ids = data.parts["train"]
    first, second = (order for order, _ in epochs(data, ids, 2, seed=1))
    assert first != second
    assert [o for o, _ in epochs(data, ids, 2, seed=1)] == [first, second]
    assert epochs(data, ids, seed=2)[0][0] != first


@given(subset=st.sets(st.integers(0, 24), min_size=1), size=st.integers(1, 25))
def test_augmentation_depends_on_seed_epoch_and_id_alone(subset, size):
    """Not on the other ids, nor on the size of a batch."""
    ids = np.random.default_rng(0).permutation(40)
    x, y = torch.arange(40.0)[:, None], torch.zeros(40, dtype=torch.int64)
    data = Noisy(x, y, train=ids[:25], validation=ids[25:30], test=ids[30:])
    train = data.parts["train"]
    some = train[sorted(subset)]
    whole = epochs(data, train, 2, seed=3, augment="noise", batch_size=25)
    part = epochs(data, some, 2, seed=3, augment="noise", batch_size=size)
    for (_, all_values), (_, values) in zip(whole, part, strict=True):
        assert values == {i: all_values[i] for i in some.tolist()}


def test_augmentation_changes_with_seed_and_epoch(data):
    ids = data.parts["train"]
    (_, first), (_, second) = epochs(data, ids, 2, seed=3, augment="noise")
    (_, other) = epochs(data, ids, seed=4, augment="noise")[0]
    for i in ids.tolist():
        assert len({first[i], second[i], other[i], float(i)}) == 4


def test_augmentation_is_for_training_only(data):
    (batch,) = data.loader(data.parts["test"], augment="noise")
    assert batch.x.flatten().tolist() == batch.index.tolist()


def test_the_order_of_a_subset_is_the_order_of_the_whole(data):
    """An oracle sees what it keeps in the order in which the original sees it."""
    train = data.parts["train"]
    order = epochs(data, train, seed=5)[0][0]
    kept = train[::2]
    assert epochs(data, kept, seed=5)[0][0] == [i for i in order if i in set(kept.tolist())]


def test_an_augmentation_that_is_not_there_is_named(data):
    with pytest.raises(UsageError, match="blur"):
        list(data.loader(data.parts["train"], train=True, augment="blur"))


def test_bytes_become_numbers_and_are_normalised():
    x = torch.full((4, 2, 3, 3), 51, dtype=torch.uint8)
    ids = np.arange(4)
    data = TensorData(
        *(x, torch.zeros(4)),
        **{"train": ids[:2], "validation": ids[2:3], "test": ids[3:]},
        mean=(0.1, 0.2),
        std=(0.5, 2.0),
    )
    (batch,) = data.loader(ids)
    assert torch.allclose(batch.x[:, 0], torch.tensor(0.2))
    assert torch.allclose(batch.x[:, 1], torch.tensor(0.0))
    assert data.x.dtype == torch.uint8
    assert (data.x == 51).all()


def test_the_fingerprint_knows_content_and_split(data):
    def made(x=data.x, y=data.y, **parts):
        return TensorData(x, y, **(dict(data.parts) | parts)).fingerprint()

    same = made()
    assert made() == same
    x = data.x.clone()
    x[3] += 1
    y = data.y.clone()
    y[3] += 1
    swapped = {"train": data.parts["test"], "test": data.parts["train"]}
    different = [made(x=x), made(y=y), made(**swapped), made(x=data.x.double())]
    assert len({same, *different}) == 5


def test_kept_knows_ids_and_view():
    ids = np.array([1, 2])
    assert Kept(ids).digest() == Kept(ids.copy(), View({"edges": ()})).digest()
    assert Kept(ids).digest() != Kept(ids[:1]).digest()
    assert Kept(ids).digest() != Kept(ids, View({"edges": (1,)})).digest()
    assert View({"edges": (1,)}).digest() != View({"features": (1,)}).digest()


def test_draws_of_an_id_are_its_own():
    first = draws(1, 2, 0, (10, 3))
    assert (draws(1, 2, 0, (10, 3)) == first).all()
    for other in ((2, 2, 0), (1, 3, 0), (1, 2, 1)):
        assert not (draws(*other, (10, 3)) == first).any()
    assert (first >= 0).all()
    assert (first < 1).all()


def test_removed_elements_add_up():
    def selection(kind, *ids):
        return Artifact({"kind": kind}, {"elements": np.array(ids)})

    found = removed_elements(
        [selection("edges", 3, 1), selection("nodes", 5), selection("edges", 2)]
    )
    assert {k: v.tolist() for k, v in found.items()} == {"edges": [1, 2, 3], "nodes": [5]}
    assert removed_elements([]) == {}


def test_elements_of_another_kind_are_refused(data):
    with pytest.raises(UsageError, match=r"no 'edges'.*samples"):
        data.elements("edges")
    assert data.elements("samples").tolist() == data.parts["train"].tolist()
    assert data.element_labels("samples").tolist() == (data.parts["train"] % 3).tolist()
    assert Request("samples", data.elements("samples")).kind == "samples"


def test_a_batch_has_the_length_of_its_targets():
    assert len(Batch(torch.zeros(3, 2), torch.zeros(3), torch.arange(3))) == 3


# From a configuration.


def test_data_are_built_once_per_configuration():
    config = {"_target_": "mu.data.images.Digits", "title": "one"}
    assert build_data(config) is build_data(config | {"title": "two", "panel": "p"})
    assert build_data(config) is not build_data(config | {"split_seed": 3})


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"_target_": "mu.data.images.Digits", "nosuch": 1}, "nosuch"),
        ({"_target_": "mu.data.images.Nothing"}, "Nothing"),
        ({"_target_": "nowhere.Nothing"}, "nowhere"),
        ({"_target_": "mu.data.images.Digits", "validation": 2.0}, "validation=2.0"),
    ],
)
def test_what_cannot_be_built_is_named(config, named):
    with pytest.raises(MuError, match=named) as caught:
        build(config)
    assert isinstance(caught.value, UsageError)


def test_what_a_constructor_raises_comes_through():
    with pytest.raises(ValueError, match="got 2"):
        build({"_target_": "torch.nn.Dropout", "p": 2})


@pytest.mark.parametrize("problem", ["images", "links"])
def test_a_users_own_trainer_takes_data_as_its_data_module(problem):
    case = cases.CASES[problem]()
    data, learner = case.data, copy.deepcopy(case.learner).train()
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    learner.training_plan = lambda own: torch.optim.SGD(own.parameters(), lr=0.1)
    data.reading = {"batch_size": 8, "seed": 3}
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", enable_model_summary=False, **quiet)
    trainer.fit(learner, datamodule=data)
    steps = 1 if problem == "links" else -(-len(data.parts["train"]) // 8)
    assert trainer.global_step == 2 * steps
    found = trainer.predict(learner, datamodule=data)
    # Two epochs, in another order each, after the one that Lightning begins to see if it can.
    other = copy.deepcopy(case.learner).train()
    plan = torch.optim.SGD(other.parameters(), lr=0.1)
    loader = data.loader(data.parts["train"], train=True, batch_size=8, seed=3)
    iter(loader)
    for batch in [*loader, *loader]:
        plan.zero_grad()
        other.batch_loss(batch).backward()
        plan.step()
    assert any(not torch.equal(t, before[n]) for n, t in learner.state_dict().items())
    for own, same in zip(learner.parameters(), other.parameters(), strict=True):
        assert torch.equal(own, same)
    logits = predict(learner, data.loader(data.universe(), batch_size=8)).logits
    assert torch.allclose(torch.cat(found), torch.from_numpy(logits), atol=1e-5)
    parts = (data.val_dataloader(), "validation"), (data.test_dataloader(), "test")
    for batches, part in parts:
        assert torch.cat([b.index for b in batches]).tolist() == data.parts[part].tolist()
