"""Small networks of every kind that users bring, each with samples and targets of its kind."""

from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from matrix.problem import CLASSES, COUNT, Problem, generator, heard, labels, tensors
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from mu.models.base import Learner
from mu.models.vision import SmallCNN


class Calls(nn.Module):
    """A network around others; ``body`` says how they are called."""

    def __init__(self, body: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.body = body
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Any) -> Any:
        return self.body(self, x)


class Output(dict):
    """An output such as those of transformers: a dictionary whose entries are attributes."""

    __getattr__ = dict.__getitem__


class Lightning(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Own(Learner):
    """A Learner with the loss of the user."""

    def __init__(self, network: nn.Module, criterion: Callable[..., Tensor]) -> None:
        super().__init__(network)
        self.criterion = criterion

    def loss(self, logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        each = self.criterion(logits, targets, reduction="none")
        each = each.flatten(1).mean(1) if each.dim() > 1 else each
        return {"none": each, "mean": each.mean(), "sum": each.sum()}[reduction]


def mlp(outputs: int = CLASSES) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, outputs))


def vectors(net: nn.Module, y: Any = None, **facts: Any) -> Problem:
    x = torch.randn(COUNT, 8, generator=generator())
    return Problem(net, x, labels() if y is None else y, **facts)


def pictures(net: nn.Module, size: int = 32, channels: int = 3, **facts: Any) -> Problem:
    x = torch.rand(COUNT, channels, size, size, generator=generator())
    return Problem(net, x, labels(), **facts)


def series(net: nn.Module, first: bool = True, **facts: Any) -> Problem:
    """Sequences of five vectors, samples first or second."""
    x = torch.randn(COUNT, 5, 8, generator=generator())
    return Problem(net, x if first else x.transpose(0, 1), labels(), dim=int(not first), **facts)


def tokens(net: nn.Module, **facts: Any) -> Problem:
    return Problem(net, torch.randint(0, 20, (COUNT, 6), generator=generator()), labels(), **facts)


def conv(*middle: nn.Module) -> list[nn.Module]:
    return [nn.Conv2d(3, 8, 3, padding=1), *middle, nn.ReLU(), nn.AdaptiveAvgPool2d(2)]


def classifying(*middle: nn.Module) -> nn.Sequential:
    return nn.Sequential(*conv(*middle), nn.Flatten(), nn.Linear(32, CLASSES))


def frozen(net: nn.Module, *parts: nn.Module) -> nn.Module:
    for part in parts:
        part.requires_grad_(False)
    return net


def flattened(self: Any, x: Tensor) -> Tensor:
    h = self.trunk(x)
    return self.head(h.view(h.size(0), -1))


def flattening() -> nn.Module:
    body = lambda s, x: s.head(s.trunk(x).flatten(1))  # noqa: E731
    return Calls(body, trunk=nn.Sequential(*conv()), head=nn.Linear(32, CLASSES))


def viewing() -> nn.Module:
    return Calls(flattened, trunk=nn.Sequential(*conv()), head=nn.Linear(32, CLASSES))


def tied_module() -> nn.Module:
    body = nn.Linear(8, 8)
    return nn.Sequential(body, nn.ReLU(), body, nn.ReLU(), nn.Linear(8, CLASSES))


def tied_parameter() -> nn.Module:
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, CLASSES))
    net[2].weight = net[0].weight
    return net


def backward(net: nn.Module) -> nn.Module:
    """The network after a step of the user's own: gradients are left on it."""
    net(torch.randn(4, 8)).sum().backward()
    return net


def pruned(structured: bool = False) -> nn.Module:
    net = mlp()
    if structured:
        prune.ln_structured(net[0], "weight", 0.25, n=2, dim=0)
    else:
        prune.l1_unstructured(net[0], "weight", 0.5)
    return backward(net)


def normed(norm: Callable[[nn.Module], nn.Module]) -> nn.Module:
    return backward(nn.Sequential(norm(nn.Linear(8, 16)), nn.ReLU(), nn.Linear(16, CLASSES)))


def unused() -> nn.Module:
    return Calls(lambda s, x: s.net(x), net=mlp(), spare=nn.Linear(5, 5))


