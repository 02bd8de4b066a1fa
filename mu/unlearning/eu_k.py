"""EU-k: exact unlearning of the last k layers."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mu.models.base import Learner
from mu.unlearning.heads.fresh import reinitialise
from mu.unlearning.heads.last_layers import LastLayers, modules_of


class EUk(LastLayers):
    r"""Draw the last k layers anew, once, and train them on D_r (Goel et al., arXiv 2201.06640).

    .. math:: \min_{\theta_{>L-k}} \; \mathbb{E}_{D_r} \ell(f_\theta(x), y),
        \qquad \theta_{>L-k} \sim \text{initialisation}, \quad \theta_{\le L-k} \text{ fixed}

    With k = L it is retraining without D_f. Frozen layers stay bit-identical, running statistics
    included, whether the method froze them or the model came so: they are in evaluation mode. The
    trained layers are in training mode and see D_r only.

    Raises:
        UsageError: ``k`` is larger than the network, or a layer cannot be drawn anew.
    """

    def solve(self) -> None:
        found = reinitialise(self.learner.network, modules_of(self.choose()))
        if found.constants:
            self.warn(
                "no module knows how to draw these anew, so they start from a constant: "
                + listed([f"{name} from {value:g}" for name, value in found.constants.items()])
            )
        left = self.learner.network.named_buffers()
        self.carried = {n: b.clone() for n, b in left if n not in found.buffers}

    def result(self) -> Learner:
        if learnt := changed(self.carried, dict(self.learner.network.named_buffers())):
            self.warn(
                f"learnt buffers that no module resets started as the model had them, so they may "
                f"know what was forgotten: {listed(learnt)}; give the module a reset_parameters() "
                "that sets them"
            )
        return super().result()


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    """Names of buffers of floating numbers that are no longer what they were."""
    both = [(name, b, after[name]) for name, b in before.items() if name in after]
    return [n for n, a, b in both if a.is_floating_point() and not torch.equal(a, b.to(a.device))]


def listed(words: list[str], most: int = 3) -> str:
    """Some words, and how many more there are.

    Example:
        >>> listed(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
