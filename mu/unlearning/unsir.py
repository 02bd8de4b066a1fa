"""UNSIR: forget classes by noise that maximises their loss, then repair."""

from typing import ClassVar

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.doors.nested import check_one_float
from mu.errors import UsageError
from mu.models.base import Learner, evaluation_mode
from mu.parts.draw import drawn
from mu.parts.whole_classes import whole_classes
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, not_negative, positive


def noise_loss(learner: Learner, noise: Tensor, labels: Tensor, penalty: float) -> Tensor:
    r"""What the noise minimises (Tarun et al., arXiv 2111.08947, equation 3).

    .. math:: -\frac{1}{n} \sum_i \ell(f_\theta(N_i), y_i)
        + \lambda \frac{1}{n} \sum_i \lVert N_i \rVert_2^2

    Args:
        learner: In the mode it is in.
        noise: (n, …) inputs.
        labels: (n,) forgotten classes.
        penalty: λ ≥ 0.
    """
    logits, targets = learner.outputs(Batch(noise, labels, torch.full_like(labels, -1)))
    return penalty * noise.flatten(1).square().sum(1).mean() - learner.loss(logits, targets)


def maximising_noise(
    learner: Learner, noise: Tensor, labels: Tensor, steps: int, lr: float, penalty: float
) -> Tensor:
    """Noise after ``steps`` of Adam on `noise_loss`.

    Args:
        learner: In evaluation mode inside, restored afterwards; its weights get no gradient.
        noise: (n, …) start; not changed.
        labels: (n,) forgotten classes.
        steps: Steps of Adam.
        lr: Their rate, in units of the normalised input.
        penalty: λ of `noise_loss`.

    Returns:
        (n, …) noise.
    """
    found = noise.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([found], lr=lr)
    with evaluation_mode(learner), torch.enable_grad():
        for _ in range(steps):
            loss = noise_loss(learner, found, labels, penalty)
            (found.grad,) = torch.autograd.grad(loss, found)
            optimizer.step()
    return found.detach()


def with_noise(
    batch: Batch, noise: Tensor, labels: Tensor, ratio: float, generator: torch.Generator
) -> Batch:
    """A batch with ``ratio`` noise samples, drawn with replacement, for each of its own.

    Args:
        batch: Retained samples (n, …).
        noise: (m, …) inputs.
        labels: (m,) their classes.
        ratio: At least one noise sample is added whatever the ratio.
        generator: On the CPU.
    """
    count = max(1, round(ratio * len(batch)))
    rows = torch.randint(len(noise), (count,), generator=generator).to(noise.device)
    y = torch.cat([batch.y, labels[rows]])
    index = torch.cat([batch.index, torch.full_like(batch.index[:1], -1).expand(count)])
    return Batch(torch.cat([batch.x, noise[rows]]), y, index)


