"""The two calls of the library on a user's own model and loaders."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import mu
from mu.errors import UsageError
from mu.models.base import Learner
from mu.parts.part import LoaderPart, by_rows
from mu.unlearning.base import Unlearner
from mu.unlearning.ssd import SSD, alpha_of_share, dampen, importance


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    train, test = TensorDataset(x[:900], y[:900]), TensorDataset(x[900:], y[900:])
    forgotten = (y[:900] == 3).nonzero().flatten().tolist()
    kept = (y[:900] != 3).nonzero().flatten().tolist()
    loaders = {
        "forget": DataLoader(torch.utils.data.Subset(train, forgotten), 64),
        "retain": DataLoader(torch.utils.data.Subset(train, kept), 64),
    }
    return train, loaders, DataLoader(test, 256)


def trained(data, seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(15):
        for x, y in data:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def net(digits):
    return trained(DataLoader(digits[0], 64, shuffle=True), 0)


def test_unlearn_is_the_public_functions_and_leaves_the_net_alone(digits, net):
    _, loaders, _ = digits
    before = {n: t.clone() for n, t in net.state_dict().items()}
    new = mu.unlearn(net, method="ssd", **loaders, share=0.02, lam=0.5)
    assert type(new) is nn.Sequential
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])
    reading = {"batch_size": 64, "shuffle": True}
    full = LoaderPart((loaders["retain"], loaders["forget"])).batches(**reading)
    forget = by_rows(LoaderPart((loaders["forget"],))).batches(**reading)
    full, forget = importance(net, full), importance(net, forget)
    twin = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    twin.load_state_dict(before)
    selected = dampen(twin, full, forget, alpha_of_share(full, forget, 0.02), 0.5)
    assert new.unlearning["selected"] == selected > 0
    for name, tensor in twin.state_dict().items():
        torch.testing.assert_close(new.state_dict()[name], tensor)


def test_an_unlearner_may_be_handed_over(digits, net):
    _, loaders, _ = digits
    a = mu.unlearn(net, SSD(share=0.02), **loaders)
    b = mu.unlearn(net, "ssd", **loaders, share=0.02)
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)


def test_evaluate_with_and_without_oracles(digits, net):
    _, loaders, test = digits
    oracles = [trained(loaders["retain"], seed) for seed in (0, 1)]
    alone = mu.evaluate(net, **loaders, test=test)
    assert alone["ra"] > 0.95
    assert "kl_forget" not in alone
    assert not [name for name in alone if name.startswith("oracle/")]
    panel = mu.evaluate(net, original=net, oracles=oracles, **loaders, test=test)
    assert panel["kl_forget"] > panel["oracle/kl_forget"] > 0
    assert panel["ua"] < 0.1
    assert panel["oracle/ua"] == 1.0
    wrong = sum(int((net(x).argmax(1) != y).sum()) for x, y in loaders["forget"])
    assert panel["ua"] == pytest.approx(wrong / len(loaders["forget"].dataset))


def test_an_iterable_that_can_be_read_only_once(digits, net):
    _, loaders, _ = digits
    once = mu.unlearn(net, "ssd", forget=iter(loaders["forget"]), retain=iter(loaders["retain"]))
    again = mu.unlearn(net, "ssd", **loaders)
    for x, y in zip(once.parameters(), again.parameters(), strict=True):
        assert torch.equal(x, y)


def test_a_graph_of_pyg(digits):
    from torch_geometric.data import Data

    from mu.data.graphs import GraphInput, adjacency
    from mu.models.graph import GCN

    torch.manual_seed(0)
    graph = Data(x=torch.randn(30, 5), edge_index=torch.randint(30, (2, 60)))
    y = torch.arange(30) % 3
    edges = graph.edge_index.T.numpy()
    whole = GraphInput(graph.x, adjacency(edges[edges[:, 0] < edges[:, 1]], 30))
    batch = {
        name: [(GraphInput(whole.features, whole.adjacency, nodes=ids), y[ids])]
        for name, ids in {"forget": torch.arange(5), "retain": torch.arange(5, 30)}.items()
    }
    net = GCN(5, 3, 8)
    new = mu.unlearn(net, "gradient_ascent", **batch, epochs=2, lr=0.1)
    panel = mu.evaluate(new, **batch, test=batch["retain"])
    assert 0 <= panel["ua"] <= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, p: mu.unlearn(n, "sssd", **p), "did you mean ssd"),
        (lambda n, p: mu.unlearn(n, "ssd", **p, alhpa=1.0), "did you mean alpha"),
        (lambda n, p: mu.unlearn(n, "ssd", forget=p["forget"]), "needs both"),
        (lambda n, p: mu.unlearn(n, "finetune", forget=p["forget"]), "FineTune needs retain"),
        (lambda n, p: mu.unlearn(n, SSD(), **p, share=0.1), "Unlearner itself"),
        (lambda n, p: mu.evaluate(n, **p, test=[], panel="x"), "evaluation panel 'x'"),
    ],
)
def test_mistakes_are_named(digits, net, call, message):
    with pytest.raises(UsageError, match=message):
        call(net, digits[1])


def test_bad_labels_and_models_are_named():
    net, batch = nn.Linear(3, 2), (torch.eye(3), torch.tensor([0, 1, 2]))
    good = (torch.eye(3), torch.tensor([0, 1, 0]))
    with pytest.raises(UsageError, match="label 2 is outside the 2 classes"):
        mu.evaluate(net, forget=[batch], retain=[good], test=[good])
    with pytest.raises(UsageError, match=r"oracles takes a list of models"):
        mu.evaluate(net, forget=[good], retain=[good], test=[good], oracles=net)


def test_a_loader_without_a_length_is_read():
    class Stream:
        def __iter__(self):
            return iter([(torch.eye(3), torch.tensor([0, 1, 0]))])

    found = mu.unlearn(nn.Linear(3, 2), "finetune", retain=Stream(), epochs=2, lr=0.1)
    assert found.unlearning["forward"] == 6


class Plain(nn.Module):
    """A network as a user of torch_geometric writes it."""

    def __init__(self) -> None:
        from torch_geometric.nn import GCNConv

        super().__init__()
        self.conv1, self.conv2 = GCNConv(34, 16), GCNConv(16, 8)

    def forward(self, x, edges):
        return self.conv2(self.conv1(x, edges).relu(), edges)


@pytest.mark.parametrize("method", ["d2dgn", "d2dgn_unseen", "gnndelete", "gif", "utu", "ssd"])
def test_a_users_own_graph_and_network(method):
    from torch_geometric.datasets import KarateClub

    from mu.data.pyg import links_of
    from mu.forget_sets.files import Request
    from mu.models.graph import Encoder
    from mu.training.fit import fit

    torch.manual_seed(0)
    data, net = links_of(KarateClub()[0], validation=0.1, test=0.1), Encoder(Plain())
    recipe = {"epochs": 30, "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.02}}
    fit(Learner(net), data.loader(data.parts["train"], train=True), recipe)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    gone = data.edge_ids(data.edges[[3, 8]])
    new = mu.unlearn(net, method, data=data, request=Request("edges", gone))
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    kept = data.without({"edges": gone})
    panel = mu.evaluate(
        new,
        forget=data.loader(gone, kept.view),
        retain=data.loader(kept.ids, kept.view),
        test=data.loader(data.parts["test"], kept.view),
        original=net,
        panel="links",
    )
    assert 0 <= panel["df_auc"] <= 1
    assert panel["dt_auc"] > 0.4


def test_loaders_and_data_exclude_each_other():
    from torch_geometric.datasets import KarateClub

    from mu.data.pyg import links_of
    from mu.forget_sets.files import Request

    data, request = links_of(KarateClub()[0]), Request("edges", np.array([999]))
    net = nn.Linear(2, 1)
    for given in ({"data": data}, {"request": request}, {"data": data, "forget": []}):
        with pytest.raises(UsageError, match="give either loaders"):
            mu.unlearn(net, "utu", **given)
    with pytest.raises(UsageError, match="id 999 is not one of the"):
        mu.unlearn(net, "utu", data=data, request=request)
    with pytest.raises(UsageError, match="GNNDelete needs kept, which loaders do not tell"):
        mu.unlearn(net, "gnndelete", forget=[], retain=[])
    with pytest.raises(UsageError, match="D2DGN needs validation"):
        mu.unlearn(net, "d2dgn", forget=[], retain=[])


def in_a_row(digits, net, method, labels, **options):
    """Classes that leave a model one after the other, each by loaders of its own."""
    (x, y), (_, _, test) = digits[0].tensors, digits
    found, gone = [net], []
    for label in labels:
        gone.append(label)
        rows = {"forget": y == label, "retain": ~torch.isin(y, torch.tensor(gone))}
        loaders = {n: DataLoader(TensorDataset(x[r], y[r]), 64) for n, r in rows.items()}
        memory = getattr(found[-1], "unlearning_memory", None)
        given = loaders | {"validation": test, "memory": memory} | options
        found.append(mu.unlearn(found[-1], method, **given))
    return found[1:]


def test_adapters_of_requests_in_a_row(digits):
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    images = nn.Unflatten(1, (1, 8, 8))
    vit = VisionTransformer(
        img_size=8, patch_size=4, in_chans=1, embed_dim=8, depth=2, num_heads=2, num_classes=10
    )
    options = {"epochs": 1, "rank": 1, "w_forget": 0.1}
    first, second = in_a_row(digits, nn.Sequential(images, vit), "gs_lora_pp", [3, 5], **options)
    assert first.unlearning_memory["norms"].shape == (1, 2)
    assert second.unlearning_memory["norms"].shape == (2, 2)
    prototypes = [one.unlearning_memory["prototypes"] for one in (first, second)]
    torch.testing.assert_close(*prototypes, equal_nan=True)
    assert 0 <= second.unlearning["accuracy"]["forget"] <= 1


def test_a_head_forgets_rows_in_a_row_exactly(digits, net):
    options = {"expansion": 32}
    _, second = in_a_row(digits, net, "acu", [3, 5], **options)
    (x, y) = digits[0].tensors
    gone = (y == 3) | (y == 5)
    both, rest = (DataLoader(TensorDataset(x[r], y[r]), 64) for r in (gone, ~gone))
    at_once = mu.unlearn(net, "acu", forget=both, retain=rest, **options)
    assert second.unlearning["statistics"] == at_once.unlearning["statistics"]
    torch.testing.assert_close(second(x), at_once(x), rtol=0, atol=0)
    memory = second.unlearning_memory
    with pytest.raises(UsageError, match="removed"):
        mu.unlearn(second, "acu", forget=both, retain=rest, memory=memory, **options)


class Sizes(Unlearner):
    """Says how many samples each part has, and of the graph how many edges."""

    def solve(self):
        for part in ("forget", "retain"):
            batches = list(self.forward_batches(part))
            self.facts[part] = sum(len(batch) for batch in batches)
            self.facts["edges"] = batches[0].x.adjacency.values().numel()


def test_what_left_a_graph_before_is_gone():
    from torch_geometric.datasets import KarateClub

    from mu.data.pyg import links_of
    from mu.forget_sets.files import Request
    from mu.models.graph import Encoder

    torch.manual_seed(0)
    data, net = links_of(KarateClub()[0], validation=0.1, test=0.1), Encoder(Plain())
    one, two = (Request("edges", data.edge_ids(data.edges[[i]])) for i in (3, 8))
    first = mu.unlearn(net, "utu", data=data, request=one)
    alone = mu.unlearn(first, Sizes(), data=data, request=two).unlearning
    after = mu.unlearn(first, Sizes(), data=data, request=two, before=[one]).unlearning
    assert alone["forget"] == after["forget"] == 1
    assert alone["retain"] == after["retain"] + 1
    assert alone["edges"] == after["edges"] + 2  # both directions
    with pytest.raises(UsageError, match="forgotten by an earlier request"):
        mu.unlearn(first, "utu", data=data, request=one, before=[one])
    with pytest.raises(UsageError, match="give either loaders"):
        mu.unlearn(first, "utu", forget=[], retain=[], before=[one])
