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
    again = mu.unlearn(net, "ssd", **{name: list(loader) for name, loader in loaders.items()})
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
    with pytest.raises(UsageError, match=r"GNNDelete forgets edges, .*which loaders do not tell"):
        mu.unlearn(net, "gnndelete", forget=[], retain=[])
    with pytest.raises(UsageError, match="UtU forgets edges, features, nodes, which"):
        mu.unlearn(net, "utu", forget=[], retain=[])


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


X, Y = torch.randn(24, 3), torch.arange(24) % 2


def parts_of(x=X, y=Y):
    return {"forget": [(x[:8], y[:8])], "retain": [(x[8:16], y[8:16]), (x[16:], y[16:])]}


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class Wrapped(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network


class LikeHuggingFace(Wrapped):
    def forward(self, pixel_values):
        return {"logits": self.network(pixel_values), "hidden": None}


class Flat(Wrapped):
    def forward(self, x):
        return self.network(x).squeeze()


METHODS = ("finetune", "ssd", "neggrad_plus", "random_labels")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_labels_of_any_width_are_the_same_labels(method, kind):
    net = nn.Linear(3, 2)
    found = mu.unlearn(net, method, **parts_of(y=Y.to(kind)))
    assert same(found, mu.unlearn(net, method, **parts_of()))


@pytest.mark.parametrize("method", METHODS)
def test_outputs_and_targets_of_one_logit_in_every_shape(method):
    net = nn.Linear(3, 1)
    wanted = mu.unlearn(net, method, **parts_of())
    for y in (Y.float(), Y.float()[:, None], Y[:, None]):
        assert same(mu.unlearn(net, method, **parts_of(y=y)), wanted)
        assert same(mu.unlearn(Flat(net), method, **parts_of(y=y)), wanted)
    panel = mu.evaluate(net, **parts_of(), test=[(X, Y)])
    assert panel == mu.evaluate(Flat(net), **parts_of(y=Y.float()), test=[(X, Y.float())])


@pytest.mark.parametrize("method", METHODS)
def test_logits_are_read_off_an_object(method):
    net = nn.Linear(3, 2)
    found = mu.unlearn(LikeHuggingFace(net), method, **parts_of())
    assert isinstance(found, LikeHuggingFace)
    assert same(found, mu.unlearn(net, method, **parts_of()))


@pytest.mark.parametrize("method", METHODS)
def test_fields_say_what_is_input_and_target(method):
    net = nn.Linear(3, 2)
    wanted = mu.unlearn(net, method, **parts_of())
    named = {n: [{"y": y, "x": x} for x, y in one] for n, one in parts_of().items()}
    assert same(mu.unlearn(net, method, **named, fields=("x", "y")), wanted)
    longer = {n: [(range(len(y)), x, y) for x, y in one] for n, one in parts_of().items()}
    assert same(mu.unlearn(net, method, **longer, fields=(1, 2)), wanted)
    panel = mu.evaluate(net, **named, test=[{"x": X, "y": Y}], fields=("x", "y"))
    assert panel == mu.evaluate(net, **parts_of(), test=[(X, Y)])
    with pytest.raises(UsageError, match="a batch is a mapping with 'y', 'x'"):
        mu.unlearn(net, method, **named)


@pytest.mark.parametrize(
    "method", ["finetune", "ssd", "neggrad_plus", "gradient_ascent", "retrain"]
)
def test_a_loss_of_ones_own_is_what_is_trained(method):
    net, y = nn.Linear(3, 4), torch.rand(24, 4).round()
    loss = nn.BCEWithLogitsLoss()

    class Learnt(Learner):
        def loss(self, logits, targets, reduction="mean"):
            found = nn.functional.binary_cross_entropy_with_logits(
                logits, targets, reduction="none"
            ).mean(1)
            return {"mean": found.mean, "sum": found.sum, "none": lambda: found}[reduction]()

    found = mu.unlearn(net, method, **parts_of(y=y), loss=loss)
    torch.testing.assert_close(
        found.weight, mu.unlearn(Learnt(net), method, **parts_of(y=y)).network.weight
    )
    with pytest.raises(UsageError, match=r"no class numbers.*BCEWithLogitsLoss\(\)"):
        mu.unlearn(net, method, **parts_of(y=y))


def test_methods_that_need_classes_refuse_other_targets():
    for method in ("random_labels", "bad_teacher", "scrub", "drop_class", "acu"):
        with pytest.raises(UsageError, match="needs class numbers"):
            mu.unlearn(nn.Linear(3, 4), method, **parts_of(y=torch.rand(24, 4)), loss=nn.MSELoss())


def test_scores_of_a_loss_of_ones_own():
    nets = [nn.Linear(3, 2) for _ in range(3)]
    y = torch.rand(24, 2)
    test = [(X + 1, y)]
    found = mu.evaluate(nets[0], **parts_of(y=y), test=test, loss=nn.MSELoss(), oracles=nets[1:])
    wanted = nn.functional.mse_loss(nets[0](X[:8]), y[:8])
    assert found["loss_forget"] == pytest.approx(wanted.item(), rel=1e-5)
    assert 0 <= found["loss_auc"] <= 1 and found["output_forget"] > 0
    assert found["oracle/output_test"] > 0 and "ua" not in found


def test_a_call_leaves_nothing_behind(monkeypatch):
    import os
    import random

    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).train()
    net[0].requires_grad_(False)
    net(X).sum().backward()
    seen = []
    for seed in (1, 2):
        torch.manual_seed(seed), np.random.seed(seed), random.seed(seed)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            new = mu.unlearn(net, "finetune", **parts_of())
            mu.evaluate(net, **parts_of(), test=[(X, Y)])
        seen.append((torch.rand(1).item(), np.random.rand(), random.random()))
        assert new[2].weight.dtype == torch.float32 and new[2].weight.grad is None
        assert [p.requires_grad for p in new.parameters()] == [False] * 2 + [True] * 4
        assert not new.training and all(m.training for m in net.modules())
    assert len(set(seen)) == 2
    assert "PL_GLOBAL_SEED" not in os.environ
    assert net[2].weight.grad is not None and net[1].num_batches_tracked == 1


