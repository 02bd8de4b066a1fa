"""GS-LoRA: the authors' losses and whole continual run, and what must hold of any request."""

import math

import numpy as np
import pytest
import torch
from cases import quadrants
from gs_lora_case import GOLDEN, batches, below, tensor, value, vit

from mu.data.base import TensorData
from mu.errors import NotApplicable, UsageError
from mu.lora.adapters import Adapters
from mu.lora.prototypes import apart, class_means
from mu.lora.replay import Replay
from mu.models.base import Learner
from mu.models.output_layer import output_layer
from mu.models.timm import TimmModel
from mu.unlearning import gs_lora
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.gs_lora import GSLoRA, bounded_forget_loss, h_mean, prototype_loss

# The losses.


@pytest.mark.parametrize("case", range(4))
def test_bounded_loss(case: int) -> None:
    logits = tensor("bounded/logits").requires_grad_()
    found = bounded_forget_loss(logits, tensor("bounded/labels"), value(f"bounded/{case}/bound"))
    assert float(found.detach()) == pytest.approx(value(f"bounded/{case}/loss"), abs=1e-10)
    found.backward()
    torch.testing.assert_close(logits.grad, tensor(f"bounded/{case}/grad"), rtol=1e-9, atol=1e-12)


def test_prototype_loss_and_push() -> None:
    z, y = tensor("proto/embeddings").requires_grad_(), tensor("proto/labels")
    p = tensor("proto/prototypes")
    found = prototype_loss(z, y, p)
    assert float(found.detach()) == pytest.approx(value("proto/kl"), rel=1e-9)
    found.backward(retain_graph=True)
    torch.testing.assert_close(z.grad, tensor("proto/kl_grad"), rtol=1e-9, atol=1e-12)
    for case in range(2):
        z.grad = None
        push = torch.relu(value(f"proto/push{case}/bound") - found)
        assert float(push.detach()) == pytest.approx(value(f"proto/push{case}/loss"), abs=1e-10)
        push.backward(retain_graph=True)
        torch.testing.assert_close(z.grad, tensor(f"proto/push{case}/grad"), atol=1e-12, rtol=1e-9)


