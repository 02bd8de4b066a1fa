"""State dicts as other projects lay them out, brought to the names of a network by rule.

A rule renames what its scheme is known for; what comes out counts only if it has exactly the names
that the network has. Nothing is ever assigned by its shape.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product, takewhile
from operator import attrgetter
from typing import TypeVar

import torch
from torch import Tensor

from mu.data.normalisation import Normalisation

COUNTER = ".num_batches_tracked"  # files of torch before 0.4.1 have none; evaluation uses none
T = TypeVar("T")
Rules = tuple[tuple[str, str], ...]
# Published names of tensors and what they are called here. Their networks compute the same.
SCHEMES: dict[str, Rules] = {
    "as here": (),
    "kuangliu's ResNet": ((r"\.shortcut\.", ".downsample."), (r"^linear\.", "fc.")),
    "weiaicunzai's ResNet": (
        (r"^conv1\.0\.", "conv1."),
        (r"^conv1\.1\.", "bn1."),
        *((rf"^conv{n + 1}_x\.", f"layer{n}.") for n in range(1, 5)),
        (r"\.shortcut\.", ".downsample."),
        *((rf"\.residual_function\.{3 * n}\.", f".conv{n + 1}.") for n in range(3)),
        *((rf"\.residual_function\.{3 * n + 1}\.", f".bn{n + 1}.") for n in range(3)),
    ),
    "ResNet of 6 n + 2 layers, its head named fc": ((r"^fc\.", "linear."),),
    "VGG": ((r"^features\.", "body."), (r"^classifier\.", "head.")),
    "torch_geometric's GAT": ((r"^conv(\d)\.lin(?:_src)?\.weight$", r"lin\1.weight"),),
}
# What a network computes inside and this one does not: never to be left out silently.
REASONS = (
    (
        r"deletion\d*\.deletion_weight",
        "it has GNNDelete's deletion operators, and the nodes they act on are not in the file: "
        "unlearn here, with methods=gnndelete",
    ),
    (
        r"^mlp\d\.|^conv\d\.nn\.0\.",
        "GNNDelete's GIN ends in a ReLU, which gin here does not: bring its class as a model",
    ),
    (
        r"^layer\d\.0\.(?:downsample|shortcut)\.",
        "its shortcuts are convolutions (option B), which the network here has none of (option A): "
        "bring its class as a model",
    ),
    (
        r"parametrizations\.|\.weight_[gvu]$",
        "its weights are computed of others (weight or spectral normalisation): make them plain "
        "first, with torch.nn.utils.parametrize.remove_parametrizations",
    ),
)
INSIDE = (("mean", "std"), ("mu", "sigma"), ("new_mean", "new_std"))  # as normalising layers say it


@dataclass
class Match:
    """How the tensors of a file fit the names of a network.

    Attributes:
        given: Name in the network → tensor.
        missing: Names of the network that the file lacks.
        unexpected: Names of the file that the network lacks.
    """

    given: dict[str, Tensor] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """How many names do not fit."""
        return len(self.missing) + len(self.unexpected)


def matched(tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> Match:
    """The tensors by the names of a network, under the scheme that fits best.

    Args:
        tensors: By the names in the file, wrappers before them taken off.
        names: Name of a tensor without wrappers → its name in the network.
    """
    ways = product(without_common(tensors), without_common(names), SCHEMES.values())
    return min((_matched(*way) for way in ways), key=attrgetter("faults"))  # the first of equals


def _matched(
    tensors: Mapping[str, tuple[str, Tensor]], names: Mapping[str, tuple[str, str]], rules: Rules
) -> Match:
    """The tensors under one scheme."""
    found, taken = Match(), dict[str, Tensor]()
    for name, (own, tensor) in tensors.items():
        inner = renamed(name, rules)
        if inner in names and inner not in taken:
            taken[inner] = tensor
        elif not _repeated(name, tensor, tensors):
            found.unexpected.append(own)
    if rules:
        _fold_biases(tensors, taken, rules, found)
    for inner, (_, place) in names.items():
        if inner in taken:
            found.given[place] = taken[inner]
        elif not place.endswith(COUNTER):
            found.missing.append(place)
    return found


def renamed(name: str, rules: Rules) -> str:
    """A name after the rules of a scheme.

    Example:
        >>> renamed("conv2_x.0.residual_function.3.weight", SCHEMES["weiaicunzai's ResNet"])
        'layer1.0.conv2.weight'
    """
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _repeated(name: str, tensor: Tensor, tensors: Mapping[str, tuple[str, Tensor]]) -> bool:
    """Whether it is the second of a pair that older layers of torch_geometric name twice."""
    first = tensors.get(name.replace(".lin_dst.", ".lin_src.")) if ".lin_dst." in name else None
    return first is not None and torch.equal(first[1], tensor)


def _fold_biases(
    tensors: Mapping[str, tuple[str, Tensor]],
    taken: dict[str, Tensor],
    rules: Rules,
    found: Match,
) -> None:
    """Biases of convolutions before a normalisation, taken off the mean that it takes off.

    The network here has no such biases; what the two layers compute is the same.
    """
    for name, (own, bias) in tensors.items():
        inner = renamed(name, rules)
        step = re.fullmatch(r"(body\.)(\d+)\.bias", inner)
        if step is None or own not in found.unexpected or bias.dim() != 1:
            continue
        mean = f"{step[1]}{int(step[2]) + 1}.running_mean"
        if mean in taken and taken[mean].shape == bias.shape:
            taken[mean] = taken[mean] - bias
            found.unexpected.remove(own)


def without_common(named: Mapping[str, T]) -> list[dict[str, tuple[str, T]]]:
    """By name without none, one, … of the parts that all names begin with: (whole name, value).

    Example:
        >>> without_common({"net.a.w": 1, "net.b.w": 2})[-1]
        {'a.w': ('net.a.w', 1), 'b.w': ('net.b.w', 2)}
    """
    parts = [name.split(".")[:-1] for name in named]
    common = takewhile(lambda place: len(set(place)) == 1, zip(*parts, strict=False))
    return [
        {name.split(".", count)[-1]: (name, value) for name, value in named.items()}
        for count in range(len(list(common)) + 1)
    ]


def unpruned(tensors: Mapping[str, Tensor], known: Collection[str]) -> dict[str, Tensor]:
    """Weights that torch's pruning stores as ``_orig`` and ``_mask``, multiplied.

    Args:
        tensors: By name.
        known: Names of the network, which are left alone.
    """
    found = dict(tensors)
    for name in tensors:
        plain = name.removesuffix("_orig")
        mask = tensors.get(f"{plain}_mask")
        if plain == name or mask is None or name in known or plain in tensors:
            continue
        if mask.shape == tensors[name].shape:
            found[plain] = found.pop(name) * found.pop(f"{plain}_mask")
    return found


def normalised_inside(
    tensors: Mapping[str, Tensor],
) -> Iterator[tuple[tuple[str, str], Normalisation]]:
    """Layers of a state dict that normalise images: names of the two tensors, and their numbers."""
    for name, mean in tensors.items():
        head, _, last = name.rpartition(".")
        for first, second in INSIDE:
            partner = f"{head}.{second}" if head else second
            if last != first or partner not in tensors:
                continue
            std = tensors[partner]
            if mean.numel() == std.numel() <= 4 and mean.is_floating_point():
                values = [t.flatten().double().tolist() for t in (mean, std)]
                yield (name, partner), Normalisation(*values)
