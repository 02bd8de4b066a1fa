"""ACU: analytic continual unlearning (arXiv 2505.12239)."""

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.analytic.head import AnalyticHead
from mu.analytic.memory import ABOUT, SOLVED, recalled, remembered
from mu.errors import NotApplicable
from mu.gradients.mean_gradient import refuse_batch_statistics
from mu.gradients.processes import made
from mu.models.analytic import AnalyticNetwork, expanded, representation
from mu.models.graph import GraphNetwork
from mu.models.output_layer import check_free, name_of
from mu.unlearning.base import Unlearner, enclosed
from mu.unlearning.heads.look import found_head, look_at
from mu.unlearning.options import at_least, must_be, one_of, positive

__all__ = ["ACU", "AnalyticHead"]


class ACU(Unlearner):
    """Analytic continual unlearning: remove rows from a ridge head on a frozen backbone, exactly.

    A model whose head is analytic already (`mu.training.analytic`) hands its statistics from
    request to request, and a request costs one forward pass over D_f. Any other model is given
    such a head first: the backbone is what it was trained to be, with the forgotten data, and only
    the head is exact. After a request the head is that of a ridge regression on what remains, with
    the same backbone and expansion, to the last bit of its statistics.

    On a graph rows are expanded on the graph they were learnt on, since a request must supply what
    was learnt; rows of a forgotten node's neighbours stay as they are.

    Args:
        expansion: Random features d of a head that is made here; its sums take 4 d² bytes in every
            stored state.
        gamma: Ridge γ of a head that is made here, on a sum over rows.
        grid: Bits of the grid that features are rounded to by a head that is made here; with None
            equality holds up to rounding. See `mu.analytic.head.AnalyticHead`.
        limit: Size of features that has these bits.
        batch_size: Samples a forward pass; it does not change the result.
        form: "exact", or "column", a control that only clears the columns of classes that are gone:
            their rows still shape all other columns.

    Raises:
        UsageError: Options that make no sense; when it is applied: a network that does not end in
            one linear layer, or whose head is frozen; rows that the head never learnt, for instance
            since features are augmented.
        NotApplicable: The model has binary logits.
    """

    reads_labels: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "full"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples", "nodes"})
    changes: ClassVar[frozenset[str]] = frozenset({"weights", "architecture"})
    shares: ClassVar[bool] = True
    gradient_view: ClassVar[str] = "original"

    def __init__(
        self,
        expansion: int = 1024,
        gamma: float = 1.0,
        grid: int | None = 14,
        limit: float | None = 8.0,
        batch_size: int = 256,
        form: str = "exact",
    ) -> None:
        super().__init__()
        at_least(1, expansion=expansion, batch_size=batch_size)
        positive(gamma=gamma)
        positive(limit=limit, null="the largest seen")
        must_be("2 to 24 bits", lambda value: 2 <= value <= 24, grid=grid, null="no grid")
        one_of(form=(form, ("exact", "column")))
        self.options: dict[str, Any] = {"gamma": gamma, "grid": grid, "limit": limit}
        self.expansion, self.batch_size, self.form = expansion, batch_size, form

    @torch.no_grad()
    def solve(self) -> None:
        self.made: dict[str, Any] = {}
        network, head = self.analytic()
        x, y = map(torch.cat, zip(*self.rows("forget", network), strict=True))
        before = head.digest()
        head.unlearn(x, y)
        head.settle()  # weights of the sums alone, whatever way led there
        if self.form == "exact":
            network.head.weight.copy_(head.weight.T)
        else:
            network.head.weight[head.counts == 0] = 0.0
        self.memory |= remembered(head)
        if self.form == "exact":
            self.facts |= {"statistics": head.digest(), "statistics_before": before}

    def analytic(self) -> tuple[AnalyticNetwork, AnalyticHead]:
        """The network with its head; made of a model that has none."""
        network = self.learner.network
        if isinstance(network, AnalyticNetwork) and ABOUT in self.memory:
            return network, recalled(self.memory, self.context.secret())
        refuse_batch_statistics(network)
        with self.setup_cost():
            if not isinstance(network, AnalyticNetwork):
                network = self.with_head()
                self.learner.network = network.eval()
                self.facts["exact"] = "head only: the backbone was trained with the forgotten data"
            width = network.head.in_features
            head = AnalyticHead(width, **self.options, **SOLVED, key=self.context.secret())
            for x, y in self.rows("full", network):
                head.learn(x, y)
            head.reserve(network.head.out_features)
        return network, head

    def with_head(self) -> AnalyticNetwork:
        """An analytic network around the model's own, which loses its head."""
        first = look_at(self, "forget")
        classes = self.learner.outputs(first)[0].shape[1]
        if classes < 2:
            raise NotApplicable("not applicable: ACU needs a logit for each class, not one in all")
        network = self.learner.network
        self.made = {"num_classes": classes, "expansion": self.expansion}
        if isinstance(network, GraphNetwork):
            self.made["in_features"] = representation(network, first.x).shape[1]
        else:
            head = found_head(self, "forget")
            check_free(head)
            self.made["in_features"] = head.in_features
            self.made["head"] = name_of(network, head)
        made = AnalyticNetwork(network, **self.made, seed=self.context.seed)
        return made.to(self.context.device)

    def rows(self, part: str, network: AnalyticNetwork) -> Iterator[tuple[Tensor, Tensor]]:
        """Expanded features and labels of the batches of a part."""
        batches = self.forward_batches(part, batch_size=self.batch_size)
        return made(lambda batch: expanded(network, batch), batches)

    def model_of(self, model: dict[str, Any]) -> dict[str, Any]:
        if not self.made:
            return model
        return enclosed(model, "backbone", "mu.models.analytic.AnalyticNetwork", **self.made)
