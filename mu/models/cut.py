"""A network cut in two: a trunk that stays as it is, and the tail that is trained."""

import difflib
import inspect
from typing import Any

import torch
from torch import Tensor, fx, nn

from mu.errors import UsageError


class Whole(fx.Tracer):
    """Traces a network down to the parts beside the cut, which stay the modules they are."""

    def __init__(self, cut: str) -> None:
        super().__init__()
        self.cut = cut

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is taken as one: all are that do not have the cut inside."""
        return not self.cut.startswith(f"{module_qualified_name}.")


def halves(network: nn.Module, cut: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """What runs before a part of a network, and the rest from that part on.

    The network's forward pass is followed once, with `torch.fx`, down to the level of the cut; the
    parts beside it are the very modules of the network and keep their names. So any network does
    whose forward, outside of its parts, does not depend on the values that run through it: those of
    torchvision and timm, `nn.Sequential`, and most that one writes.

    Args:
        network: Whose input is one tensor.
        cut: Dotted name of the first part that belongs to the tail; for a network that wraps
            another one (``weights_prefix``) the name inside will do.

    Raises:
        UsageError: There is no such part, it does not run, more than one tensor runs past it, or
            the forward pass cannot be followed.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> trunk, tail = halves(network, "2")
        >>> x = torch.ones(1, 4)
        >>> bool((tail(trunk(x)) == network(x)).all()), list(tail.state_dict())
        (True, ['2.weight', '2.bias'])
    """
    place = part_named(network, cut)
    graph = followed(network, place)
    nodes = list(graph.nodes)
    own = [n for n in nodes if n.op in ("call_module", "get_attr") and is_inside(n.target, place)]
    if not own:
        raise UsageError(f"cut={cut}: {type(network).__name__} does not run this part")
    first = nodes.index(own[0])
    before, after = nodes[:first], nodes[first:]
    seam = crossing(before, after)
    if len(seam) != 1:
        names = ", ".join(str(node.target) for node in seam)
        raise UsageError(
            f"cut={cut}: {len(seam)} values run past it ({names}), and a cut is through one; "
            "cut where a stage begins"
        )
    if seam[0].op == "placeholder":
        raise UsageError(f"cut={cut} is where the network begins: nothing is left for a trunk")
    return first_half(network, before, seam[0]), second_half(network, after, before, seam[0])


def part_named(network: nn.Module, cut: str) -> str:
    """The whole dotted name of a part.

    Raises:
        UsageError: There is none of that name; the message names the nearest.
    """
    known = [name for name, _ in network.named_modules() if name]
    inner = getattr(network, "weights_prefix", "")
    found = next((name for name in (cut, inner + cut) if name in known), None)
    if found is not None:
        return found
    short = [name.removeprefix(inner) for name in known]
    near = difflib.get_close_matches(cut, short, n=3) or [n for n in short if n.count(".") < 2][:8]
    raise UsageError(
        f"cut={cut}: {type(network).__name__} has no such part; there are {', '.join(near)}, …"
    )


def is_inside(name: object, place: str) -> bool:
    """Whether a dotted name is a part, or inside of it."""
    return name == place or str(name).startswith(f"{place}.")


def followed(network: nn.Module, place: str) -> fx.Graph:
    """The graph of a forward pass, the same whether the network trains or not.

    Raises:
        UsageError: It cannot be followed, or is another one in training.
    """
    trained = network.training
    takes = list(inspect.signature(network.forward).parameters.values())
    left_out = {p.name: p.default for p in takes[1:] if p.default is not p.empty}
    try:
        graphs = [Whole(place).trace(network.train(mode), left_out) for mode in (True, False)]
    except UsageError:
        raise
    except Exception as error:  # whatever the network's own code raises on a stand-in for a tensor
        reason = " ".join(str(error).split())[:120]
        raise UsageError(
            f"cut={place}: the forward pass of {type(network).__name__} cannot be followed "
            f"({type(error).__name__}: {reason}); write it as nn.Sequential, or so that it does "
            "not look at values"
        ) from error
    finally:
        network.train(trained)
    if len({str(graph) for graph in graphs}) > 1:
        raise UsageError(
            f"cut={place}: {type(network).__name__} computes another thing in training outside of "
            "its parts (dropout or more outputs in its own forward); use modules for that"
        )
    return graphs[1]


def crossing(before: list[fx.Node], after: list[fx.Node]) -> list[fx.Node]:
    """Values of the first half that the second one reads; its own parameters do not count."""
    early = set(before)
    found: dict[fx.Node, None] = {}
    for node in after:
        for one in node.all_input_nodes:
            if one in early and one.op != "get_attr":
                found[one] = None
    return list(found)


def first_half(network: nn.Module, before: list[fx.Node], seam: fx.Node) -> fx.GraphModule:
    """From the input to the seam, without what it does not need, such as options left out."""
    needed = {seam}
    for node in reversed(before):
        needed |= set(node.all_input_nodes) if node in needed else set()
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in filter(needed.__contains__, before):
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[seam])
    return fx.GraphModule(network, graph)


def second_half(
    network: nn.Module, after: list[fx.Node], before: list[fx.Node], seam: fx.Node
) -> fx.GraphModule:
    """From the seam to the output."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {seam: graph.placeholder("x")}
    read = {one for node in after for one in node.all_input_nodes}
    for node in before:
        if node.op == "get_attr" and node in read:
            copies[node] = graph.node_copy(node)
    for node in after:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    return fx.GraphModule(network, graph)


def check_seam(x: Any, count: int, cut: str) -> Tensor:
    """What runs over a cut, one row a sample.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(x, Tensor) and x.is_floating_point() and len(x) == count:
        return x
    what = f"a tensor {tuple(x.shape)} of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
    raise UsageError(f"cut={cut}: {what} runs over it for {count} samples; one row each is due")


def check_unshared(trunk: nn.Module, tail: nn.Module, cut: str) -> None:
    """Refuse halves that share weights: training the tail would change the trunk.

    Raises:
        UsageError: Naming a weight.
    """
    own = {id(p): name for name, p in trunk.named_parameters()}
    for name, p in tail.named_parameters():
        if id(p) in own:
            raise UsageError(
                f"cut={cut}: {name} of the tail is {own[id(p)]} of the trunk: a trunk that stays "
                "as it is cannot share weights with what is trained"
            )


def trunk_digest(trunk: nn.Module) -> str:
    """Digest of the weights and statistics of a trunk."""
    from hashlib import blake2b

    value = blake2b(digest_size=16)
    for name, tensor in sorted(trunk.state_dict().items()):
        if name.endswith("num_batches_tracked"):  # evaluation does not use it
            continue
        value.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        value.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return value.hexdigest()