def head_first() -> nn.Module:
    body = lambda s, x: s.head(s.trunk(x).relu())  # noqa: E731
    return Calls(body, head=nn.Linear(16, CLASSES), trunk=nn.Linear(8, 16))


def bare() -> nn.Module:
    body = lambda s, x: x @ s.weight + s.bias  # noqa: E731
    weight = nn.Parameter(torch.randn(8, CLASSES))
    return Calls(body, weight=weight, bias=nn.Parameter(torch.zeros(CLASSES)))


def not_finite() -> nn.Module:
    net = mlp()
    with torch.no_grad():
        net[0].weight[0, 0] = torch.nan
    return net


def counting(self: Any, x: Tensor) -> Tensor:
    if self.training:
        self.seen += len(x)
    return self.net(x)


def with_buffer() -> nn.Module:
    net = Calls(counting, net=mlp())
    net.register_buffer("seen", torch.zeros(()))
    return net


def recurrent(kind: Any, first: bool = True) -> nn.Module:
    body = lambda s, x: s.head(s.cells(x)[0][:, -1] if first else s.cells(x)[0][-1])  # noqa: E731
    return Calls(body, cells=kind(8, 12, batch_first=first), head=nn.Linear(12, CLASSES))


def transformer(first: bool = True) -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=first, bias=False)
    coder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    body = lambda s, x: s.head(s.coder(x).mean(1 if first else 0))  # noqa: E731
    return Calls(body, coder=coder, head=nn.Linear(8, CLASSES))


def attention() -> nn.Module:
    body = lambda s, x: s.head(s.attend(x, x, x)[0].mean(1))  # noqa: E731
    attend = nn.MultiheadAttention(8, 2, batch_first=True)
    return Calls(body, attend=attend, head=nn.Linear(8, CLASSES))


def embedding(**options: Any) -> nn.Module:
    return nn.Sequential(nn.Embedding(20, 4, **options), nn.Flatten(), nn.Linear(24, CLASSES))


def bag() -> nn.Module:
    return nn.Sequential(nn.EmbeddingBag(20, 8), nn.Linear(8, CLASSES))


def halves(body: Callable[..., Any], make: Callable[[Tensor], Any], **facts: Any) -> Problem:
    """The network of eight inputs, handed them in two halves."""
    found = vectors(Calls(body, net=mlp()), **facts)
    found.x = make(found.x)
    return found


def binary(y: Tensor, net: nn.Module | None = None, **facts: Any) -> Problem:
    return vectors(net or mlp(1), y, **facts)


def zero_or_one() -> Tensor:
    return (torch.arange(COUNT) % 3 == 2).long()


def flat() -> nn.Module:
    return Calls(lambda s, x: s.net(x).squeeze(-1), net=mlp(1))


def several() -> Tensor:
    """Three answers a sample; how many are yes differs between samples."""
    return (torch.rand(COUNT, CLASSES, generator=generator()) < 0.5).float()


def shares() -> Tensor:
    return torch.rand(COUNT, CLASSES, generator=generator()).softmax(1)


def values() -> Tensor:
    return torch.randn(COUNT, 1, generator=generator())


bce = functional.binary_cross_entropy_with_logits
smooth = partial(functional.cross_entropy, label_smoothing=0.2)


def each(logits: Tensor, targets: Tensor) -> Tensor:
    """A loss that gives one value a sample."""
    return smooth(logits, targets, reduction="none")


