"""What a user froze: normalisations that keep their running statistics while others train."""

from collections.abc import Iterator

from torch import nn


def resting(network: nn.Module) -> list[nn.Module]:
    """Modules with buffers whose parameters are all frozen: no statistics of theirs may move.

    A module without parameters, such as a batch normalisation with ``affine=False``, goes by the
    nearest module around it that has some.

    Example:
        >>> body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, affine=False))
        >>> network = nn.Sequential(body.requires_grad_(False), nn.Flatten(), nn.Linear(8, 3))
        >>> [type(module).__name__ for module in resting(network)]
        ['BatchNorm2d']
    """
    if all(p.requires_grad for p in network.parameters()):
        return []  # as mostly: a look at each module takes long, and modes are set often
    return list(_resting(network, around=False))


def _resting(module: nn.Module, around: bool) -> Iterator[nn.Module]:
    own = list(module.parameters())
    frozen = not any(p.requires_grad for p in own) if own else around
    if frozen and any(True for _ in module.buffers(recurse=False)):
        yield module
    for child in module.children():
        yield from _resting(child, frozen)


def rest(network: nn.Module) -> None:
    """Put what is `resting` into evaluation mode."""
    for module in resting(network):
        module.training = False