class UNSIR(Unlearner):
    """Impair with error-maximising noise, repair on retained samples (arXiv 2111.08947).

    The model is in evaluation mode while noise is made and while it impairs, so that noise never
    reaches running statistics; it is in training mode while retained samples repair. Serves
    requests for whole classes only: their noise carries the class as its label, and where the class
    is retained as well, that destroys it.

    Args:
        noise_size: Noise samples of each forgotten class.
        noise_steps: Steps of Adam that make the noise.
        noise_lr: Their rate, in units of the normalised input.
        noise_penalty: λ, weight of the mean squared norm of a noise sample.
        noise_ratio: Noise samples for each retained one while impairing.
        samples_per_class: Retained samples of each class that impair and repair read.
        impair_lr: Rate of Adam; 0 leaves the step out.
        repair_lr: Rate of Adam; 0 leaves the step out.
        impair_epochs, repair_epochs: Passes over those samples.
        batch_size: Retained samples a batch.

    Raises:
        UsageError: A negative or empty option. When it is applied: inputs that no noise is like.
        NotApplicable: D_f does not consist of whole classes.
    """

    reads_labels: ClassVar[bool] = True
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})

    def __init__(
        self,
        noise_size: int = 32,
        noise_steps: int = 25,
        noise_lr: float = 0.1,
        noise_penalty: float = 0.1,
        noise_ratio: float = 0.5,
        samples_per_class: int = 500,
        impair_lr: float = 0.0005,
        repair_lr: float = 0.0005,
        impair_epochs: int = 1,
        repair_epochs: int = 1,
        batch_size: int = 64,
    ) -> None:
        super().__init__()
        at_least(1, noise_size=noise_size, noise_steps=noise_steps, batch_size=batch_size)
        at_least(1, samples_per_class=samples_per_class)
        at_least(0, impair_epochs=impair_epochs, repair_epochs=repair_epochs)
        positive(noise_lr=noise_lr, noise_ratio=noise_ratio)
        not_negative(impair_lr=impair_lr, repair_lr=repair_lr, noise_penalty=noise_penalty)
        self.noise_size, self.noise_steps, self.noise_lr = noise_size, noise_steps, noise_lr
        self.noise_penalty, self.noise_ratio = noise_penalty, noise_ratio
        self.samples_per_class, self.batch_size = samples_per_class, batch_size
        self.impair_lr, self.impair_epochs = impair_lr, impair_epochs
        self.repair_lr, self.repair_epochs = repair_lr, repair_epochs

    def make_noise(self, classes: list[int]) -> tuple[Tensor, Tensor]:
        """Noise of all forgotten classes and its labels; counted as passes over as many samples."""
        first = self.first_batch("forget", batch_size=1)
        x = first.x
        check_one_float(x, "UNSIR", "it draws noise like them and descends along its gradient")
        if len(x) != len(first):
            raise UsageError(
                f"UNSIR needs inputs whose first dimension counts the samples, not "
                f"{tuple(x.shape)} for {len(first)} of them: it makes noise samples like them"
            )
        device, generator = self.context.device, torch.Generator().manual_seed(self.context.seed)
        found = []
        for label in classes:
            start = torch.randn(self.noise_size, *x.shape[1:], generator=generator, dtype=x.dtype)
            labels = torch.full((self.noise_size,), label, device=device)
            given = self.noise_steps, self.noise_lr, self.noise_penalty
            found.append(maximising_noise(self.learner, start.to(device), labels, *given))
            self.meter.forward += self.noise_steps * self.noise_size
            self.meter.backward += self.noise_steps * self.noise_size
        labels = torch.tensor(classes, device=device).repeat_interleave(self.noise_size)
        return torch.cat(found), labels

    def learn(self, lr: float, epochs: int, noisy: tuple[Tensor, Tensor] | None = None) -> None:
        """Adam on the retained samples, joined by noise where there is some."""
        weights = [p for p in self.learner.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=lr)
        generator = torch.Generator().manual_seed(self.context.seed)
        options = {"batch_size": self.batch_size, "train": True, "augment": self.context.augment}
        for epoch in range(epochs):
            for batch in self.batches("retain", seed=self.context.seed + epoch, **options):
                seen = batch
                if noisy is not None:
                    seen = with_noise(batch, *noisy, self.noise_ratio, generator)
                    self.meter.forward += len(seen) - len(batch)
                    self.meter.backward += len(seen) - len(batch)
                self.descend(optimizer, self.learner.batch_loss(seen))
        optimizer.zero_grad()

    def solve(self) -> None:
        classes = whole_classes(self.parts["forget"], self.parts["retain"], "UNSIR")
        few = drawn(
            self.parts["retain"],
            self.context.seed,
            count=self.samples_per_class,
            per_class=True,
        )
        self.parts = {**self.parts, "retain": few}
        noise, labels = self.make_noise(classes)
        if self.impair_lr:
            self.learn(self.impair_lr, self.impair_epochs, (noise, labels))
        if self.repair_lr:
            self.learner.train()
            self.learn(self.repair_lr, self.repair_epochs)
        self.facts = {"classes": classes, "noise_norm": float(noise.flatten(1).norm(dim=1).mean())}
