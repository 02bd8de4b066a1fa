"""Random labels: the forgotten samples are learnt anew with labels that are wrong."""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.models.base import as_batch
from mu.parts.mixed import mixed
from mu.parts.part import DataPart, LoaderPart, Part
from mu.parts.relabelling import wrong_labels
from mu.unlearning.base import Finetuning


def numbered(part: Part) -> LoaderPart:
    """A user's own batches held in memory and numbered, so that each sample keeps its draw."""
    found: list[Batch] = []
    start = 0
    for batch in map(as_batch, part.batches()):
        found.append(replace(batch, index=torch.arange(start, start + len(batch))))
        start += len(batch)
    return LoaderPart((found,))


class Draws:
    """One uniform number for each sample, whatever batch it comes in.

    Args:
        part: D_f: of mu's data, or from `numbered`.
        seed: The same seed gives the same numbers.
    """

    def __init__(self, part: Part, seed: int) -> None:
        if isinstance(part, DataPart):
            self.ids = torch.from_numpy(part.ids).sort().values
        else:
            self.ids = torch.arange(sum(len(batch) for batch in part.batches()))
        self.seed = seed
        self.draw()

    def draw(self, epoch: int = 0) -> None:
        """Draw all numbers anew."""
        generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        self.values = torch.rand(len(self.ids), generator=generator)

    def of(self, index: Tensor) -> Tensor:
        """(n,) numbers of samples with these ids, all of which are in D_f."""
        return self.values[torch.searchsorted(self.ids, index.cpu())].to(index.device)


class RandomLabels(Finetuning):
    r"""Train on D_r as it is and on D_f with wrong labels (Graves et al., arXiv 2010.10981).

    .. math:: \min_\theta \; \mathbb{E}_{D_r \cup D_f} \ell(f_\theta(x), \tilde y), \qquad
        \tilde y = y \text{ on } D_r, \; \tilde y \sim U(\{1 \dots C\} \setminus \{y\})
        \text{ on } D_f

    C is the number of the model's outputs, and the true class is never drawn. A sample's label
    depends on the seed and on the sample, not on the order of batches. Batches mix D_f and D_r, so
    running statistics see both in the proportions of the training data.

    Args:
        epochs: Passes over D_f and D_r.
        lr: Learning rate.
        redraw: Draw labels anew in each epoch, not once.
        training: As for `Finetuning`; batches of 64.
    """

    reads_labels: ClassVar[bool] = True
    weighted: ClassVar[bool] = True

    def __init__(
        self, epochs: int = 3, lr: float = 0.005, redraw: bool = False, **training: Any
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 64} | training)
        self.redraw = redraw

    def train_batches(self) -> Any:
        forget = self.parts["forget"]
        if not isinstance(forget, DataPart):
            forget = numbered(forget)
        self.draws = Draws(forget, self.context.seed)
        parts = {"forget": forget, "retain": self.parts["retain"]}
        return mixed(parts, self.batch_size, self.context.seed, augment=self.context.augment)

    def on_train_epoch_start(self) -> None:
        if self.redraw:
            self.draws.draw(self.current_epoch)

    def training_step(self, batch: Any, index: int) -> Tensor:
        logits, true = self.learner.outputs(batch)
        targets, gone = true, batch.forget.to(true.device)
        if bool(gone.any()):
            classes = max(2, logits.shape[-1])
            draws = self.draws.of(batch.index[gone])
            targets = targets.clone()
            targets[gone] = wrong_labels(targets[gone], draws, classes)
        if batch.share is None:
            return self.learner.loss(logits, targets)
        share = batch.share.to(logits.device)
        right, wrong = (self.learner.loss(logits, y, "none") for y in (true, targets))
        return torch.mean((1 - share) * right + share * wrong)