def test_a_result_can_be_copied_and_trained_by_a_users_trainer():
    import copy
    import pickle

    new = mu.unlearn(Learner(nn.Linear(3, 2)), "finetune", **parts_of())
    assert new._trainer is None
    assert same(copy.deepcopy(new), pickle.loads(pickle.dumps(new)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"forget": []}, "forget= has no batches"),
        ({"retain": []}, "retain= has no batches"),
        ({"lr": float("nan")}, "lr=nan must be positive and finite"),
        ({"forget": [(X, Y + 5)]}, "label 5 is outside the 2 classes"),
        ({"retain": [(-X, Y), (-X, Y - 1)]}, "label -1 is outside"),
        ({"forget": 3}, "forget= is a int, no loader"),
    ],
)
def test_what_comes_in_is_looked_at(options, message):
    with pytest.raises(UsageError, match=message):
        mu.unlearn(nn.Linear(3, 2), "neggrad_plus", **(parts_of() | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": SSD}, "method=SSD is neither the name of a method nor an Unlearner"),
        ({"device": "cpu0"}, "device='cpu0' is neither 'cpu' nor 'cuda'"),
        ({"precision": "16"}, "precision='16' is not one of 32-true, bf16-mixed"),
        ({"seed": None}, "seed=None must be a whole number"),
        ({"forget": [{"image": X, "label": Y}]}, "a batch is a mapping with 'image', 'label'"),
        ({"retain": [(X, Y)]}, "8 of the 8 samples of forget= are in retain= as well"),
    ],
)
def test_every_loader_and_word_is_looked_at_even_where_the_method_reads_it_not(options, message):
    given = {"method": "finetune"} | parts_of() | options  # finetune reads D_r alone
    with pytest.raises(UsageError, match=message):
        mu.unlearn(nn.Linear(3, 2), **given)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("ssd", {"alpha": "abc"}, "method ssd: alpha='abc' is not a number or null"),
        ("ssd", {"alpha": True}, "method ssd: alpha=True is not a number or null"),
        ("finetune", {"epochs": 1.5}, "method finetune: epochs=1.5 is not a whole number"),
        ("gradient_ascent", {"lr": [0.1]}, r"method gradient_ascent: lr=\[0.1\] is not a number"),
    ],
)
def test_an_option_of_another_type_is_named_as_on_the_command_line(method, options, message):
    with pytest.raises(UsageError, match=message):
        mu.unlearn(nn.Linear(3, 2), method, **parts_of(), **options)


