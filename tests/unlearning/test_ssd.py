"""SSD against the authors' own numbers, and its properties."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.errors import UsageError
from mu.unlearning.ssd import SSD, alpha_of_share, dampen, importance, ratios

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "ssd_official_small.npz")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(12)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


def under(prefix):
    return {
        key.removeprefix(prefix): torch.from_numpy(np.asarray(GOLDEN[key]))
        for key in GOLDEN.files
        if key.startswith(prefix)
    }


def net():
    model = Net().double()
    model.load_state_dict(under("init/"))
    return model.eval()


def batches(size, forget=False):
    x, y = torch.from_numpy(GOLDEN["x_full"]), torch.from_numpy(GOLDEN["y_full"])
    if forget:
        rows = torch.from_numpy(GOLDEN["forget_indices"])
        x, y = x[rows], y[rows]
    return list(zip(x.split(size), y.split(size), strict=True))


def assert_equal(found, wanted, rtol=1e-9, atol=1e-18):
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=rtol, atol=atol, msg=name)


@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize(("suffix", "size"), [("", 16), ("_bs20", 20)])
def test_batch_importance_is_the_authors(forget, suffix, size):
    part = "forget" if forget else "full"
    found = importance(net(), batches(size, forget), "batch")
    assert_equal(found, under(f"importance_{part}{suffix}/"))


@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("size", [1, 7, 16])
def test_per_sample_importance_is_the_batch_one_form_for_any_batch_size(forget, size):
    part = "forget" if forget else "full"
    found = importance(net(), batches(size, forget), "per_sample")
    assert_equal(found, under(f"importance_{part}_bs1/"))


def test_label_free_importance_and_dampening():
    model = net()
    full = importance(model, batches(16), loss="logit_norm")
    forget = importance(model, batches(16, forget=True), loss="logit_norm")
    assert_equal(full, under("lfssd/importance_full/"))
    assert_equal(forget, under("lfssd/importance_forget/"))
    alpha, lam = GOLDEN["lfssd/alpha_lambda"]
    assert dampen(model, full, forget, alpha, lam) == GOLDEN["lfssd/selected"]
    wanted = under("lfssd/out/")
    assert_equal({n: p.detach() for n, p in model.named_parameters()}, wanted, 1e-8)


@pytest.mark.parametrize("setting", [0, 1, 2])
def test_dampening_of_the_stored_importances(setting):
    model, before = net(), net().state_dict()
    alpha, lam = GOLDEN[f"setting{setting}/alpha_lambda"]
    full, forget = under("importance_full/"), under("importance_forget/")
    selected = dampen(model, full, forget, float(alpha), float(lam))
    assert selected == GOLDEN[f"setting{setting}/selected"]
    kept = sum(
        int(((forget[n] > alpha * full[n]) & (lam * full[n] / forget[n] >= 1)).sum()) for n in full
    )
    assert kept == GOLDEN[f"setting{setting}/bounded"]
    state = model.state_dict()
    for name, tensor in under(f"setting{setting}/out/").items():
        torch.testing.assert_close(state[name], tensor, rtol=1e-12, atol=0, msg=name)
    for name, tensor in before.items():
        if "running" in name or "num_batches" in name:
            assert torch.equal(state[name], tensor)


def test_end_to_end_from_the_data():
    model = net()
    full, forget = importance(model, batches(16)), importance(model, batches(16, forget=True))
    dampen(model, full, forget, 2.0, 1.0)
    state = model.state_dict()
    for name, tensor in under("setting0/out/").items():
        torch.testing.assert_close(state[name], tensor, rtol=1e-8, atol=1e-15, msg=name)


@pytest.mark.parametrize("case", ["A", "B"])
def test_zeros_and_ties(case):
    model = net()
    alpha, lam, _, _ = GOLDEN[f"edge/{case}/alpha_lambda_exponent_bound"]
    full, forget = under("edge/importance_full/"), under("edge/importance_forget/")
    assert dampen(model, full, forget, alpha, lam) == {"A": 308, "B": 679}[case]
    for name, tensor in under(f"edge/{case}/out/").items():
        found = dict(model.named_parameters())[name].detach()
        torch.testing.assert_close(found, tensor, rtol=1e-15, atol=0)
        assert torch.equal(found == 0, tensor == 0)


def test_modes_and_buffers_come_back():
    model = net().train()
    model.bn1.eval()
    before = {n: b.clone() for n, b in model.named_buffers()}
    importance(model, batches(16))
    assert model.training
    assert not model.bn1.training
    assert model.bn2.training
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name])


def test_a_frozen_parameter_is_absent_and_stays():
    model = net()
    model.conv2.weight.requires_grad_(False)
    full = importance(model, batches(16))
    forget = importance(model, batches(16, forget=True))
    assert "conv2.weight" not in full
    before = model.conv2.weight.clone()
    assert dampen(model, full, forget, 0.0, 0.5) > 0
    assert torch.equal(model.conv2.weight, before)


def test_a_batch_sampled_generator_is_read_once_and_an_empty_one_refused():
    assert importance(net(), iter(batches(16)))
    with pytest.raises(UsageError, match="no batches"):
        importance(net(), [])


def test_the_cap_of_the_per_sample_ratio():
    full = importance(net(), batches(16), "per_sample")
    forget = importance(net(), batches(16, forget=True), "per_sample")
    largest = max(float(r.max()) for r in ratios(full, forget).values())
    assert largest <= 48 / 16 * (1 + 1e-9)


@given(st.integers(2, 60), st.floats(0.01, 1.0), st.integers(0, 10_000))
def test_a_share_selects_that_share(size, share, seed):
    generator = torch.Generator().manual_seed(seed)
    full = {"w": torch.rand(size, generator=generator, dtype=torch.float64) + 0.01}
    forget = {"w": torch.rand(size, generator=generator, dtype=torch.float64) + 0.01}
    model = nn.Module()
    model.w = nn.Parameter(torch.ones(size, dtype=torch.float64))
    alpha = alpha_of_share(full, forget, share)
    assert abs(dampen(model, full, forget, alpha, 1.0) - round(share * size)) <= 1


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="fisher"):
        importance(net(), batches(16), "exact")
    with pytest.raises(UsageError, match="share=0"):
        alpha_of_share({"w": torch.ones(3)}, {"w": torch.ones(3)}, 0.0)
    with pytest.raises(UsageError, match="alpha=-1"):
        dampen(net(), {}, {}, -1.0, 1.0)


def test_the_method_warns_when_it_selects_nothing():
    from mu.models.base import Learner
    from mu.unlearning.base import Context, LoaderPart, apply

    parts = {
        "full": LoaderPart((batches(16),)),
        "forget": LoaderPart((batches(16, forget=True),)),
    }
    with pytest.warns(UserWarning, match="selected nothing: alpha=1e"):
        found = apply(SSD(alpha=1e9), Learner(net()), parts, Context())
    assert found.facts["selected"] == 0
    assert "selected nothing" in found.warnings[0]