def torchvision(name: str) -> nn.Module:
    from torchvision import models
    from torchvision.models.convnext import CNBlockConfig
    from torchvision.models.efficientnet import MBConvConfig
    from torchvision.models.resnet import BasicBlock

    if name == "vgg_bn":
        return vgg()
    blocks = [MBConvConfig(1, 3, 1, 8, 8, 1, 1, 1), MBConvConfig(4, 3, 2, 8, 16, 1, 1, 1)]
    steps = [CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)]
    make = {
        "resnet": lambda: models.ResNet(BasicBlock, [1, 1, 1, 1], CLASSES),
        "mobilenet_v2": lambda: models.mobilenet_v2(width_mult=0.25, num_classes=CLASSES),
        "squeezenet": lambda: models.squeezenet1_1(num_classes=CLASSES),
        "efficientnet": lambda: models.EfficientNet(blocks, 0.2, num_classes=CLASSES),
        "densenet": lambda: models.DenseNet(4, (2, 2), 8, num_classes=CLASSES),
        "convnext": lambda: models.ConvNeXt(steps, num_classes=CLASSES),
        "shufflenet": lambda: models.ShuffleNetV2([1, 2, 1], [8, 16, 32, 32, 32], CLASSES),
        "swin": lambda: models.SwinTransformer(
            [4, 4], 8, [1, 1], [2, 2], [4, 4], num_classes=CLASSES
        ),
        "vit": lambda: models.VisionTransformer(32, 8, 1, 2, 16, 32, num_classes=CLASSES),
    }
    return make[name]()


def vgg() -> nn.Module:
    """A VGG with a small head; its usual one, of 120 million weights, is never made."""
    from torchvision.models.vgg import VGG, make_layers

    with torch.device("meta"):
        net = VGG(make_layers([8, "M", 16, "M", 32], True), CLASSES, False)
        net.avgpool = nn.AdaptiveAvgPool2d(2)
        net.classifier = nn.Sequential(nn.Linear(128, 16), nn.ReLU(True), nn.Linear(16, CLASSES))
    net.to_empty(device="cpu")
    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return net


def timm(name: str, **options: Any) -> nn.Module:
    import timm as models

    return models.create_model(name, num_classes=CLASSES, **options)


def mixer() -> nn.Module:
    from timm.models.mlp_mixer import MlpMixer

    return MlpMixer(CLASSES, img_size=32, patch_size=8, num_blocks=1, embed_dim=16)


def hugging_face(name: str) -> nn.Module:
    import transformers

    small = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    if name == "vit":
        config = transformers.ViTConfig(image_size=32, patch_size=8, num_labels=CLASSES, **small)
        return transformers.ViTForImageClassification(config)
    config = transformers.BertConfig(vocab_size=20, num_labels=CLASSES, **small)
    return transformers.BertForSequenceClassification(config)


