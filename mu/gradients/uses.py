"""A use of parameters in an operation whose first dimension is the samples."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from mu.gradients.sink import Sink


class Use:
    """What is kept of one call of an operation until the gradient at its output is known.

    Args:
        roles: What a parameter is in the operation ("weight", "bias") → its name in the model.
        x: The operation's input, samples first.
    """

    def __init__(self, roles: Mapping[str, str], x: Tensor) -> None:
        self.roles = dict(roles)
        self.x = x.detach()
        self._version = x._version

    def per_sample(self, role: str, g: Tensor, rows: slice) -> Tensor:
        """(c, *shape) gradients of some samples, ``g`` being the gradient at the output."""
        raise NotImplementedError

    def size(self, role: str, g: Tensor) -> int:
        """Numbers that `per_sample` holds for one sample."""
        raise NotImplementedError

    def collect(self, g: Tensor, sink: Sink, roles: Iterable[str]) -> None:
        """Add the powers of the gradients of these roles; kinds replace it by something faster."""
        for role in roles:
            for group, rows in sink.parts(self.size(role, g)):
                sink.add(self.roles[role], group, self.per_sample(role, g, rows))

    def release(self) -> None:
        """Let go of what was kept."""
        self.x = self.x.new_empty(0)

    def check(self) -> None:
        """Refuse, as autograd does, to compute with an input that was changed since.

        Raises:
            RuntimeError: It was.
        """
        if self.x._version != self._version:
            names = ", ".join(self.roles.values())
            raise RuntimeError(
                f"the input of the operation with {names} was modified by an inplace operation"
            )


class Broadcast(Use):
    """A parameter that is added to or multiplied with every sample: it becomes one a sample.

    Args:
        name: The parameter's name.
        parameter: The parameter.
        dims: Dimensions of what it meets.
        n: How many samples that has.
    """

    def __init__(self, name: str, parameter: Tensor, dims: int, n: int) -> None:
        self.shape = parameter.shape
        shape = (1,) * (dims - parameter.dim()) + tuple(parameter.shape)
        # Not detach(): what counts changes of the parameter must not count ours.
        self.copies = parameter.data.reshape(shape).expand(n, *shape[1:])
        super().__init__({"weight": name}, self.copies)

    def size(self, role: str, g: Tensor) -> int:
        return g[0].numel()

    def per_sample(self, role: str, g: Tensor, rows: slice) -> Tensor:
        return g[rows].reshape(-1, *self.shape)

    def check(self) -> None:
        return


def samples_first(x: Any, n: int) -> bool:
    """Whether something is a tensor of floating numbers with n rows."""
    return isinstance(x, Tensor) and x.dim() > 0 and len(x) == n and torch.is_floating_point(x)
