"""Checkpoints of others: what loads computes the same, and what does not says what to do."""

from pathlib import Path

import pytest
import torch
from layouts_case import LAYOUTS, Gnn, Layout
from safetensors.torch import save_file
from torch import nn
from torch_geometric.utils import to_undirected

from mu.data.graphs import GraphInput, adjacency
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.weights import load_weights, read_weights

PAGE = Path(__file__).parents[2] / "docs/files.md"


def written(layout: Layout, network: nn.Module, folder: Path) -> Path:
    path = folder / f"w.{layout.ending}"
    content = layout.content(network)
    if layout.ending == "safetensors":
        save_file({n: t.contiguous() for n, t in content.items()}, path)
    else:
        torch.save(content, path)
    return path


def trained(network: nn.Module) -> nn.Module:
    """Every tensor moved off its first value, as training would."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith(("_mask", "mean", "std")):
            tensor.add_(0.02 * torch.rand_like(tensor))
        if name.endswith("running_mean"):
            tensor.add_(0.1 * torch.randn_like(tensor))
    return network.eval()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.title)
def test_a_file_loads_or_is_refused_with_the_way_out(layout, tmp_path):
    network = trained(layout.network())
    learner = Learner(layout.here())
    path = written(layout, network, tmp_path)
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    if layout.remedy:
        with pytest.raises(UsageError) as caught:
            load_weights(learner, read_weights(path), path.name, layout.data)
        assert layout.remedy in str(caught.value)
        assert "\n" not in str(caught.value)
        assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())
        return
    load_weights(learner, read_weights(path), path.name, layout.data)
    assert_same(network, learner.eval(), layout)


@torch.no_grad()
def assert_same(network: nn.Module, learner: Learner, layout: Layout) -> None:
    if isinstance(network, Gnn):
        x = torch.randn(6, 5)
        edges = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 4, 4]])
        given = GraphInput(x, adjacency(edges.T.numpy(), 6))
        wanted = network(x, to_undirected(edges))
        torch.testing.assert_close(wanted, learner(given), atol=1e-5, rtol=1e-4)
        return
    x = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(v)[:, None, None] for v in layout.data or ((0.0,), (1.0,)))
    torch.testing.assert_close(network(x), learner((x - mean) / std), atol=1e-4, rtol=1e-3)


def test_the_page_lists_them_all():
    rows = [
        f"| {one.title} | {one.seen} | {f'refused: *{one.remedy}*' if one.remedy else 'loads'} |"
        for one in LAYOUTS
    ]
    table = "\n".join(["| file | seen in | here |", "| --- | --- | --- |", *rows])
    assert table in PAGE.read_text(encoding="utf-8"), f"{PAGE.name} should have:\n{table}"
