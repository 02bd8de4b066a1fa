"""Deleting the head's row of a class: the cheapest way to make a model never name it."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from mu.errors import NotApplicable, UsageError
from mu.models.output_layer import check_editable, head_of
from mu.parts.whole_classes import whole_classes
from mu.unlearning.base import Unlearner
from mu.unlearning.heads.look import look_at
from mu.unlearning.options import must_be


def check_logit(logit: float) -> None:
    """Refuse a logit that is not negative and finite."""
    must_be("negative and finite", lambda value: value < 0, logit=logit)


@torch.no_grad()
def drop_rows(head: nn.Linear, classes: Sequence[int], logit: float) -> None:
    r"""Make the logits of classes the same low number for every input, in place.

    .. math:: w_t \leftarrow 0, \qquad b_t \leftarrow -L

    Args:
        head: With a bias and at least two outputs.
        classes: Rows to drop; at least one must be left.
        logit: −L, a negative finite number.

    Raises:
        NotApplicable: There is no row of its own to drop, no bias, or no class would be left.
        UsageError: A class has no row, or ``logit`` is not negative and finite.

    Example:
        >>> head = nn.Linear(2, 3)
        >>> drop_rows(head, [1], -100.0)
        >>> head(torch.tensor([[5.0, 7.0]]))[0, 1].item()
        -100.0
    """
    check_logit(logit)
    rows = sorted(set(classes))
    if head.out_features < 2 or head.bias is None:
        raise NotApplicable(
            f"not applicable: a head of {head.out_features} outputs "
            f"{'without' if head.bias is None else 'with'} a bias has no row that can be dropped"
        )
    if rows and not (rows[0] >= 0 and rows[-1] < head.out_features):
        raise UsageError(f"classes {rows} are not all among the {head.out_features} of the head")
    if len(rows) == head.out_features:
        raise NotApplicable("not applicable: no class would be left")
    head.weight[rows] = 0.0
    head.bias[rows] = logit


class DropClass(Unlearner):
    """Delete the rows of the forgotten classes from the last linear layer.

    A control for methods that edit the head: it costs nothing, the answers for all other classes
    keep their order, and the trunk keeps all it knows. The architecture is kept too: the row is
    zero and its bias a large negative number, so the class's probability is 0 in float32. The loss
    on D_f is then about −``logit``, far above that of any retrained model.

    Args:
        logit: What the logit of a dropped class is for every input; negative and finite.

    Raises:
        UsageError: ``logit`` is not negative and finite; when it is applied: a network that does
            not end in one linear layer of its own that is trained.
        NotApplicable: D_f does not consist of whole classes, the head has no bias or one output
            only, or no class would be left.
    """

    reads_labels: ClassVar[bool] = True
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})

    def __init__(self, logit: float = -1e4) -> None:
        super().__init__()
        check_logit(logit)
        self.logit = logit

    def solve(self) -> None:
        classes = whole_classes(self.parts["forget"], self.parts["retain"], "DropClass")
        first = look_at(self, "forget")
        self.meter.forward += first.units
        head = head_of(self.learner, first)
        check_editable(self.learner.network, head)
        drop_rows(head, classes, self.logit)
        self.facts = {"dropped": classes, "logit": self.logit}
