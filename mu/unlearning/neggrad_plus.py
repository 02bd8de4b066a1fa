"""NegGrad+: descend the loss of what is retained and climb that of what is forgotten, at once."""

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import Tensor

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner, as_batch, evaluation_mode
from mu.parts.part import Part, move
from mu.unlearning.base import Finetuning
from mu.unlearning.options import share


def joint_loss(learner: Learner, retain: Batch, forget: Batch, beta: float) -> Tensor:
    r"""What one step of NegGrad+ descends (Kurmanji et al., arXiv 2302.09880, section 4).

    .. math:: \beta \frac{1}{n} \sum_{D_r \text{ batch}} \ell(f_\theta(x), y)
        - (1 - \beta) \frac{1}{m} \sum_{D_f \text{ batch}} \ell(f_\theta(x), y)

    Args:
        learner: In the mode it is in for the retained batch; in evaluation mode for the other, so
            that batch statistics of D_f reach neither the loss nor the running ones.
        retain: N retained samples.
        forget: M samples to forget.
        beta: β in (0, 1]; 1 is fine-tuning.
    """
    kept = learner.batch_loss(retain)
    with evaluation_mode(learner):
        gone = learner.batch_loss(forget)
    return beta * kept - (1 - beta) * gone


def recycled(part: Part, batch_size: int | None, seed: int) -> Iterator[Batch]:
    """Batches of a part without end; every pass over it has an order of its own.

    Args:
        part: D_f; not augmented, no negatives are drawn.
        batch_size: Samples a batch, where the part is not the user's own loader.
        seed: Of the first order.

    Raises:
        UsageError: The part is empty.
    """
    while True:
        count = 0
        for batch in part.batches(batch_size=batch_size, shuffle=True, seed=seed):
            count += 1
            yield as_batch(batch)
        if not count:
            raise UsageError("there are no samples to forget")
        seed += 1


class NegGradPlus(Finetuning):
    r"""Fine-tune on D_r while climbing the loss of D_f (Kurmanji et al., arXiv 2302.09880).

    .. math:: \min_\theta \; \beta \, \mathbb{E}_{D_r} \ell(f_\theta(x), y)
        - (1 - \beta) \, \mathbb{E}_{D_f} \ell(f_\theta(x), y)

    An epoch is one pass over D_r; beside each retained batch stands one of D_f, which is read again
    from the start where it ends first. The model is in training mode for retained batches and in
    evaluation mode for those of D_f, so that running statistics see D_r only. The second term has
    no lower bound: a model whose weights are no longer finite numbers fails.

    Args:
        epochs: Passes over D_r.
        lr: Learning rate.
        beta: β, weight of the retained loss; 1 is fine-tuning.
        training: As for `Finetuning`; batches of 64, of either set.

    Raises:
        UsageError: ``beta`` outside (0, 1], or D_f is empty.
    """

    weighted: ClassVar[bool] = True

    def __init__(
        self,
        epochs: int = 3,
        lr: float = 0.01,
        beta: float = 0.95,
        **training: Any,
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 64} | training)
        share(beta=beta)
        self.beta = beta

    def train_batches(self) -> Any:
        forgotten = recycled(self.parts["forget"], self.batch_size, self.context.seed)
        self.forgotten = self.meter.count(forgotten)
        return super().train_batches()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        forget = move(next(self.forgotten), self.context.device)
        return joint_loss(self.learner, as_batch(batch), forget, self.beta)
