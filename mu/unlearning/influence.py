"""Influence unlearning: one step along the inverse curvature (Koh and Liang, arXiv 1703.04730)."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.errors import StepFailed, UsageError
from mu.gradients.conjugate import solve
from mu.gradients.gauss_newton import gauss_newton_product
from mu.gradients.hessian import hessian_product
from mu.gradients.lissa import lissa
from mu.gradients.mean_gradient import gradient_sum
from mu.gradients.vectors import add, to_vector
from mu.gradients.woodbury import gradient_rows, published_woodfisher, single_gradients, woodbury
from mu.parts.disjoint import Remembering, check_disjoint
from mu.parts.draw import drawn
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, must_be, not_negative, one_of, positive

CURVATURES = ("cg", "identity", "lissa", "woodfisher", "woodfisher_published")
MATRICES = ("gauss_newton", "hessian")
PARTS = ("forget", "retain")
PUBLISHED_SAMPLES = 1002


def influence_direction(
    forget_sum: Tensor, forget_count: int, retain_sum: Tensor, retain_count: int
) -> Tensor:
    r"""What the removal of D_f changes in the gradient of the mean loss, with its sign turned.

    The weights of samples go from 1/n to 0 on D_f and to 1/n_r on D_r, so

    .. math:: v = \frac1n \sum_{D_f} \nabla \ell + \Big(\frac1n - \frac1{n_r}\Big)
        \sum_{D_r} \nabla \ell = \frac{n_f}{n} (\bar g_f - \bar g_r)

    and :math:`\theta + H^{-1} v` is the new minimum to first order (Jia et al., arXiv 2304.04934,
    equation 3).

    Args:
        forget_sum: (P,) sum of the gradients of D_f.
        forget_count: n_f.
        retain_sum: (P,) sum of the gradients of D_r.
        retain_count: n_r.

    Raises:
        UsageError: One of the two is empty.

    Example:
        >>> influence_direction(torch.tensor([2.0]), 1, torch.tensor([3.0]), 3).item()
        0.25
    """
    if forget_count < 1 or retain_count < 1:
        raise UsageError(
            f"{forget_count} samples to forget and {retain_count} to retain: both are needed"
        )
    total = forget_count + retain_count
    return forget_count / total * (forget_sum / forget_count - retain_sum / retain_count)


class Influence(Unlearner):
    r"""Step to where the minimum moves when D_f leaves the loss, to first order.

    .. math:: \theta \leftarrow \theta + \alpha \, (C + \lambda I)^{-1} v, \qquad
        v = \tfrac{n_f}{n} (\bar g_f - \bar g_r)

    All gradients are taken in evaluation mode: the running statistics of batch normalisation are
    read and never moved. Parts are read as in training, without augmentation, so for links each
    part comes with as many drawn negatives.

    Args:
        curvature: C. "cg": ``matrix`` of the retained mean loss by conjugate gradients; "lissa":
            the same by a power series; "woodfisher": the empirical Fisher of single samples, exact;
            "identity": C = I and λ = 0; "woodfisher_published": what the published code computes.
        matrix: "hessian", or "gauss_newton", its part that is never negative. The Hessian of a deep
            network has negative eigenvalues, and λ must be larger than those.
        damping: λ; where gradients of D_r are small the step is v/λ.
        scale: α; 1 is Newton's step.
        samples: Samples of D_r that make up C, drawn with the seed; None takes all. Curvature
            "woodfisher" holds a gradient of each in memory (at most 4 GiB).
        iterations: Most products with the matrix: steps of "cg" and "lissa".
        tolerance: Relative residual at which "cg" stops early.
        lissa_scale: σ of "lissa", above half of the largest eigenvalue of the matrix.
        batch_size: Samples a batch; it does not change the result.

    Raises:
        UsageError: An unknown curvature, or an option out of its range. When it is applied: a set
            is empty, or a sample is twice in a set or in both.
        StepFailed: When it is applied: the damped matrix is not positive definite, LiSSA diverges,
            or a gradient is not finite.
    """

    # Zeroed node features leave their nodes in the loss, which a removal does not describe.
    requests: ClassVar[frozenset[str]] = frozenset({"samples", "nodes", "edges"})

    def __init__(
        self,
        curvature: str = "cg",
        matrix: str = "gauss_newton",
        damping: float = 0.1,
        scale: float = 1.0,
        samples: int | None = 1024,
        iterations: int = 10,
        tolerance: float = 1e-4,
        lissa_scale: float = 50.0,
        batch_size: int | None = 256,
    ) -> None:
        super().__init__()
        one_of(curvature=(curvature, CURVATURES), matrix=(matrix, MATRICES))
        if curvature == "woodfisher":
            positive(damping=damping)
        not_negative(damping=damping)
        at_least(1, samples=samples, batch_size=batch_size, null="all")
        at_least(1, iterations=iterations)
        must_be("a finite number", lambda _: True, scale=scale)
        positive(tolerance=tolerance, lissa_scale=lissa_scale)
        self.curvature, self.matrix, self.samples = curvature, matrix, samples
        self.damping, self.scale = damping, scale
        self.iterations, self.tolerance = iterations, tolerance
        self.lissa_scale, self.batch_size = lissa_scale, batch_size

    def solve(self) -> None:
        # Products of a Hessian in bfloat16 are too coarse to solve with.
        with torch.autocast(self.context.device, enabled=False):
            v = self._direction()
            step = self.scale * self._solved(v)
        if not bool(torch.isfinite(step).all()):
            raise StepFailed(f"the {self.curvature} step is not finite; raise damping")
        add(self.learner, step)
        norms = float(v.norm()), float(step.norm())
        self.facts |= {
            "curvature": self.curvature,
            "scale": self.scale,
            "direction_norm": norms[0],
            "step_norm": norms[1],
            "cosine": float(v @ step) / (norms[0] * norms[1]) if all(norms) else 0.0,
        }

    def _direction(self) -> Tensor:
        seen = {part: Remembering(part, self.batches(part, **self._reading())) for part in PARTS}
        (forget, n_f), (retain, n_r) = (gradient_sum(self.learner, one) for one in seen.values())
        check_disjoint(seen["forget"].ids, seen["retain"].ids)
        v = influence_direction(to_vector(forget), n_f, to_vector(retain), n_r)
        if not bool(torch.isfinite(v).all()):
            raise StepFailed("the gradients hold values that are not finite numbers")
        return v

    def _reading(self) -> dict[str, Any]:
        """How every part is read: as in training, so that links come with drawn negatives."""
        return {"batch_size": self.batch_size, "train": True, "seed": self.context.seed}

    def _solved(self, v: Tensor) -> Tensor:
        """(C + λI)⁻¹ v; says on the card how."""
        if self.curvature == "identity":
            return v
        if self.curvature == "woodfisher_published":
            ordered = self.batches("retain", batch_size=self.batch_size)
            gradients = single_gradients(self.learner, ordered)
            return published_woodfisher(islice(gradients, PUBLISHED_SAMPLES), v)
        few = drawn(self.parts["retain"], self.context.seed, count=self.samples)
        self.parts = {**self.parts, "retain": few}
        self.facts |= {"damping": self.damping}
        if self.curvature == "woodfisher":
            rows = gradient_rows(self.learner, self._read())
            self.facts["samples"] = len(rows)
            return woodbury(rows, v, self.damping)

        def product(p: Tensor) -> Tensor:
            if self.matrix == "hessian":
                return hessian_product(self.learner, self._read(backward=2), p)
            return gauss_newton_product(self.learner, self._read(backward=3), p)

        if self.curvature == "lissa":
            found = lissa(product, v, self.damping, self.lissa_scale, self.iterations)
        else:
            found = solve(product, v, self.damping, self.tolerance, self.iterations)
        self.facts |= {
            "matrix": self.matrix,
            "iterations": found.iterations,
            "residual": found.residual,
        }
        return found.x

    def _read(self, backward: int = 1) -> Iterator[Batch]:
        """Batches of what makes up C, with as many backward passes as are spent on each."""
        for batch in self.batches("retain", **self._reading()):
            self.meter.backward += (backward - 1) * batch.units
            yield batch
