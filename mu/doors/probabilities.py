"""Networks that return probabilities where logits are read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from mu.errors import UsageError

TOLERANCE = 1e-3  # of the sum of a row: shares in half precision sum to 1 within it
FEWEST = 2  # rows; one alone may sum to 1 by chance
ENDS = {"sigmoid": "sigmoid", "sigmoid_": "sigmoid", "_softmax": "softmax"}  # torch's names
OF_LOGITS = (nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.MultiLabelSoftMarginLoss)
OF_LOGITS_TOO = (
    functional.binary_cross_entropy_with_logits,
    functional.cross_entropy,
    functional.multilabel_soft_margin_loss,
)


def refuse_probabilities(
    outputs: Tensor, network: nn.Module, name: str, again: Callable[[], Tensor]
) -> None:
    """Refuse what a softmax or a sigmoid returned: losses and scores would read it as logits.

    Rows that are shares of 1 are a softmax's. A column between 0 and 1 may be of logits, so a
    sigmoid is only seen where it ran last: the outputs are looked for among what it returned.
    Logarithms of probabilities pass, they are logits like others. Rows need a number that is not
    exactly 0 or 1 somewhere: a network that repeats one-hot inputs has no such end.

    Args:
        outputs: (n, C) or (n, 1) of a first batch.
        network: For the message.
        name: Of the loader.
        again: The same outputs computed anew; called only where all lie between 0 and 1.

    Raises:
        UsageError: They are probabilities.

    Example:
        >>> x = torch.tensor([[0.2], [-1.5]])
        >>> net = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
        >>> refuse_probabilities(net(x), net, "forget=", lambda: net(x))
        Traceback (most recent call last):
        mu.errors.UsageError: Sequential returns probabilities on the first batch of forget= (its \
sigmoid's), not logits; leave its sigmoid out, or return torch.logit of them
        >>> refuse_probabilities(torch.tensor([[0.2], [0.6]]), net, "forget=", lambda: x)
    """
    rows = outputs.float()
    inside = bool(((rows >= 0) & (rows <= 1)).all())
    if not inside or bool(((rows == 0) | (rows == 1)).all()):
        return
    who = f"{type(network).__name__} returns probabilities on the first batch of {name}"
    several = rows.dim() == 2 and rows.shape[1] > 1 and len(rows) >= FEWEST
    if several and bool(((rows.sum(1) - 1).abs() < TOLERANCE).all()):
        raise UsageError(
            f"{who} (rows that sum to 1), not logits; leave its softmax out, or return their "
            "logarithms"
        )
    if end := _end_of(again):
        raise UsageError(
            f"{who} (its {end}'s), not logits; leave its {end} out, or return torch.logit of them"
        )


def reads_logits(criterion: Any) -> bool:
    """Whether a loss of the user's own is one of torch's that take logits."""
    return isinstance(criterion, OF_LOGITS) or criterion in OF_LOGITS_TOO


class _LastEnd(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch annotates it not
    """Keeps what the last softmax or sigmoid returned, wherever in a network it runs."""

    last: tuple[str, Tensor, Tensor] | None = None

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation of torch as ever, and look at its name."""
        found = func(*args, **(kwargs or {}))
        end = ENDS.get(func.overloadpacket.__name__)
        if end is not None and isinstance(found, Tensor):
            # The copy tells a gate that was changed in place, such as x * sigmoid(x), from an end.
            self.last = end, found, found.clone()
        return found


@torch.no_grad()
def _end_of(again: Callable[[], Tensor]) -> str | None:
    """``sigmoid`` or ``softmax`` where the outputs are what it returned, or a view of that."""
    with _LastEnd() as seen:  # type: ignore[no-untyped-call]
        outputs = again()
    if seen.last is None:
        return None
    end, found, copy = seen.last
    if not found.layout == outputs.layout == torch.strided:
        return None
    alike = found.untyped_storage().data_ptr() == outputs.untyped_storage().data_ptr()
    return end if alike and torch.equal(found, copy) else None
