"""GIF: graph influence function (Wu et al., WWW 2023, arXiv 2304.02835)."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.data.graphs import GraphInput
from mu.errors import StepFailed
from mu.gradients.mean_gradient import gradient_sum
from mu.gradients.vectors import to_vector
from mu.unlearning.influence import Influence


def seen_without(batch: Batch, kept: GraphInput, ids: Tensor) -> Batch:
    """The samples of a batch that are kept, on the retained graph.

    Args:
        batch: Samples seen through the graph trained on; drawn pairs have the index −1.
        kept: The retained view.
        ids: Ids that are kept; drawn pairs stay as well.
    """
    stays = torch.isin(batch.index, ids) | (batch.index < 0)
    x: GraphInput = batch.x
    nodes = None if x.nodes is None else x.nodes[stays]
    pairs = None if x.pairs is None else x.pairs[:, stays]
    asked = replace(kept, nodes=nodes, pairs=pairs)
    return Batch(asked, batch.y[stays], batch.index[stays], units=batch.units)


class GIF(Influence):
    r"""One Newton step for what a request changes in the loss, neighbours included.

    .. math:: \theta \leftarrow \theta + \alpha (C + \lambda I)^{-1} v, \qquad
        v = \frac1n \Big( \sum_{D} \nabla \ell(\theta; G) - \sum_{D_r} \nabla \ell(\theta; G_r)
        \Big)

    The sums differ in the forgotten samples and in every sample whose embedding depends on what
    left the graph (equation 8 of the paper); all others cancel. For links both sums hold the same
    drawn pairs without an edge. The published form solves by a power series (``curvature=lissa``,
    ``matrix=hessian``, scale 1 / damping by hand); the default is the Gauss–Newton matrix by
    conjugate gradients, which cannot diverge. C is that of the retained mean loss.

    The arguments are those of `mu.unlearning.influence.Influence`.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"full", "kept", "retain"})
    requests: ClassVar[frozenset[str]] = frozenset({"edges", "nodes", "features"})

    def _direction(self) -> Tensor:
        before: list[Batch] = list(self.batches("full", **self._reading()))
        first = self.first_batch("kept")
        after = [seen_without(batch, first.x, first.index) for batch in before]
        (old, count), (new, _) = (gradient_sum(self.learner, one) for one in (before, after))
        self.meter.forward += len(after)
        self.meter.backward += len(after)
        v = (to_vector(old) - to_vector(new)) / count
        if not bool(torch.isfinite(v).all()):
            raise StepFailed("the gradients hold values that are not finite numbers")
        return v
