"""Checkpoints as public projects write them: their networks in short, and what is to come of each.

`docs/files.md` shows the same list.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune
from torch_geometric.nn import GATConv, GCNConv, GINConv

from mu.data.normalisation import Normalisation
from mu.models.graph import GAT, GCN, GIN
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vgg import VGG16BN
from mu.models.vision import CifarResNet

CIFAR = Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def stages(block: Any, widths: tuple[int, ...], blocks: int) -> list[nn.Sequential]:
    found, inputs = [], widths[0]
    for stage, width in enumerate(widths):
        strides = [1 if stage == 0 else 2, *[1] * (blocks - 1)]
        made = []
        for stride in strides:
            made.append(block(inputs, width, stride))
            inputs = width
        found.append(nn.Sequential(*made))
    return found


class Block(nn.Module):
    """kuangliu's, and with another name for the shortcut chenyaofo's."""

    name = "shortcut"

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.add_module(self.name, self.skip(inputs, outputs, stride))

    def skip(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        return projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(out + getattr(self, self.name)(x))


class OptionB(Block):
    name = "downsample"


class Padding(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.width // 4, self.width // 4))


class OptionA(Block):
    def skip(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        return Padding(outputs) if inputs != outputs else nn.Sequential()


class Residual(nn.Module):
    """A residual network of these blocks, its head under any name."""

    def __init__(self, block: Any, widths: tuple[int, ...], blocks: int, head: str) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(3, widths[0]), nn.BatchNorm2d(widths[0])
        made = stages(block, widths, blocks)
        self.names = [f"layer{n + 1}" for n in range(len(made))]
        for name, stage in zip(self.names, made, strict=True):
            self.add_module(name, stage)
        self.head = head
        self.add_module(head, nn.Linear(widths[-1], 10))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        for name in self.names:
            out = getattr(self, name)(out)
        return getattr(self, self.head)(out.mean((2, 3)))


class ResidualFunction(nn.Module):
    """weiaicunzai's block, which SSD and bad teaching use too."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.residual_function = nn.Sequential(
            conv3x3(inputs, outputs, stride),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            conv3x3(outputs, outputs),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = projection(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.residual_function(x) + self.shortcut(x))


class Weiaicunzai(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(conv3x3(3, 64), nn.BatchNorm2d(64), nn.ReLU())
        made = stages(ResidualFunction, (64, 128, 256, 512), 2)
        self.conv2_x, self.conv3_x, self.conv4_x, self.conv5_x = made
        self.fc = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv3_x(self.conv2_x(self.conv1(x)))
        return self.fc(self.conv5_x(self.conv4_x(out)).mean((2, 3)))


class PreActivation(nn.Module):
    """kuangliu's PreActResNet block: normalisation first."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))


def preactivation() -> nn.Module:
    found = Residual(PreActivation, (64, 128, 256, 512), 2, "linear")
    del found.bn1
    return found


class Vgg(nn.Module):
    """VGG-16 with biases before the normalisations, as most repositories write it."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for planes in (64, 64, 0, 128, 128, 0, *(256,) * 3, 0, *(512,) * 3, 0, *(512,) * 3, 0):
            if not planes:
                layers.append(nn.MaxPool2d(2))
                continue
            convolution = nn.Conv2d(width, planes, 3, padding=1)
            layers += [convolution, nn.BatchNorm2d(planes), nn.ReLU()]
            width = planes
        self.features, self.classifier = nn.Sequential(*layers), classifier

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class Normalise(nn.Module):
    """OPTML's normalising layer."""

    def __init__(self, numbers: Normalisation) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(numbers.mean))
        self.register_buffer("std", torch.tensor(numbers.std))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


def normalising(network: nn.Module, numbers: Normalisation = CIFAR) -> nn.Module:
    """The network with a normalising layer among its own parts, which it applies first."""
    network.normalize = Normalise(numbers)
    network.register_forward_pre_hook(lambda net, given: (net.normalize(given[0]),))
    return network


