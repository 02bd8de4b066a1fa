"""Random labels: the forgotten samples are learnt anew with labels that are wrong."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.parts.disjoint import known_ids
from mu.parts.mixed import mixed
from mu.parts.part import Part
from mu.parts.relabelling import wrong_labels
from mu.unlearning.base import Finetuning


class Draws:
    """One uniform number for each sample, whatever batch it comes in.

    Args:
        part: D_f.
        seed: The same seed gives the same numbers.
    """

    def __init__(self, part: Part, seed: int) -> None:
        ids = known_ids(part)
        self.ids = None if ids is None else ids.sort().values
        self.seed = seed
        self.draw()

    def draw(self, epoch: int = 0) -> None:
        """Draw all numbers anew."""
        self.generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        self.values = torch.empty(0)
        self._draw_up_to(0 if self.ids is None else len(self.ids))

    def of(self, index: Tensor) -> Tensor:
        """(n,) numbers of samples of D_f with these ids; those of a user's loaders count from 0."""
        places = index.cpu() if self.ids is None else torch.searchsorted(self.ids, index.cpu())
        self._draw_up_to(int(places.max()) + 1 if len(places) else 0)
        return self.values[places].to(index.device)

    def _draw_up_to(self, count: int) -> None:
        """How many samples a user's loaders hold is not known before; a number stays as drawn."""
        more = max(count - len(self.values), 0)
        self.values = torch.cat([self.values, torch.rand(more, generator=self.generator)])


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
        self.draws = Draws(self.parts["forget"], self.context.seed)
        return mixed(self.parts, self.batch_size, self.context.seed, augment=self.context.augment)

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
