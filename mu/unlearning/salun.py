"""SalUn: random labels that may only change the parameters that are salient for D_f."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.errors import UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.unlearning import options
from mu.unlearning.random_labels import RandomLabels


def most_salient(gradient: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    r"""The share of all parameters with the largest absolute gradient.

    .. math:: m = \mathbb{1}\left[\, |\nabla_\theta \mathbb{E}_{D_f} \ell| \ge \gamma \,\right]

    with γ such that exactly ``round(share · P)`` of all P are chosen; of equal ones the first.

    Args:
        gradient: Name → tensor.
        share: In (0, 1].

    Returns:
        Name → boolean tensor of the same shape.

    Raises:
        UsageError: A gradient that is not finite, or all of them zero.

    Example:
        >>> found = most_salient({"w": torch.tensor([3.0, -4.0]), "b": torch.tensor([1.0])}, 1 / 3)
        >>> found["w"].tolist(), found["b"].tolist()
        ([False, True], [False])
    """
    flat = torch.cat([tensor.flatten() for tensor in gradient.values()]).abs()
    if not bool(flat.isfinite().all()) or not bool(flat.any()):
        raise UsageError(
            "the gradient on the forget set is zero everywhere or not finite, so nothing is "
            "salient; the model was not changed"
        )
    order = torch.sort(flat, descending=True, stable=True).indices
    chosen = torch.zeros(len(flat), dtype=torch.bool)
    chosen[order[: max(1, round(share * len(flat)))].cpu()] = True
    sizes = [tensor.numel() for tensor in gradient.values()]
    return {
        name: piece.reshape(tensor.shape).to(tensor.device)
        for (name, tensor), piece in zip(gradient.items(), torch.split(chosen, sizes), strict=True)
    }


class SalUn(RandomLabels):
    """Random labels on the salient parameters (Fan et al., arXiv 2310.12508, equations 3 to 5).

    The mask is found once, from the mean gradient of the training loss over D_f in evaluation
    mode. All other parameters are *put back* after every step: a gradient of zero does not stop
    weight decay and momentum. Running statistics are no parameters and follow the mixed batches.

    Args:
        share: Share of the parameters that may change, over the whole network.
        epochs, lr, training: As for `RandomLabels`.

    Raises:
        UsageError: ``share`` outside (0, 1].
    """

    weighted: ClassVar[bool] = False  # what is salient is asked of whole samples

    def __init__(
        self, share: float = 0.5, epochs: int = 3, lr: float = 0.01, **training: Any
    ) -> None:
        super().__init__(epochs, lr, **training)
        options.share(share=share)
        self.share = share

    def solve(self) -> None:
        total, _ = gradient_sum(self.learner, self.batches("forget", batch_size=self.batch_size))
        self.mask = most_salient(total, self.share)
        own = dict(self.learner.named_parameters())
        self.kept = {name: own[name].detach().clone() for name in self.mask}
        self.facts = {
            "layers": {name: float(mask.float().mean()) for name, mask in self.mask.items()}
        }

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        own = dict(self.learner.named_parameters())
        with torch.no_grad():
            for name, mask in self.mask.items():
                own[name].copy_(torch.where(mask, own[name], self.kept[name]))