def small_resnet() -> nn.Module:
    network = torchvision.models.resnet18(num_classes=10)
    network.conv1, network.maxpool = conv3x3(3, 64), nn.Identity()
    return network


def pruned() -> nn.Module:
    network = normalising(small_resnet())
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            prune.l1_unstructured(module, "weight", 0.5)
    return network


def weight_normed() -> nn.Module:
    network = small_resnet()
    parametrizations.weight_norm(network.fc)
    return network


class Gnn(nn.Module):
    """GNNDelete's networks: two convolutions of torch_geometric."""

    def __init__(self, make: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.conv1, self.conv2 = make(5, 8), make(8, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


class Deletion(Gnn):
    def __init__(self, make: Callable[[int, int], nn.Module]) -> None:
        super().__init__(make)
        self.deletion1, self.deletion2 = nn.Module(), nn.Module()
        self.deletion1.deletion_weight = nn.Parameter(torch.ones(8, 8) / 1000)
        self.deletion2.deletion_weight = nn.Parameter(torch.ones(4, 4) / 1000)


def gin_layer(inputs: int, outputs: int) -> nn.Module:
    return GINConv(nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU()))


# What a file holds of a network.


def bare(network: nn.Module) -> Any:
    return network.state_dict()


def wrapped(prefix: str, network: nn.Module) -> Any:
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


def under(key: str, network: nn.Module) -> Any:
    steps = {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}
    optimizer = {"state": steps, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}
    beside = {"epoch": 182, "optimizer": optimizer, "best_sa": 94.0, "result": {"train_ta": [1.0]}}
    return {key: network.state_dict(), **beside}


def lightning(prefix: str, network: nn.Module) -> Any:
    checkpoint = {"best_model_score": torch.tensor(0.9), "best_k_models": {"a": torch.tensor(1.0)}}
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": wrapped(prefix, network),
        "callbacks": {"ModelCheckpoint{'monitor': 'v'}": checkpoint},
        "optimizer_states": [under("x", network)["optimizer"]],
        "hyper_parameters": {"lr": 0.1},
    }


def averaged(network: nn.Module) -> Any:
    return torch.optim.swa_utils.AveragedModel(network).state_dict()


def both(first: str, second: str, network: nn.Module) -> Any:
    other = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    return {first: network.state_dict(), second: other, "epoch": 3}


def with_numpy(network: nn.Module) -> Any:
    numbers = {"best_acc": np.float64(0.9), "losses": np.arange(3), "epoch": np.int64(4)}
    return {"net": network.state_dict(), **numbers}


def with_options(network: nn.Module) -> Any:
    return {"state_dict": network.state_dict(), "args": argparse.Namespace(lr=0.1, model="r")}


def without_counters(network: nn.Module) -> Any:
    return {n: t for n, t in network.state_dict().items() if "num_batches" not in n}


def gnndelete(network: nn.Module) -> Any:
    return {"model_state": network.state_dict(), "optimizer_state": [{}]}


def two_ends(network: nn.Module) -> Any:
    """As torch_geometric 2.0 to 2.4 names the map of an attention layer, twice."""
    state = network.state_dict()
    for name in [name for name in state if name.endswith("lin.weight")]:
        weight = state.pop(name)
        for end in ("lin_src", "lin_dst"):
            state[name.replace("lin.", f"{end}.")] = weight
    return {"model_state": state}


RESNET18 = partial(ResNet18, 3, 10)


@dataclass(frozen=True)
class Layout:
    """One kind of file.

    Attributes:
        title: What it is.
        seen: Where it is seen.
        network: Makes the network of the others.
        content: What the file holds of it.
        here: Makes the network that it is read into.
        remedy: What the refusal says; empty where the file loads.
        data: How the data come normalised.
        ending: Of the file's name.
    """

    title: str
    seen: str
    network: Callable[[], nn.Module]
    content: Callable[[nn.Module], Any] = bare
    here: Callable[[], nn.Module] = RESNET18
    remedy: str = ""
    data: Normalisation | None = None
    ending: str = "pt"


