"""Influence Approximation Unlearning (Liu, Wu, Lian and Chen, arXiv 2507.23257)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.data.graphs import GraphInput
from mu.errors import NotApplicable, UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.gradients.vectors import add, to_vector, trained
from mu.models.base import Learner
from mu.parts.disjoint import Remembering, check_disjoint, distinct, known_ids
from mu.training.gradient_restriction import gradient_restriction_loss
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, one_of, positive
from mu.unlearning.stored import Read

__all__ = [
    "IAU",
    "GradientSum",
    "direction_of_sums",
    "gradient_restriction_loss",
    "random_signs",
    "step_along",
    "update_direction",
]

Update = Literal["adam", "sgd"]
Direction = Literal["gradient", "random_sign", "ascent_only"]
History = Literal["current", "cumulative"]
SUM, FORGET, THETA = "sum/", "forget/", "theta/"  # prefixes of tensors that are kept
EPSILON = 1e-8  # Adam's


def update_direction(
    model: nn.Module, retain_batches: Iterable[Any], forget_batches: Iterable[Any]
) -> dict[str, Tensor]:
    r"""The direction g of IAU's step θ − η P(g): mean retained minus mean forgotten gradient.

    .. math:: g = \frac{1}{n_r} \sum_{D_r} \nabla \ell - \frac{1}{n_f} \sum_{D_f} \nabla \ell

    −g climbs the loss of D_f and corrects for the gradient that is left on D_r. The model is in
    evaluation mode inside; the result does not depend on how the batches are cut.

    Args:
        model: Returns logits (n, C); a `mu.models.base.Learner` brings its own loss.
        retain_batches: ``(x, y)`` of D_r.
        forget_batches: ``(x, y)`` of D_f.

    Returns:
        Name → float64 tensor of the parameter's shape; frozen parameters are absent.

    Raises:
        UsageError: A set is empty, or a sample is twice in a set or in both.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> retain, forget = torch.tensor([[2.0]]), torch.tensor([[1.0]])
        >>> y = torch.ones(1)
        >>> update_direction(model, [(retain, y)], [(forget, y)])["weight"].item()   # −1 − (−0.5)
        -0.5
    """
    retain, forget = Remembering("retain", retain_batches), Remembering("forget", forget_batches)
    kept, n_r = gradient_sum(model, retain)
    gone, n_f = gradient_sum(model, forget)
    check_disjoint(forget.ids, retain.ids)
    return {name: kept[name] / n_r - gone[name] / n_f for name in kept}


def direction_of_sums(
    full: Mapping[str, Tensor], n: int, forget: Mapping[str, Tensor], n_f: int
) -> dict[str, Tensor]:
    r"""`update_direction` out of the sum S over all of D = D_r ∪ D_f and the sum s over D_f.

    .. math:: g = \frac{S}{n_r} - s \Big(\frac{1}{n_r} + \frac{1}{n_f}\Big), \qquad n_r = n - n_f

    Args:
        full: S by name.
        n: Samples in D.
        forget: S by name.
        n_f: Samples in D_f.

    Raises:
        UsageError: Nothing is forgotten, or nothing would be left.

    Example:
        >>> direction_of_sums({"w": torch.tensor(6.0)}, 3, {"w": torch.tensor(2.0)}, 1)["w"].item()
        0.0
    """
    if not 0 < n_f < n:
        raise UsageError(f"{n_f} of {n} samples are to be forgotten; both sets must hold some")
    n_r = n - n_f
    return {name: full[name] / n_r - forget[name] * (1 / n_r + 1 / n_f) for name in full}


def step_along(direction: Tensor, update: Update = "adam") -> Tensor:
    r"""P(g): what the step θ − η P(g) is made of.

    ``adam`` is the first step of a fresh Adam, whose two moments cancel exactly, and so a sign step
    of the same length whatever the size of the request; ``sgd`` is g itself.

    .. math:: P(g) = g / (|g| + \epsilon), \quad \epsilon = 10^{-8}

    Example:
        >>> step_along(torch.tensor([1.0, 0.0, -1e-8])).tolist()
        [1.0, 0.0, -0.5]
    """
    if update == "sgd":
        return direction
    signs: Tensor = direction / (direction.abs() + EPSILON)
    return signs


def random_signs(step: Tensor, seed: int) -> Tensor:
    """A step of the same Euclidean length whose entries have one size and drawn signs.

    The control for the question whether the direction matters at all.

    Example:
        >>> found = random_signs(torch.tensor([3.0, 0.0, 0.0, 4.0]), seed=0)
        >>> found.abs().tolist(), found.norm().item()
        ([2.5, 2.5, 2.5, 2.5], 5.0)
    """
    drawn = torch.rand(len(step), generator=torch.Generator().manual_seed(seed))
    size = float(step.norm()) / len(step) ** 0.5
    return torch.where(drawn < 0.5, -size, size).to(step)


@dataclass(frozen=True)
class GradientSum:
    """S: the sum of the gradients over all of D, stored with the original.

    Args:
        batch_size: Samples a batch; it does not change the result.
    """

    batch_size: int | None = 256

    def __call__(self, learner: Learner, read: Read) -> dict[str, Tensor]:
        """``sum/<parameter>`` in float64, and ``count``, the number of samples."""
        seen = Remembering("train on", read(batch_size=self.batch_size))
        total, count = gradient_sum(learner, seen)
        distinct("train on", seen.ids)
        return {f"{SUM}{n}": t for n, t in total.items()} | {"count": torch.tensor(count)}


class IAU(Unlearner):
    r"""One step that forgets D_f as if its points were learned with the opposite gradient.

    .. math:: \theta \leftarrow \theta - \eta \, P(\bar g_r - \bar g_f)

    Gradients are taken in evaluation mode, without augmentation and of the samples that have a
    label in the part (for links: the edges, no drawn negatives); buffers such as running statistics
    are not changed. With the stored `GradientSum` a request reads D_f only.

    Args:
        lr: η.
        update: "adam" (published) or "sgd"; see `step_along`.
        direction: "gradient" (the method), or a control: "random_sign", a step of the same length
            with random signs, or "ascent_only", the step without the retained gradient.
        sequence: How requests follow each other. "current" steps from the current weights, for
            which the gradients of D_r are taken anew. "cumulative" keeps the original weights, S
            and s, steps from them with all requests merged and reads D_f only; exact in any order,
            but what is kept still knows the forgotten data.
        batch_size: Samples a batch; it does not change the result.

    Raises:
        UsageError: An unknown word or an ``lr`` that is not positive. When it is applied: a set is
            empty, a sample is twice in a set or in both, or a gradient is not finite.
        NotApplicable: When it is applied: ``sequence="cumulative"`` on a graph, whose gradients at
            the original weights change with the graph.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "full"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples", "nodes", "edges"})
    shares: ClassVar[bool] = True

    def __init__(
        self,
        lr: float = 1e-3,
        update: Update = "adam",
        direction: Direction = "gradient",
        sequence: History = "current",
        batch_size: int | None = 256,
    ) -> None:
        super().__init__()
        positive(lr=lr)
        at_least(1, batch_size=batch_size, null="one batch")
        one_of(update=(update, get_args(Update)), direction=(direction, get_args(Direction)))
        one_of(sequence=(sequence, get_args(History)))
        self.lr, self.update, self.direction = lr, update, direction
        self.sequence, self.batch_size = sequence, batch_size

    def solve(self) -> None:
        if self.sequence == "cumulative":
            found, n_r, n_f = self._cumulative()
        elif self.direction == "ascent_only":
            found, n_r, n_f = self._ascent()
        elif "gradient_sum" in self.stored:
            found, n_r, n_f = self._of_stored()
        else:
            found, n_r, n_f = self._of_both()
        g = to_vector(found)
        if not bool(torch.isfinite(g).all()):
            raise UsageError(
                "the gradients hold values that are not finite numbers; look for an input that is "
                "not finite, or weights that diverged"
            )
        step = step_along(g, self.update)
        if self.direction == "random_sign":
            step = random_signs(step, self.context.seed)
        step = -self.lr * step
        add(self.learner, step)
        self._note(g, step, n_r, n_f)

    def _note(self, g: Tensor, step: Tensor, n_r: int, n_f: int) -> None:
        norms = float(g.norm()), float(step.norm())
        self.facts = {
            "update": self.update,
            "lr": self.lr,
            "direction": self.direction,
            "sequence": self.sequence,
            "n_forget": n_f,
            "n_retain": n_r,
            "step_norm": norms[1],
            "cosine": float(-g @ step) / (norms[0] * norms[1]) if all(norms) else 0.0,
        }

    def _batches(self, part: str) -> Iterator[Batch]:
        for batch in self.batches(part, batch_size=self.batch_size):
            if self.sequence == "cumulative" and isinstance(batch.x, GraphInput):
                raise NotApplicable(
                    "not applicable: sequence=cumulative on a graph, which is another one after "
                    "each request; take sequence=current"
                )
            yield batch

    def _of_both(self) -> tuple[dict[str, Tensor], int, int]:
        """One pass over D_r and one over D_f."""
        retain, forget = (Remembering(part, self._batches(part)) for part in ("retain", "forget"))
        found = update_direction(self.learner, retain, forget)
        return found, retain.count, forget.count

    def _forget_sum(self) -> tuple[dict[str, Tensor], int, Tensor]:
        """s, n_f and the ids of D_f, none of which is in D_r."""
        forget = Remembering("forget", self._batches("forget"))
        total, count = gradient_sum(self.learner, forget)
        retain = known_ids(self.parts["retain"])
        if retain is not None:
            check_disjoint(forget.ids, retain)
            if not len(retain):
                raise UsageError("there are no samples to retain; both sets must hold some")
        return total, count, forget.ids

    def _ascent(self) -> tuple[dict[str, Tensor], int, int]:
        """−ḡ_f; D_r is not read and its size noted where it is known."""
        total, n_f, _ = self._forget_sum()
        retain = known_ids(self.parts["retain"])
        return {n: -s / n_f for n, s in total.items()}, 0 if retain is None else len(retain), n_f

    def _of_stored(self) -> tuple[dict[str, Tensor], int, int]:
        """One pass over D_f."""
        kept = self.prepared("gradient_sum", GradientSum(self.batch_size))
        total, n_f, _ = self._forget_sum()
        return self._direction(kept, total, n_f)

    def _direction(
        self, kept: Mapping[str, Tensor], total: Mapping[str, Tensor], n_f: int
    ) -> tuple[dict[str, Tensor], int, int]:
        """What follows from the S that was kept, with n_r and n_f."""
        n_r = int(kept["count"]) - n_f
        retain = known_ids(self.parts["retain"])
        if retain is not None and len(retain) != n_r:
            raise UsageError(
                f"the stored sum holds {n_r} samples beside those to forget, but {len(retain)} are "
                "to be retained; store it anew, or request without it"
            )
        full = of_parameters(total, kept, SUM)
        return direction_of_sums(full, n_r + n_f, total, n_f), n_r, n_f

    def _cumulative(self) -> tuple[dict[str, Tensor], int, int]:
        """The direction of all requests merged, at the original weights, which are set back."""
        parameters = trained(self.learner)
        kept = dict(self.memory) or self._beginning(parameters)
        with torch.no_grad():
            for name, theta in of_parameters(parameters, kept, THETA).items():
                parameters[name].copy_(theta)
        fresh, count, ids = self._forget_sum()
        check_disjoint(ids, kept["ids"].cpu(), "forgotten already")
        total = {n: s + fresh[n] for n, s in of_parameters(fresh, kept, FORGET).items()}
        n_f = int(kept["n_forget"]) + count
        kept |= {f"{FORGET}{name}": s for name, s in total.items()}
        kept |= {"n_forget": torch.tensor(n_f), "ids": torch.cat([kept["ids"].cpu(), ids])}
        found, n_r, _ = self._direction(kept, total, n_f)
        self.memory = {name: tensor.detach().cpu() for name, tensor in kept.items()}
        if self.direction == "ascent_only":
            found = {name: -s / n_f for name, s in total.items()}
        return found, n_r, n_f

    def _beginning(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is kept before the first request."""
        kept = dict(self.prepared("gradient_sum", GradientSum(self.batch_size)))
        kept |= {f"{THETA}{n}": p.detach().clone() for n, p in parameters.items()}
        kept |= {f"{FORGET}{n}": torch.zeros_like(p).double() for n, p in parameters.items()}
        return kept | {"n_forget": torch.tensor(0), "ids": torch.empty(0, dtype=torch.int64)}


def of_parameters(
    like: Mapping[str, Tensor], kept: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """Tensors that were kept under a prefix, by parameter and on its device.

    Raises:
        UsageError: A parameter is not among them.
    """
    absent = [name for name in like if f"{prefix}{name}" not in kept]
    if absent:
        raise UsageError(f"{absent[0]} was frozen when the gradients were stored; store them anew")
    return {name: kept[f"{prefix}{name}"].to(tensor.device) for name, tensor in like.items()}