Make = Callable[[], Problem]
GROUPS: dict[str, dict[str, Make]] = {
    "plain": {
        "mlp": lambda: vectors(mlp()),
        "linear": lambda: vectors(nn.Linear(8, CLASSES)),
        "smallcnn": lambda: pictures(SmallCNN(1, CLASSES, 8, 4, 8), 8, 1),
        "conv": lambda: pictures(classifying()),
        "no_linear": lambda: pictures(
            nn.Sequential(*conv(), nn.Conv2d(8, CLASSES, 2), nn.Flatten())
        ),
        "flatten": lambda: pictures(flattening()),
        "view_after_conv": lambda: pictures(viewing(), same="flatten", nearly=True),
        "channels_last": lambda: pictures(
            classifying().to(memory_format=torch.channels_last), same="conv", nearly=True
        ),
        "dropout": lambda: vectors(
            nn.Sequential(nn.Linear(8, 16), nn.Dropout(), nn.ReLU(), nn.Linear(16, CLASSES))
        ),
        "head_first": lambda: vectors(head_first()),
        "unused": lambda: vectors(unused()),
        "bare_parameters": lambda: vectors(bare()),
        "buffer": lambda: vectors(with_buffer()),
        "training_mode": lambda: pictures(classifying(nn.BatchNorm2d(8)), training=True),
        "data_parallel": lambda: vectors(nn.DataParallel(mlp()), same="mlp"),
        "lightning": lambda: vectors(Lightning(), same="mlp"),
        "scripted": lambda: vectors(torch.jit.script(mlp()), same="mlp", nearly=True),
        "compiled": lambda: vectors(torch.compile(mlp(), backend="eager"), same="mlp", nearly=True),
        "not_finite": lambda: vectors(not_finite()),
    },
    "normalised": {
        "batchnorm1d": lambda: vectors(
            nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, CLASSES))
        ),
        "batchnorm2d": lambda: pictures(classifying(nn.BatchNorm2d(8))),
        "groupnorm": lambda: pictures(classifying(nn.GroupNorm(2, 8))),
        "layernorm": lambda: vectors(
            nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, CLASSES))
        ),
        "instancenorm": lambda: pictures(classifying(nn.InstanceNorm2d(8, affine=True))),
        "no_statistics": lambda: pictures(
            classifying(nn.BatchNorm2d(8, track_running_stats=False))
        ),
    },
    "frozen": {
        "body": lambda: vectors(frozen(net := mlp(), net[0])),
        "body_batchnorm": lambda: pictures(
            frozen(net := classifying(nn.BatchNorm2d(8)), net[0], net[1])
        ),
        "batchnorm": lambda: pictures(frozen(net := classifying(nn.BatchNorm2d(8)), net[1])),
        "head": lambda: vectors(frozen(net := mlp(), net[2])),
        "all": lambda: vectors(frozen(net := mlp(), net)),
        "embedding": lambda: tokens(frozen(net := embedding(), net[0])),
    },
    "tied, pruned, normed weights": {
        "tied_module": lambda: vectors(tied_module()),
        "tied_parameter": lambda: vectors(tied_parameter()),
        "pruned": lambda: vectors(pruned()),
        "pruned_rows": lambda: vectors(pruned(structured=True)),
        "weight_norm_hook": lambda: vectors(normed(weight_norm)),
        "spectral_norm_hook": lambda: vectors(normed(spectral_norm)),
        "weight_norm": lambda: vectors(normed(parametrizations.weight_norm)),
        "spectral_norm": lambda: vectors(normed(parametrizations.spectral_norm)),
    },
    "number formats": {
        "float64": lambda: typed(torch.float64),
        "bfloat16": lambda: typed(torch.bfloat16),
        "float64_conv": lambda: typed(torch.float64, pictures(classifying(nn.BatchNorm2d(8)))),
    },
    "torchvision": {
        name: lambda name=name: pictures(torchvision(name))
        for name in (
            "resnet",
            "mobilenet_v2",
            "vgg_bn",
            "efficientnet",
            "densenet",
            "convnext",
            "shufflenet",
            "swin",
            "vit",
        )
    }
    | {"squeezenet": lambda: pictures(torchvision("squeezenet"))},
    "timm": {
        "timm_vit": lambda: pictures(
            timm(
                "vit_tiny_patch16_224",
                img_size=32,
                patch_size=8,
                depth=1,
                embed_dim=16,
                num_heads=2,
            )
        ),
        "timm_mixer": lambda: pictures(mixer()),
        "timm_resnet": lambda: pictures(timm("resnet10t", channels=(8, 8, 16, 16), stem_width=8)),
        "timm_convnext": lambda: pictures(
            timm("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 8, 16, 16))
        ),
    },
    "outputs": {
        "logits_attribute": lambda: vectors(
            Calls(lambda s, x: SimpleNamespace(logits=s.net(x)), net=mlp()), same="mlp"
        ),
        "logits_entry": lambda: vectors(
            Calls(lambda s, x: Output(logits=s.net(x), hidden=x), net=mlp()), same="mlp"
        ),
        "tuple": lambda: vectors(Calls(lambda s, x: (s.net(x), x), net=mlp()), same="mlp"),
        "tuple_when_training": lambda: vectors(
            Calls(lambda s, x: (s.net(x), x) if s.training else s.net(x), net=mlp()), same="mlp"
        ),
        "hf_vit": lambda: pictures(hugging_face("vit")),
        "hf_bert": lambda: tokens(hugging_face("bert")),
    },
    "recurrent and attention": {
        "lstm": lambda: series(recurrent(nn.LSTM)),
        "lstm_sequence_first": lambda: series(
            recurrent(nn.LSTM, False), False, same="lstm", nearly=True
        ),
        "gru": lambda: series(recurrent(nn.GRU)),
        "transformer": lambda: series(transformer()),
        # In double precision: in single, sums in another order decide near ties of a threshold and
        # small steps of Adam, which are then not the layout's doing.
        "transformer_float64": lambda: typed(torch.float64, series(transformer())),
        "transformer_sequence_first": lambda: typed(
            torch.float64,
            series(transformer(False), False, same="transformer_float64", nearly=True),
        ),
        "attention": lambda: series(attention()),
    },
    "embedding": {
        "tokens": lambda: tokens(embedding()),
        "tokens_int32": lambda: typed(torch.int32, tokens(embedding(), same="tokens")),
        "bag": lambda: tokens(bag()),
        "sparse_embedding": lambda: tokens(embedding(sparse=True), same="tokens", nearly=True),
    },
    "inputs": {
        "pair": lambda: halves(
            lambda s, x: s.net(torch.cat(x, 1)),
            lambda x: (x[:, :3], x[:, 3:]),
            same="mlp",
            nearly=True,
        ),
        "mapping": lambda: halves(
            lambda s, x: s.net(torch.cat([x["a"], x["b"]], 1)),
            lambda x: {"a": x[:, :3], "b": x[:, 3:]},
            same="mlp",
            nearly=True,
        ),
    },
    "targets": {
        "binary": lambda: binary(zero_or_one()),
        "binary_bool": lambda: binary(zero_or_one().bool(), same="binary"),
        "binary_float": lambda: binary(zero_or_one().float(), same="binary"),
        "binary_column": lambda: binary(zero_or_one().float()[:, None], same="binary"),
        "binary_integer_column": lambda: binary(zero_or_one()[:, None], same="binary"),
        "binary_flat": lambda: binary(zero_or_one(), flat(), same="binary"),
        "binary_float_flat": lambda: binary(zero_or_one().float(), flat(), same="binary"),
        "soft_labels": lambda: vectors(mlp(), shares(), same="soft_labels_learner"),
        "soft_labels_learner": lambda: vectors(Own(mlp(), functional.cross_entropy), shares()),
        "multi_label": lambda: vectors(mlp(), several(), same="multi_label_learner", strict=True),
        "multi_label_integers": lambda: vectors(
            mlp(), several().long(), same="multi_label_learner", strict=True
        ),
        "multi_label_loss": lambda: vectors(
            mlp(),
            several(),
            words={"loss": nn.BCEWithLogitsLoss()},
            same="multi_label_learner",
            nearly=True,
        ),
        "multi_label_learner": lambda: vectors(Own(mlp(), bce), several()),
        "regression": lambda: vectors(mlp(1), values(), same="regression_learner", strict=True),
        "regression_flat": lambda: vectors(
            flat(), values()[:, 0], same="regression_learner", strict=True
        ),
        "regression_loss": lambda: vectors(
            mlp(1), values(), words={"loss": nn.MSELoss()}, same="regression_learner"
        ),
        "regression_learner": lambda: vectors(Own(mlp(1), functional.mse_loss), values()),
        "own_loss": lambda: vectors(
            mlp(), words={"loss": smooth}, same="own_loss_learner", nearly=True
        ),
        "own_loss_module": lambda: vectors(
            mlp(),
            words={"loss": nn.CrossEntropyLoss(label_smoothing=0.2)},
            same="own_loss_learner",
            nearly=True,
        ),
        "own_loss_each": lambda: vectors(mlp(), words={"loss": each}, same="own_loss_learner"),
        "own_loss_learner": lambda: vectors(Own(mlp(), smooth)),
    },
}
MODELS = {f"{group}: {name}": make for group, of in GROUPS.items() for name, make in of.items()}
FULL_NAMES = {name: f"{group}: {name}" for group, of in GROUPS.items() for name in of}


def typed(dtype: torch.dtype, found: Problem | None = None) -> Problem:
    """A problem in another format of numbers, network and inputs."""
    found = found or vectors(mlp())
    if dtype.is_floating_point:
        found.net.to(dtype)
    found.x = found.x.to(dtype)
    return found


@cache
def weights_of(name: str, seed: int) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors(problem(name, seed).net)]


def problem(name: str, seed: int = 0) -> Problem:
    """A problem by its full name, made anew; the network has the weights of its plainer twin."""
    torch.manual_seed(seed)
    found = MODELS[name]()
    if found.same:
        found.same = FULL_NAMES[found.same]
        with torch.no_grad():
            for mine, other in zip(tensors(found.net), weights_of(found.same, seed), strict=True):
                mine.copy_(other)
    else:
        heard(found.net, found.x)
    found.net.train(found.training)
    return found