WIDE, SMALL = (64, 128, 256, 512), (16, 32, 64)
OWN = "bring its class as a model"
kuangliu = partial(Residual, Block, WIDE, 2, "linear")
resnet20 = partial(CifarResNet, 20, 3, 10)
vgg = partial(VGG16BN, 3, 10, 32)
timm18 = partial(timm.create_model, "resnet18", num_classes=10)
imagenet18 = partial(torchvision.models.resnet18, num_classes=10)
gcn, gat, gin = (partial(Gnn, make) for make in (GCNConv, GATConv, gin_layer))
ONE_HEAD = partial(Vgg, nn.Linear(512, 10))

LAYOUTS = [
    Layout("names of torchvision, 3×3 stem", "most repositories", small_resnet),
    Layout("`module.`", "DataParallel, DDP", small_resnet, partial(wrapped, "module.")),
    Layout("`_orig_mod.`", "torch.compile", small_resnet, partial(wrapped, "_orig_mod.")),
    Layout(
        "`module.model.backbone.`", "wrappers in one another", small_resnet,
        partial(wrapped, "module.model.backbone."),
    ),
    Layout("`network.net.`", "the store of mu", small_resnet, partial(wrapped, "network.net.")),
    Layout("safetensors", "timm, Hugging Face", small_resnet, ending="safetensors"),
    Layout("without counters", "torch before 0.4.1", small_resnet, without_counters),
    *(
        Layout(f"under `{key}`", seen, small_resnet, partial(under, key))
        for key, seen in {
            "state_dict": "PyTorch's ImageNet example",
            "model_state_dict": "PyTorch's tutorials",
            "model": "torchvision's references, DeiT",
            "net": "kuangliu/pytorch-cifar",
            "ema": "files of an average alone",
            "params": "BasicSR",
        }.items()
    ),
    Layout("an average of torch", "torch.optim.swa_utils", small_resnet, averaged),
    Layout(
        "`model` beside `ema`", "training with an average", small_resnet,
        partial(both, "model", "ema"), remedy="save the one that is meant",
    ),
    Layout(
        "`state_dict` beside `init_weight`", "OPTML, lottery tickets", small_resnet,
        partial(both, "state_dict", "init_weight"), remedy="save the one that is meant",
    ),
    Layout("Lightning, `model.`", "Lightning", small_resnet, partial(lightning, "model."),
           ending="ckpt"),
    Layout("Lightning, `net.`", "lightning-hydra-template", small_resnet,
           partial(lightning, "net."), ending="ckpt"),
    Layout("numbers of NumPy beside it", "many training scripts", small_resnet, with_numpy),
    Layout("argparse's options beside it", "timm's train.py", small_resnet, with_options),
    Layout("kuangliu's ResNet-18", "kuangliu/pytorch-cifar", kuangliu,
           lambda net: {"net": wrapped("module.", net), "acc": 95.1, "epoch": 199}),
    Layout("weiaicunzai's ResNet-18", "weiaicunzai/pytorch-cifar100, SSD, bad teaching",
           Weiaicunzai),
    Layout("OPTML's ResNet-18, normalised as the data", "Unlearn-Saliency, Unlearn-Sparse",
           lambda: normalising(small_resnet()), partial(under, "state_dict"), data=CIFAR,
           ending="pth.tar"),
    Layout("OPTML's ResNet-18, the data normalised otherwise", "Unlearn-Saliency, Unlearn-Sparse",
           lambda: normalising(small_resnet()), partial(under, "state_dict"),
           data=Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
           remedy="set data.mean=[0.4914,0.4822,0.4465] data.std=[0.247,0.2435,0.2616]"),
    Layout("OPTML's ResNet-18, the normalisation unknown", "`mu.unlearn` with loaders",
           lambda: normalising(small_resnet()), partial(under, "state_dict"),
           remedy="remove normalize.mean and normalize.std from the file"),
    Layout("OPTML's ResNet-18, pruned", "Unlearn-Sparse", pruned, partial(under, "state_dict"),
           data=CIFAR),
    Layout("a normalising layer in `nn.Sequential`", "robustness benchmarks",
           lambda: nn.Sequential(Normalise(CIFAR), small_resnet()), data=CIFAR),
    Layout("OPTML's ResNet-20", "Unlearn-Saliency (resnet20s)",
           lambda: normalising(Residual(OptionA, SMALL, 3, "fc")), partial(under, "state_dict"),
           resnet20, data=CIFAR),
    Layout("akamaster's ResNet-20", "akamaster/pytorch_resnet_cifar10",
           partial(Residual, OptionA, SMALL, 3, "linear"),
           lambda net: {"state_dict": wrapped("module.", net), "best_prec1": 91.7}, resnet20,
           ending="th"),
    Layout("chenyaofo's ResNet-20", "chenyaofo/pytorch-cifar-models",
           partial(Residual, OptionB, SMALL, 3, "fc"), here=resnet20, remedy="option B"),
    Layout("kuangliu's VGG-16", "kuangliu/pytorch-cifar", ONE_HEAD, here=vgg),
    Layout("OPTML's VGG-16, one linear layer", "Unlearn-Saliency (vgg16_bn_lth)",
           lambda: normalising(ONE_HEAD()), partial(under, "state_dict"), vgg, data=CIFAR),
    Layout("VGG-16, three linear layers", "Unlearn-Saliency (vgg16_bn), weiaicunzai",
           lambda: Vgg(nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))),
           here=vgg, remedy=OWN),
    Layout("kuangliu's PreActResNet-18", "kuangliu/pytorch-cifar", preactivation, remedy=OWN),
    Layout("7×7 stem into `resnet18`", "torchvision, timm", imagenet18,
           remedy="set model.network.stem=imagenet"),
    Layout("7×7 stem, `stem=imagenet`", "torchvision", imagenet18,
           here=partial(ResNet18, 3, 10, "imagenet")),
    Layout("7×7 stem of timm into a small one", "timm", timm18,
           here=partial(TimmModel, "resnet18", 3, 10, 32),
           remedy="set model.network.stem=imagenet"),
    Layout("7×7 stem of timm, `stem=imagenet`", "timm", timm18,
           here=partial(TimmModel, "resnet18", 3, 10, 32, stem="imagenet"), ending="safetensors"),
    Layout("3×3 stem into a large one", "most repositories", small_resnet,
           here=partial(TimmModel, "resnet18", 3, 10, 32, stem="imagenet"),
           remedy="set model.network.stem=small"),
    Layout("weight normalisation", "torch.nn.utils.parametrizations", weight_normed,
           remedy="make them plain first"),
    Layout("GNNDelete's GCN", "GNNDelete, under `model_state`", gcn, gnndelete,
           partial(GCN, 5, 4, 8)),
    Layout("GNNDelete's GAT", "GNNDelete, under `model_state`", gat, gnndelete,
           partial(GAT, 5, 4, 8)),
    Layout("GNNDelete's GAT, its maps named twice", "torch_geometric 2.0 to 2.4", gat, two_ends,
           partial(GAT, 5, 4, 8)),
    Layout("GNNDelete's GIN", "GNNDelete, under `model_state`", gin, gnndelete,
           partial(GIN, 5, 4, 8), remedy="ends in a ReLU"),
    Layout("GNNDelete's unlearned networks", "GNNDelete", partial(Deletion, GCNConv), gnndelete,
           partial(GCN, 5, 4, 8), remedy="unlearn here, with methods=gnndelete"),
    Layout("a pickled network", "`torch.save(model)`", small_resnet, lambda net: net,
           remedy="save model.state_dict()"),
]  # fmt: skip
