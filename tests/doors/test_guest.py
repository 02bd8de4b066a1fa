"""A call leaves nothing behind."""

import os
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from mu.doors.guest import copied, evaluation_mode, undisturbed, where_it_lies


def pruned():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    prune.l1_unstructured(net[0], "weight", 0.5)
    return net


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize(
    "make",
    [
        pruned,
        lambda: weight_norm(nn.Linear(3, 2)),
        lambda: spectral_norm(nn.Linear(3, 2)),
        lambda: parametrizations.weight_norm(nn.Linear(3, 2)),
        lambda: nn.LSTM(3, 2),
        lambda: nn.Linear(3, 2),
    ],
)
def test_a_network_is_copied_after_a_backward_pass(make):
    net, x = make(), torch.randn(5, 3)
    first = net(x)
    (first[0] if isinstance(first, tuple) else first).sum().backward()
    twin = copied(net)
    net.eval(), twin.eval()
    for a, b in zip(net.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(a, b) and a.data_ptr() != b.data_ptr()
    wanted, found = (one(x) for one in (net, twin))
    assert torch.equal(*((wanted[0], found[0]) if isinstance(wanted, tuple) else (wanted, found)))
    assert all(parameter.grad is None for parameter in twin.parameters())
    assert any(parameter.grad is not None for parameter in net.parameters())


def test_modes_are_restored_one_by_one():
    net = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    with evaluation_mode(net):
        assert not net[0].training
    assert net.training and net[0].training and not net[1].training


def test_random_states_environment_and_flags(monkeypatch):
    monkeypatch.setenv("KEPT", "1")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        states = [draw() for draw in DRAWS for _ in range(2)]
        again = []
        for draw in DRAWS:
            state = random.getstate(), np.random.get_state(), torch.get_rng_state()
            with undisturbed():
                random.seed(1), np.random.seed(1), torch.manual_seed(1)
                os.environ["NEW"], os.environ["KEPT"] = "1", "2"
                torch.use_deterministic_algorithms(False)
            assert random.getstate() == state[0]
            assert (np.random.get_state()[1] == state[1][1]).all()
            assert torch.equal(torch.get_rng_state(), state[2])
            again.append(draw())
        assert len({*states, *again}) == 9
        assert os.environ["KEPT"] == "1" and "NEW" not in os.environ
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


DRAWS = (random.random, np.random.rand, lambda: torch.rand(()).item())


def test_gradients_are_on_and_autocast_is_off():
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), undisturbed():
        layer = nn.Linear(2, 2)
        found = layer(torch.ones(1, 2))
        assert found.dtype == torch.float32 and found.requires_grad
        assert not torch.is_inference_mode_enabled()


def test_a_module_returns_to_where_it_was():
    class Still(nn.Linear):
        def _apply(self, fn, recurse=True):
            raise AssertionError("it was moved")

    with where_it_lies(Still(1, 1), "cpu"):
        pass