def test_numbers_of_numpy_and_torch_are_numbers():
    plain = mu.unlearn(nn.Linear(3, 2), "gradient_ascent", **parts_of(), lr=0.5, epochs=2)
    found = mu.unlearn(
        nn.Linear(3, 2), "gradient_ascent", **parts_of(), lr=np.float32(0.5), epochs=torch.tensor(2)
    )
    assert found.unlearning["forward"] == plain.unlearning["forward"]


def test_probabilities_are_no_logits():
    net, parts = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1)), parts_of()
    for call in (mu.unlearn, lambda net, **parts: mu.evaluate(net, **parts, test=[(X, Y)])):
        with pytest.raises(UsageError, match="Sequential returns probabilities on the first batch"):
            call(net, **parts)
    log = nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax(1))
    assert mu.evaluate(log, **parts, test=[(X, Y)])["ta"] >= 0


def test_a_panel_for_other_outputs():
    with pytest.raises(UsageError, match="panel='links' is for link predictors"):
        mu.evaluate(nn.Linear(3, 2), **parts_of(), test=[(X, Y)], panel="links")
    shares = [(X, torch.rand(len(X), 2))]
    parts = {"forget": shares, "retain": [(-X, shares[0][1])], "test": shares}
    with pytest.raises(UsageError, match="panel='classification' counts classes"):
        mu.evaluate(nn.Linear(3, 2), **parts, loss=nn.MSELoss(), panel="classification")


def test_weights_that_are_not_finite_before_or_after():
    from mu.errors import StepFailed

    net = nn.Linear(3, 2)
    with pytest.raises(StepFailed, match="left weights that are not finite"):
        mu.unlearn(net, "gradient_ascent", **parts_of(), lr=1e38, epochs=9)
    net.weight.data[0] = torch.inf
    for call in (mu.unlearn, lambda net, **parts: mu.evaluate(net, **parts, test=[(X, Y)])):
        with pytest.raises(UsageError, match="weight of Linear holds values that are not finite"):
            call(net, **parts_of())


def test_a_method_that_did_nothing_says_so():
    with pytest.warns(UserWarning, match="GradientAscent did nothing: every weight is as it"):
        mu.unlearn(nn.Linear(3, 2), "gradient_ascent", **parts_of(), lr=1e-30)


def test_ssd_on_a_tail_that_is_merged_is_ssd_on_the_network_with_a_frozen_trunk(digits):
    _, loaders, _ = digits
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
    net.append(nn.Linear(32, 10))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trunk, tail = mu.cut(net, "2")
    seen = {}
    with torch.no_grad():
        for name, loader in loaders.items():
            seen[name] = [(trunk(x), y) for x, y in loader]
    merged = mu.merge(net, "2", mu.unlearn(tail, "ssd", **seen, share=0.05))
    frozen = nn.Sequential(*net)
    frozen[:2].requires_grad_(False)
    lists = {name: list(loader) for name, loader in loaders.items()}  # as those of the tail are
    whole = mu.unlearn(frozen, "ssd", **lists, share=0.05)
    assert type(merged) is nn.Sequential and not merged.training
    for name, tensor in whole.state_dict().items():
        found = merged.state_dict()[name]
        assert torch.allclose(found, tensor, atol=1e-6), name
        assert torch.equal(found != before[name], tensor != before[name]), "the same are dampened"
    assert (merged[2].weight != before["2.weight"]).any()
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    other = nn.Sequential(nn.Linear(32, 3))
    with pytest.raises(UsageError, match="weights of the tail do not fit"):
        mu.merge(net, "2", other)
    learner = mu.merge(Learner(net), "2", tail)
    assert isinstance(learner, Learner) and type(learner.network) is nn.Sequential
