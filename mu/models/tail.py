"""The part of a network behind a frozen trunk: all that is trained, unlearned and attacked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mu.data.facts import TAIL_PREFIX, data_root
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.cut import check_unshared, halves
from mu.models.starting import start_from
from mu.models.weights import load_weights
from mu.models.weights_file import read_weights


class Tail(nn.Module):
    """A network from a cut on; its inputs are what the trunk before the cut makes of the images.

    The trunk is never trained, so what it makes of a sample is computed once (see
    `mu.models.activations`), and the tail is a small network like any other. Its tensors keep the
    names that they have in the whole network, behind ``tail.``.

    Args:
        trunk: The whole network, of which everything before the cut is the trunk.
        cut: Dotted name of the first part that is trained, for instance ``layer4``.
        weights: File of weights of the whole network that trunk and tail start from, absolute or
            below the data root; a head for other classes starts anew. None: those that the network
            comes with, as with ``pretrained: true``.
        trained_on: What the trunk was trained on, for readers.
        saw_data: Whether that holds data that may be forgotten; None where nobody knows.

    Raises:
        UsageError: The network cannot be cut there, or the weights do not fit.

    Example:
        >>> import torch
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> tail = Tail(network, cut="2")
        >>> tail(torch.ones(1, 3)).shape, list(tail.state_dict())
        (torch.Size([1, 2]), ['tail.2.weight', 'tail.2.bias'])
    """

    weights_prefix = TAIL_PREFIX

    def __init__(
        self,
        trunk: nn.Module,
        cut: str,
        weights: str | None = None,
        trained_on: str | None = None,
        saw_data: bool | None = None,
    ) -> None:
        super().__init__()
        _, self.tail = trunk_and_tail(trunk, cut, weights)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of what the trunk made of images."""
        logits: Tensor = self.tail(x)
        return logits


def trunk_and_tail(
    network: nn.Module, cut: str, weights: str | None = None
) -> tuple[nn.Module, nn.Module]:
    """Trunk and tail of a network, with the weights of a file where one is given.

    Raises:
        UsageError: It cannot be cut there, or the weights do not fit.
    """
    trunk, tail = halves(started(network, weights), cut)
    check_unshared(trunk, tail, cut)
    return trunk.requires_grad_(False).eval(), tail


def started(network: nn.Module, weights: str | None) -> nn.Module:
    """A network, out of its learner, with the weights of a file where one is given.

    Raises:
        UsageError: They do not fit.
    """
    if isinstance(network, Learner):
        network = network.network
    if weights is not None:
        path = weights_path(weights)
        start_from(Learner(network), read_weights(path), str(path), option="weights")
    return network


def weights_path(weights: str) -> Path:
    """A file of weights, absolute or below the data root.

    Raises:
        UsageError: It is not there.
    """
    path = data_root() / weights
    if not path.is_file():
        raise UsageError(
            f"weights={weights}: there is no file {path}; give an absolute path, or one below the "
            "data root, or download: model.weights=null model.trunk.pretrained=true"
        )
    return path


def whole(network: nn.Module, cut: str, tail: nn.Module | Mapping[str, Tensor]) -> nn.Module:
    """A tail merged back into its network, in place: a plain network on images again.

    Args:
        network: The whole network, its trunk as the tail's was.
        cut: As `Tail` has it.
        tail: A `Tail`, the second of `halves`, or the tensors of either.

    Returns:
        The network.

    Raises:
        UsageError: A tensor of the tail is missing or of another shape.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> tail = Tail(network, cut="2").requires_grad_(False)
        >>> tail.tail.get_submodule("2").weight.zero_()[0, 0].item()
        0.0
        >>> whole(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), "2", tail)[2].weight
        Parameter containing:
        tensor([[0., 0., 0.],
                [0., 0., 0.]], requires_grad=True)
    """
    given = tail.state_dict() if isinstance(tail, nn.Module) else tail
    own: Any = halves(network, cut)[1]
    learner = Learner(own)
    load_weights(learner, given, "of the tail")
    return network
