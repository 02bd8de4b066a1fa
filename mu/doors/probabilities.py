"""Networks that return probabilities where logits are read."""

from torch import Tensor, nn

from mu.errors import UsageError

TOLERANCE = 1e-3  # of the sum of a row: shares in half precision sum to 1 within it
FEWEST = 2  # rows; one alone may sum to 1 by chance


def refuse_probabilities(outputs: Tensor, network: nn.Module, name: str) -> None:
    """Refuse rows that are shares of 1: cross-entropy and all scores would read them as logits.

    Logarithms of probabilities pass, they are logits like others. Rows need a column that is not
    exactly 0 or 1 somewhere: a network that repeats one-hot inputs has no softmax.

    Args:
        outputs: (n, C) of a first batch.
        network: For the message.
        name: Of the loader.

    Raises:
        UsageError: Every row is not negative and sums to 1.

    Example:
        >>> import torch
        >>> refuse_probabilities(torch.tensor([[0.2, 0.8], [0.6, 0.4]]), nn.Softmax(1), "forget=")
        Traceback (most recent call last):
        mu.errors.UsageError: Softmax returns probabilities on the first batch of forget= (rows \
that sum to 1), not logits; leave its softmax out, or return their logarithms
        >>> refuse_probabilities(torch.tensor([[0.2, 0.8], [0.6, 0.5]]), nn.Linear(1, 2), "forget=")
    """
    if outputs.dim() != 2 or outputs.shape[1] < 2 or len(outputs) < FEWEST:
        return
    rows = outputs.float()
    whole = bool(((rows == 0) | (rows == 1)).all())
    if bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() < TOLERANCE).all()) and not whole:
        raise UsageError(
            f"{type(network).__name__} returns probabilities on the first batch of {name} (rows "
            "that sum to 1), not logits; leave its softmax out, or return their logarithms"
        )
