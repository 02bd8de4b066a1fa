"""In which order a forward pass uses the parts of a network."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from mu.data.base import Batch
from mu.models.base import Learner, evaluation_mode

Order = Mapping[int, int]  # id of a tensor or a module → when it was used last


class _Clock(TorchFunctionMode):
    """Notes each operation that reads one of some tensors and makes another of it."""

    def __init__(self, watched: set[int]) -> None:
        super().__init__()
        self.watched, self.now = watched, 0
        self.last: dict[int, int] = {}

    def note(self, used: Any) -> None:
        self.now += 1
        self.last[id(used)] = self.now

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        used = [one for one in tree_leaves((args, kwargs or {})) if id(one) in self.watched]
        # A look at a shape or a type is no use.
        if used and any(isinstance(one, Tensor) for one in tree_leaves(found)):
            for one in used:
                self.note(one)
        return found


@torch.no_grad()
def order_of(learner: Learner, batch: Batch) -> Order:
    """When a forward pass uses each parameter, buffer and module last; what it skips is absent.

    What stands in no operation of Python (a compiled or scripted part) goes by its module.

    Args:
        learner: In evaluation mode inside, restored afterwards.
        batch: On its device; the model draws nothing of the random state outside.
    """
    network = learner.network
    clock = _Clock({id(t) for t in [*network.parameters(), *network.buffers()]})
    hooks = [m.register_forward_pre_hook(lambda m, _: clock.note(m)) for m in network.modules()]
    try:
        with evaluation_mode(learner), torch.random.fork_rng(devices=[]), clock:
            learner.outputs(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return clock.last


def when(order: Order, module: nn.Module) -> int:
    """When anything inside a module is used last; 0 where nothing is."""
    inside = [*module.parameters(), *module.buffers(), *module.modules()]
    return max((order.get(id(one), 0) for one in inside), default=0)
