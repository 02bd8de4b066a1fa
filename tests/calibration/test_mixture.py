"""Mixed networks: sums of logits, and noise that a sample keeps."""

from dataclasses import replace

import cases
import numpy as np
import pytest
import torch
from torch import nn

from mu.calibration.mixture import Mixture, mixed_heads, mixed_links, noise_of
from mu.models.output_layer import output_layer
from mu.models.vision import SmallCNN


def networks() -> list[nn.Module]:
    torch.manual_seed(3)
    return [SmallCNN(1, 4, 8, 4, 8).eval() for _ in range(2)]


def test_the_logits_are_the_weighted_sum_and_the_head_reads_both_trunks() -> None:
    first, second = networks()
    x = torch.rand(5, 1, 8, 8)
    made = mixed_heads([first, second], [0.25, 0.75], 0.0)
    assert torch.allclose(made(x), 0.25 * first(x) + 0.75 * second(x), atol=1e-6)
    assert torch.equal(made.features(x), torch.cat([first.features(x), second.features(x)], 1))
    assert output_layer(made) is made.head
    assert isinstance(first.head, nn.Linear) and not isinstance(made.trunks[0].head, nn.Linear)


def test_one_network_alone_and_a_head_without_bias() -> None:
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
    made, x = mixed_heads([plain], [2.0], 0.0), torch.rand(6, 3)
    assert made.head.bias is None and made.head.in_features == 4
    assert torch.allclose(made(x), 2 * plain(x))


def test_embeddings_of_links_give_the_weighted_sum() -> None:
    case = cases.links()
    first = case.learner.network
    torch.manual_seed(1)
    second = type(first)(8, 8, 16).eval()
    x = next(iter(case.parts()["full"].batches())).x
    made = mixed_links(first, x, second, [0.5, 0.25], 0.0)
    assert torch.allclose(made(x), 0.5 * first(x) + 0.25 * second(x), atol=1e-5)
    assert made.encode(x).shape[1] == 16
    noisy = mixed_links(first, x, None, [1.0, 0.0], 0.5)(x) - first(x)
    assert noisy.std().item() == pytest.approx(0.5, rel=0.3)


def test_the_first_link_predictor_stays_on_its_own_graph() -> None:
    case = cases.links()
    first = case.learner.network
    x = next(iter(case.parts()["full"].batches())).x
    none = torch.sparse_coo_tensor(size=x.adjacency.shape).to_sparse_csr()
    other = replace(x, adjacency=none, made={})
    made = mixed_links(first, x, first, [1.0, 0.0], 0.0)
    assert torch.allclose(made(other), first(x)) and not torch.allclose(made(other), first(other))
    both = mixed_links(first, x, first, [0.5, 0.5], 0.0)
    assert torch.allclose(both(other), 0.5 * first(x) + 0.5 * first(other), atol=1e-5)


def test_noise_is_standard_normal_and_a_sample_keeps_its_own() -> None:
    logits = 3 * torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    noise = noise_of(logits).numpy()
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    assert abs(np.corrcoef(noise, logits.numpy())[0, 1]) < 0.03
    whole = torch.tensor([0.0, 1.0, -2.0, 1e-9])
    assert torch.isfinite(noise_of(whole)).all()
    first, x = networks()[0], torch.rand(7, 1, 8, 8)
    made = mixed_heads([first], [1.0], 0.5)
    assert torch.equal(made(x), made(x))
    parts = torch.cat([made(one) for one in x.split(2)])
    assert torch.allclose(parts, made(x), atol=0.05)
    assert not torch.allclose(made(x), first(x), atol=0.05)


def test_the_networks_are_not_changed() -> None:
    first, second = networks()
    before = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    made = mixed_heads([first, second], [1.0, 1.0], 0.0)
    with torch.no_grad():
        for weight in made.parameters():
            weight.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in first.state_dict().items())


def test_it_is_rebuilt_from_its_arguments() -> None:
    first, second = networks()
    made = mixed_heads([first, second], [0.5, 0.5], 0.1)
    other = Mixture(SmallCNN(1, 4, 8, 4, 8), 2, 0.1).eval()
    other.load_state_dict(made.state_dict())
    x = torch.rand(4, 1, 8, 8)
    assert torch.equal(other(x), made(x))
