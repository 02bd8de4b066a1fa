"""Training the last linear layer on features of a trunk that never changes."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.order import Order, when
from mu.models.output_layer import head_inputs
from mu.parts.rows import Held, Ordered, Rows, held, shuffled
from mu.unlearning.base import OPTIMIZERS, Finetuning

MOST = 0.9  # of the trunk's parameters: what holds more is no stage of it, but contains the stages


def last_stage(network: nn.Module, head: nn.Linear, order: Order | None = None) -> list[nn.Module]:
    """The last child with weights before the head, and normalisations behind it.

    Children stand in the order of a forward pass where one is given, without those that never run,
    else in that of their definition.

    What holds nine tenths of the trunk (a wrapper, a sequence of all blocks) is looked into: of
    ResNet-18 it is the last of four stages, of a Vision Transformer the last block with the final
    normalisation, of LeNet-5 the second linear layer.

    Example:
        >>> body = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4))
        >>> head = nn.Linear(4, 3)
        >>> last_stage(nn.Sequential(body, head), head)
        [Linear(in_features=4, out_features=4, bias=True)]
    """
    own = {id(p) for p in head.parameters()}

    def size(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters() if id(p) not in own)

    def shaped(module: nn.Module) -> bool:
        return any(p.dim() > 1 for p in module.parameters() if id(p) not in own)

    found: list[nn.Module] = []
    whole, level = size(network), network
    while True:
        children = [child for child in level.children() if size(child)]
        if order is not None:
            times = {id(child): when(order, child) for child in children}
            children = sorted(filter(lambda c: times[id(c)], children), key=lambda c: times[id(c)])
        last = max((n for n, child in enumerate(children) if shaped(child)), default=None)
        if last is None:
            return found or children
        inner, found = children[last], [*children[last + 1 :], *found]
        if size(inner) < MOST * whole or not any(shaped(child) for child in inner.children()):
            return [inner, *found]
        level = inner


class FrozenTrunk(Finetuning):
    """Base of methods that train the head, and more where they are told so.

    The model is in evaluation mode all the time: running statistics never move, and dropout rests.
    What the head reads is then constant and is computed once; an epoch costs a linear layer.

    A subclass sets in `solve`:
        head: From `output_layer`.
        rows: What is trained on: features from `features_of`, or inputs.
        cached: Whether they are features.
        groups: Modules to train, each with its learning rate.
    """

    head: nn.Linear
    rows: Rows
    cached: bool = True
    groups: list[tuple[list[nn.Module], float]]

    @torch.no_grad()
    def features_of(self, batches: Iterable[Batch]) -> Held:
        """What the head reads of the batches, and their targets, in memory.

        Raises:
            UsageError: There are no batches, or the network does not end in the head.
        """
        found, labels = [], []
        for batch in batches:
            features, _, targets = head_inputs(self.learner, batch, self.head)
            found.append(features.to(self.head.weight.dtype).cpu())
            labels.append(targets.cpu())
        if not found:
            raise UsageError("there are no samples to train the head on")
        return held(torch.cat(found), torch.cat(labels), units=0)

    def choose(self, groups: list[tuple[list[nn.Module], float]]) -> None:
        """Freeze all but the modules of the groups; `finished` restores what was frozen before.

        Raises:
            UsageError: Nothing is left to train.
        """
        free = (p for modules, _ in groups for m in modules for p in m.parameters())
        frozen = "the layers to train are frozen in the model: requires_grad is false"
        self.facts["trained_share"] = self.train_only(free, frozen)
        self.groups = groups

    def train_batches(self) -> Ordered:
        return shuffled(self.rows, self.batch_size, self.context.seed)

    def on_train_epoch_start(self) -> None:
        self.learner.eval()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        if self.cached:
            return self.learner.loss(self.head(batch.x), batch.y)
        return self.learner.batch_loss(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        seen: set[int] = set()
        chosen: list[dict[str, Any]] = []
        for modules, lr in self.groups:
            every = [p for m in modules for p in m.parameters() if p.requires_grad]
            new = [p for p in dict.fromkeys(every) if id(p) not in seen]
            seen |= {id(p) for p in new}
            chosen += [{"params": new, "lr": lr}] if new else []
        return OPTIMIZERS[self.optimizer_name](self, chosen)
