"""Training by a function of the user's, from a recipe and from Python."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from mu.data.base import TensorData
from mu.errors import UsageError
from mu.models.base import Learner
from mu.training.own import check_rebuilt, counting, train_by

TRAINING = """
import torch
from torch import nn

from mu.models.base import cross_entropy

LR = 0.1

def train(ids, seed, data, network):
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    for batch in data.loader(ids, batch_size=256, train=True, seed=seed):
        optimizer.zero_grad()
        cross_entropy(network(batch.x), batch.y).backward()
        optimizer.step()
    return network

def plain(ids, seed):
    return nn.Linear(3, 2)

def step(config, inputs, progress):
    from mu.training.fit import step as fit
    recipe = {"epochs": 1, "batch_size": 64, "optimizer": {"_target_": "torch.optim.Adam"}}
    return fit(config | {"recipe": recipe}, inputs, progress)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "configs" / "recipe").mkdir(parents=True)
    (tmp_path / "own_training.py").write_text(TRAINING)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_training", None)


def recipe(own, step):
    path = own / "configs" / "recipe" / "mine.yaml"
    path.write_text(f"fit: {{step: {step}}}\n")
    return {"MU_CONFIGS": own / "configs"}


WORDS = ("quickstart", "requests=class", "methods=ssd", "seeds=1", "oracles=1", "null=false")
WORDS += ("recipe=mine", "compute.workers=0", "compute.progress=false")


def test_a_recipe_names_a_function(mu, own):
    given = recipe(own, "own_training:train")
    found = mu("run", *WORDS, **given)
    assert found.code == 0, found.err
    assert {card["method"] for card in found.cards if card["error"] is None} == {
        *("original", "random_weights", "oracle", "ssd")
    }
    card = found.card("oracle")
    assert card["values"]["cost/passes"] == 1.0
    assert 0 < found.card("ssd")["values"]["cost/passes"] < 3
    assert found.card("original")["values"]["ta"] != found.card("random_weights")["values"]["ta"]
    assert mu("run", *WORDS, **given).steps[0] == 0


def test_an_edit_of_the_function_trains_anew(mu, own):
    from mu.running.code import forget_files

    given = recipe(own, "own_training:train")
    first = mu("run", *WORDS, **given).card("original")
    (own / "own_training.py").write_text(TRAINING.replace("0.1", "0.2"))
    sys.modules.pop("own_training")
    forget_files()
    second = mu("run", *WORDS, **given)
    assert second.steps[0] > 0
    assert second.card("original")["learner"] != first["learner"]
    assert second.card("original")["values"]["ra"] != first["values"]["ra"]


def test_a_plan_does_not_call_it(mu, own):
    found = mu("plan", *WORDS, **recipe(own, "own_training:train"))
    assert found.code == 0, found.err
    assert "own_training" not in sys.modules
    assert "?" in found.out


def test_a_step_of_the_users_is_called_as_such(mu, own):
    found = mu("run", *WORDS, **recipe(own, "own_training:step"))
    assert found.code == 0, found.err
    assert found.card("oracle")["error"] is None


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ("own_training:nosuch", "recipe.fit.step=own_training:nosuch is no module:function"),
        ("nosuch_module:train", "recipe.fit.step=nosuch_module:train is no module:function"),
        ("own_training:plain", "do not fit the model"),
    ],
)
def test_what_cannot_be_called_is_refused(mu, own, step, named):
    found = mu("run", *WORDS, **recipe(own, step))
    assert found.code == 2
    assert named in found.err


def test_a_graph_needs_a_training_that_takes_the_view(mu, own):
    words = [word.replace("class", "edges_5") for word in WORDS]
    found = mu("run", *words, **recipe(own, "own_training:train"))
    assert found.code == 2
    assert "does not take view" in found.err
    text = TRAINING.replace("seed, data", "seed, view, data")
    text = text.replace("(ids, batch", "(ids, view, batch")
    (own / "own_training.py").write_text(text)
    sys.modules.pop("own_training", None)
    found = mu("run", *words, **recipe(own, "own_training:train"))
    assert found.code == 0, found.err


# What is trained, looked at.


@pytest.fixture
def data():
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    parts = np.split(np.arange(60), [40, 50])
    return TensorData(x, (x[:, 0] > 0).long(), train=parts[0], validation=parts[1], test=parts[2])


def test_samples_are_counted_with_and_without_gradients():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    with counting() as counts:
        net(torch.ones(5, 3))
        with torch.no_grad():
            net(torch.ones(2, 3))
    assert counts[net] == (7, 5)
    net(torch.ones(5, 3))
    assert counts[net] == (7, 5)


def test_a_training_is_seeded_and_measured(data):
    def train(ids, seed):
        net = nn.Linear(3, 2)
        net(torch.randn(4, 3)).sum().backward()
        return net

    one, meter = train_by(train, data, data.without({}), 3)
    two, _ = train_by(train, data, data.without({}), 3)
    other, _ = train_by(train, data, data.without({}), 4)
    assert torch.equal(one.network.weight, two.network.weight)
    assert not torch.equal(one.network.weight, other.network.weight)
    assert (meter.forward, meter.backward) == (4, 4)
    assert not one.training


def test_what_returns_no_network_or_no_numbers_is_refused(data):
    with pytest.raises(UsageError, match="no torch"):
        train_by(lambda ids, seed: {"weight": 1}, data, data.without({}), 0)

    def diverged(ids, seed):
        net = nn.Linear(3, 2)
        nn.init.constant_(net.weight, float("nan"))
        return net

    with pytest.raises(UsageError, match="not finite"):
        train_by(diverged, data, data.without({}), 0)


class Scaled(nn.Module):
    """A network that keeps a number beside its tensors."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.layer, self.scale = nn.Linear(3, 2), scale

    def forward(self, x):
        return self.layer(x * self.scale)


def test_numbers_beside_the_tensors_are_refused(data):
    kept = data.without({})
    check_rebuilt(Learner(Scaled()).eval(), Learner(Scaled()).eval(), data, kept)
    with pytest.raises(UsageError, match="register_buffer"):
        check_rebuilt(Learner(Scaled(2.0)).eval(), Learner(Scaled()).eval(), data, kept)