def test_prototypes_are_class_means() -> None:
    class Same(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(12, 7).double()

        def forward(self, x):
            return self.head(x)

    learner = Learner(Same())
    batch = (tensor("proto/support_embeddings"), tensor("proto/support_labels"))
    part = LoaderPart(([batch],))
    from mu.models.base import as_batch

    found = class_means(learner, map(as_batch, part.batches()), learner.network.head, 7)
    torch.testing.assert_close(found, tensor("proto/prototypes"))
    assert apart(found) > 0
    assert apart(found[:1]) == 0


def test_h_mean() -> None:
    rows = GOLDEN["hmean/forget_before_after_retain"]
    for (before, after, retain), wanted in zip(rows, GOLDEN["hmean/h"], strict=True):
        assert h_mean(retain, before - after) == pytest.approx(wanted, abs=1e-6)
    assert h_mean(70, -1) == 0 and h_mean(0, 0) == 0


# The authors' run of two requests.


def golden_method() -> GSLoRA:
    about = {n: value(f"vit/config/{n}") for n in ("epochs", "lr", "rank", "BND", "beta", "alpha")}
    return GSLoRA(
        epochs=int(about["epochs"]),
        lr=about["lr"],
        rank=int(about["rank"]),
        alpha=about["alpha"],
        warmup=value("vit/config/alpha_epoch") / about["epochs"],
        proximal=False,
        beta=about["beta"],
        bound=about["BND"],
        share=None,
        w_forget=value("vit/config/wf"),
        w_retain=value("vit/config/wr"),
        bound_prototype=value("vit/config/BND_pro"),
        prototypes="current",
        stop=None,
        batch_size=None,
        weight_decay=0.05,
    )


def test_two_requests_are_the_authors(monkeypatch) -> None:
    learner, memory = Learner(vit()), {}
    seen: dict[str, torch.Tensor] = {}
    for number in range(2):
        prefix = f"vit/request{number}"
        start = below(f"{prefix}/lora_start")

        class Given(Adapters):
            def __init__(self, *args, start=start, **kwargs) -> None:
                super().__init__(*args, **kwargs)
                for name, layer in self.layers.items():
                    layer.A.data.copy_(start[f"{name}/A"])
                    layer.B.data.copy_(start[f"{name}/B"])

            def merge(self) -> None:
                for name, layer in self.layers.items():
                    seen[f"{name}/A"], seen[f"{name}/B"] = layer.A.detach(), layer.B.detach()
                super().merge()

        monkeypatch.setattr(gs_lora, "Adapters", Given)
        parts = {
            part: LoaderPart((batches(tensor(f"{prefix}/x_{own}"), tensor(f"{prefix}/y_{own}")),))
            for part, own in (("forget", "forget"), ("retain", "remain"), ("validation", "remain"))
        }
        method = golden_method()
        found = apply(method, learner, parts, Context(), memory)
        for name, wanted in below(f"{prefix}/lora_end").items():
            torch.testing.assert_close(seen[name], wanted, rtol=1e-8, atol=1e-11)
        assert float(sum(found.facts["norms"])) == pytest.approx(
            value(f"{prefix}/penalty_end"), rel=1e-8
        )
        state = found.learner.network.state_dict()
        for name, wanted in below(f"{prefix}/merged").items():
            torch.testing.assert_close(state[name], wanted, rtol=1e-8, atol=1e-11)
        with torch.no_grad():
            logits = found.learner.network(tensor("vit/x_test"))
        torch.testing.assert_close(logits, tensor(f"{prefix}/test_logits"), rtol=1e-8, atol=1e-10)
        labels = tensor(f"{prefix}/prototype_labels")
        torch.testing.assert_close(method.table[labels], tensor(f"{prefix}/prototypes"))
        learner, memory = found.learner, found.memory
    assert memory["norms"].shape == (2, 6)


def test_the_first_step_s_terms_and_gradients(monkeypatch) -> None:
    learner = Learner(vit())
    start = below("vit/request0/lora_start")
    method = golden_method()
    method.learner, method.head = learner, output_layer(learner.network)
    method.adapters = Adapters(learner.network, rank=4)
    for name, layer in method.adapters.layers.items():
        layer.A.data.copy_(start[f"{name}/A"])
        layer.B.data.copy_(start[f"{name}/B"])
    method.table = tensor("vit/request0/prototypes")
    method.reach = method.bound, method.bound_prototype
    method.replay = Replay.__new__(Replay)
    method.replay.stages = None
    from mu.models.base import as_batch

    pair = [
        as_batch(batches(tensor(f"vit/request0/x_{o}"), tensor(f"vit/request0/y_{o}"))[0])
        for o in ("remain", "forget")
    ]
    terms = method.terms(*pair)
    structure = method.alpha * gs_lora.group_sparsity(method.adapters.groups())
    push, pull = terms["push"], terms["pull"]
    wanted = {n: value(f"vit/request0/first_step/{n}") for n in ("forget", "remain", "structure")}
    for name, found in {**terms, "structure": structure}.items():
        if name in wanted:
            assert float(found.detach()) == pytest.approx(wanted[name], rel=1e-9), name
    prefix = "vit/request0/first_step/prototype"
    assert float(push.detach()) == pytest.approx(value(f"{prefix}_forget"), rel=1e-9)
    assert float(pull.detach()) == pytest.approx(value(f"{prefix}_remain"), rel=1e-9)
    (terms["remain"] + terms["forget"] + push + pull + structure).backward()
    for name, gradient in below("vit/request0/first_grad_full_alpha").items():
        layer, letter = name.rsplit("/", 1)
        own = getattr(method.adapters.layers[layer], letter).grad
        torch.testing.assert_close(own, gradient, rtol=1e-8, atol=1e-11)


# Requests of a small network on easy images.


@pytest.fixture(scope="module")
def easy():
    """Four classes of 8×8 images, a Vision Transformer trained on them."""
    import timm

    x, y = quadrants(200)
    ids = np.arange(200)
    data = TensorData(x, y, train=ids[:120], validation=ids[120:160], test=ids[160:])
    torch.manual_seed(0)
    network = timm.models.vision_transformer.VisionTransformer(
        img_size=8, patch_size=4, in_chans=1, embed_dim=16, depth=2, num_heads=2, num_classes=4
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(200):
        loss = torch.nn.functional.cross_entropy(network(x[:120]), y[:120])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return data, Learner(network.eval())


def request(easy, labels, gone=(), memory=None, learner=None, **options):
    data, own = easy
    view, ids = data.without({}).view, data.parts["train"]
    y = np.asarray(data.targets(ids))
    parts = {
        "forget": DataPart(data, ids[np.isin(y, labels)], view),
        "retain": DataPart(data, ids[~np.isin(y, [*labels, *gone])], view),
        "validation": DataPart(data, data.parts["validation"], view),
    }
    given = {"epochs": 30, "rank": 2, "share": None, "beta": 0.5, "batch_size": 30} | options
    return apply(GSLoRA(**given), learner or own, parts, Context(seed=1), memory)


def accuracy(data, learner, label):
    ids = data.parts["test"][np.asarray(data.targets(data.parts["test"])) == label]
    batch = next(iter(data.loader(ids, data.without({}).view)))
    return float((learner(batch.x).argmax(1) == batch.y).float().mean())


def test_a_class_is_forgotten_and_the_others_stay(easy) -> None:
    data, learner = easy
    found = request(easy, [2])
    assert accuracy(data, learner, 2) > 0.9
    assert accuracy(data, found.learner, 2) < 0.2
    assert all(accuracy(data, found.learner, label) > 0.9 for label in (0, 1, 3))
    assert found.facts["accuracy"]["forget"] < 0.2 and found.facts["epochs"] <= 30


class Dearer(Learner):
    """A learner whose loss is one more than cross-entropy."""

    def loss(self, logits, targets, reduction="mean"):
        return super().loss(logits, targets, reduction) + 1


def test_the_loss_is_that_of_the_learner(easy) -> None:
    given = {"epochs": 1, "batch_size": None, "keep": "last"}
    (plain,) = request(easy, [2], **given).facts["losses"]
    (own,) = request(easy, [2], learner=Dearer(easy[1].network), **given).facts["losses"]
    assert own["retain"] == pytest.approx(plain["retain"] + 1, rel=1e-5)
    assert own["forget"] == pytest.approx(plain["forget"] + 1, rel=1e-5)
    assert bounded_forget_loss(torch.zeros(1, 2), torch.tensor([0]), 1.5, easy[1].loss) > 0.8
    assert bounded_forget_loss(torch.zeros(1, 2), torch.tensor([0]), 1.5, Dearer(None).loss) == 0


def test_an_object_has_the_bound_of_each_model_it_is_run_on() -> None:
    method, bounds = GSLoRA(epochs=1, rank=2, share=None, batch_size=None, w_forget=0.1), []
    for classes in (4, 9):
        torch.manual_seed(0)
        network = TimmModel(
            "vit_tiny_patch16_224",
            1,
            classes,
            8,
            patch_size=4,
            options={"depth": 2, "embed_dim": 16, "num_heads": 2},
        )
        x, y = quadrants(24)
        gone = y == 2
        parts = {
            "forget": LoaderPart(([(x[gone], y[gone])],)),
            "retain": LoaderPart(([(x[~gone], y[~gone])],)),
            "validation": LoaderPart(([(x, y)],)),
        }
        bounds.append(apply(method, Learner(network.eval()), parts, Context()).facts)
    assert [one["bound"] for one in bounds] == pytest.approx([3 * math.log(4), 3 * math.log(9)])
    assert bounds[0]["bound_prototype"] != bounds[1]["bound_prototype"]


def test_only_feed_forward_weights_change_and_the_network_is_plain(easy) -> None:
    _, learner = easy
    before = learner.state_dict()
    found = request(easy, [2])
    after = found.learner.state_dict()
    assert list(after) == list(before)
    for name, tensor_ in after.items():
        changed = not torch.equal(tensor_, before[name])
        assert changed == (".mlp." in name and name.endswith("weight")), name
    flags = [p.requires_grad for p in found.learner.parameters()]
    assert flags == [p.requires_grad for p in learner.parameters()]


def test_a_second_request_leaves_the_first_one_s_change_in_place(easy) -> None:
    data, learner = easy
    first = request(easy, [2])
    second = request(easy, [0], [2], first.memory, first.learner)
    assert accuracy(data, second.learner, 2) < 0.2 and accuracy(data, second.learner, 0) < 0.2
    assert all(accuracy(data, second.learner, label) > 0.9 for label in (1, 3))
    name = "network.blocks.0.mlp.fc1.weight"
    weights = [one.state_dict()[name] for one in (learner, first.learner, second.learner)]
    one, two = weights[1] - weights[0], weights[2] - weights[1]
    both = torch.linalg.matrix_rank(weights[2] - weights[0], atol=1e-5)
    assert torch.linalg.matrix_rank(one, atol=1e-5) == torch.linalg.matrix_rank(two, atol=1e-5) == 2
    assert both == 4
    assert second.memory["norms"].shape == (2, 2)


def test_the_proximal_step_reaches_zero_and_gradients_do_not(easy) -> None:
    strong = {"alpha": 8.0, "warmup": 0.0, "groups": "matrix"}
    found = request(easy, [2], **strong)
    assert found.facts["zero_group_ratio"] == 1 and set(found.facts["norms"]) == {0.0}
    before = easy[1].state_dict()
    assert all(torch.equal(before[n], t) for n, t in found.learner.state_dict().items())
    gradient = request(easy, [2], proximal=False, **strong)
    assert 0.0 not in gradient.facts["norms"]


def test_groups_near_zero_are_pruned_only_to_look(easy, monkeypatch) -> None:
    monkeypatch.setattr(gs_lora, "TOLERANCE", 0.999)
    found = request(easy, [2])
    assert found.facts["zero_group_ratio"] == 0.5
    assert set(found.facts["accuracy_pruned"]) == {"forget", "retain"}
    assert accuracy(easy[0], found.learner, 2) < 0.2


def test_it_ends_when_the_bound_is_met(easy) -> None:
    short = request(easy, [2], bound=1.5, epochs=60, settle=30)
    assert short.facts["epochs"] < 60
    assert request(easy, [2], bound=1.5, epochs=12, stop=None).facts["epochs"] == 12


@pytest.mark.parametrize("staged", [True, False])
def test_every_epoch_is_counted(easy, staged, monkeypatch) -> None:
    monkeypatch.setattr(gs_lora.Stages, "fits", lambda network: staged)
    short, long = (request(easy, [2], epochs=n, stop=None) for n in (1, 4))
    # three pairs of batches of 30 an epoch
    assert long.meter.backward - short.meter.backward == 3 * 2 * 90
    assert long.meter.forward - short.meter.forward == 3 * 2 * 90


def test_past_its_bound_a_batch_costs_no_backward_pass(easy) -> None:
    def halves(bound, **options):
        found = request(easy, [2], epochs=2, stop=None, bound=bound, **options)
        forward = found.meter.forward - request(easy, [2], epochs=1, stop=None).meter.forward
        return found.meter.backward, forward

    met, open_, pushed = halves(0.0), halves(99.0), halves(0.0, w_forget=0.1, bound_prototype=99.0)
    assert met == (2 * 90, 2 * 90) and open_ == (2 * 2 * 90, 2 * 90)
    assert pushed[0] == 2 * 2 * 90
    every, half = (request(easy, [2], epochs=2, stop=None, bound=0.0, beta=b) for b in (0.5, 0.0))
    for one, other in zip(every.learner.parameters(), half.learner.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_it_does_not_end_before_the_penalty_had_its_say(easy) -> None:
    early, late = (request(easy, [2], bound=1.5, epochs=60, settle=n) for n in (0, 27))
    steps = 3  # 90 images that stay, 30 a batch
    assert early.facts["epochs"] + 27 / steps - 1 <= late.facts["epochs"] < 60


def test_a_group_that_has_vanished_has_left_the_mean(easy) -> None:
    found = request(easy, [2], ema=0.99, alpha=40.0, warmup=0.2, groups="matrix", epochs=20)
    assert set(found.facts["norms"]) == {0.0}


def test_prototypes_of_the_original_are_kept_for_later_requests(easy) -> None:
    options = {"w_forget": 0.1, "w_retain": 0.1}
    first = request(easy, [2], **options)
    second = request(easy, [0], [2], first.memory, first.learner, **options)
    assert torch.equal(first.memory["prototypes"], second.memory["prototypes"])
    assert first.facts["bound_prototype"] > 0
    assert "prototypes" not in request(easy, [2], prototypes="current", **options).memory


def test_classes_that_left_before_are_on_neither_side(easy) -> None:
    first = request(easy, [2])
    second = request(easy, [0], [2], first.memory, first.learner)
    assert second.facts["accuracy"]["retain"] > 0.9


@pytest.mark.parametrize(
    "name", ["bounded_forget_loss", "prototype_loss", "proximal_step", "group_norms", "h_mean"]
)
def test_it_runs_the_public_functions(easy, name: str, monkeypatch) -> None:
    def broken(*args, **kwargs):
        raise RuntimeError(name)

    monkeypatch.setattr(gs_lora, name, broken)
    with pytest.raises(RuntimeError, match=name):
        request(easy, [2], epochs=2, warmup=0.0, w_forget=0.1, keep="best")


def test_the_adapter_may_be_kept_beside_the_merged_model(easy, tmp_path) -> None:
    from mu.lora.adapters import write_peft

    _, learner = easy
    found = request(easy, [2], keep_adapter=True)
    kept = {n.removeprefix("adapter/"): t for n, t in found.memory.items() if "adapter/" in n}
    a, b = (kept[f"base_model.model.blocks.0.mlp.fc1.lora_{x}.weight"] for x in "AB")
    name = "network.blocks.0.mlp.fc1.weight"
    change = found.learner.state_dict()[name] - learner.state_dict()[name]
    torch.testing.assert_close(change, 0.5 * b @ a, rtol=1e-3, atol=1e-5)
    write_peft(kept, 0.5, tmp_path)
    assert (tmp_path / "adapter_model.safetensors").is_file()
    second = request(easy, [0], [2], found.memory, found.learner)
    assert not any("adapter/" in n for n in second.memory)


def test_missing_classes_are_kept_without_replay(easy) -> None:
    data, _ = easy
    found = request(easy, [2], missing=[3])
    assert found.meter.forward > 0
    assert accuracy(data, found.learner, 0) > 0.9
    with pytest.raises(UsageError, match="leaves no class"):
        request(easy, [2], missing=[0, 1, 3])


def test_few_shots_cost_less(easy) -> None:
    all_, few = (
        request(easy, [2], epochs=3, stop=None, **o) for o in ({}, {"shots": 4, "share": None})
    )
    assert few.meter.forward < all_.meter.forward / 2


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("ema", [None, 0.5])
def test_what_is_merged(easy, keep: str, ema: float | None) -> None:
    data, _ = easy
    found = request(easy, [2], keep=keep, ema=ema)
    assert accuracy(data, found.learner, 2) < 0.3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"beta": -1.0}, "beta=-1.0"),
        ({"groups": "layer"}, "groups='layer'"),
        ({"warmup": 1.0}, "warmup=1.0"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"keep": "first"}, "keep='first'"),
        ({"prototypes": "none"}, "prototypes='none'"),
        ({"bound": -2.0}, "bound=-2.0"),
        ({"shots": 2, "share": 0.5}, "give one of them"),
        ({"shots": 0, "share": None}, "shots=0"),
        ({"share": 1.5}, "share=1.5"),
    ],
)
def test_options_that_make_no_sense(options: dict, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        GSLoRA(**options)


def test_a_swin_forgets_without_kept_states(easy) -> None:
    import timm

    data, _ = easy
    torch.manual_seed(0)
    network = timm.models.swin_transformer.SwinTransformer(
        img_size=8,
        patch_size=2,
        in_chans=1,
        num_classes=4,
        embed_dim=16,
        depths=(1, 1),
        num_heads=(2, 2),
        window_size=2,
        drop_path_rate=0.0,
    )
    batch = next(iter(data.loader(data.parts["train"], data.without({}).view)))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(network(batch.x), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learner = Learner(network.eval())
    found = request(easy, [2], learner=learner, epochs=15)
    assert accuracy(data, learner, 2) > 0.9 and accuracy(data, found.learner, 2) < 0.3
    assert len(found.facts["norms"]) == 2
    assert list(found.learner.state_dict()) == list(learner.state_dict())


def test_a_convolutional_network_is_refused(easy) -> None:
    from mu.models.vision import SmallCNN

    with pytest.raises(NotApplicable, match="no feed-forward layers"):
        request(easy, [2], learner=Learner(SmallCNN(1, 4, 8)))
