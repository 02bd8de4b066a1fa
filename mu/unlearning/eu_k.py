"""EU-k: exact unlearning of the last k layers."""

from mu.unlearning.heads.last_layers import LastLayers, reinitialise


class EUk(LastLayers):
    r"""Draw the last k layers anew, once, and train them on D_r (Goel et al., arXiv 2201.06640).

    .. math:: \min_{\theta_{>L-k}} \; \mathbb{E}_{D_r} \ell(f_\theta(x), y),
        \qquad \theta_{>L-k} \sim \text{initialisation}, \quad \theta_{\le L-k} \text{ fixed}

    With k = L it is retraining without D_f. Frozen layers stay bit-identical, running statistics
    included: they are in evaluation mode. The trained layers are in training mode and see D_r only.

    Raises:
        UsageError: ``k`` is larger than the network, or a layer cannot be drawn anew.
    """

    def solve(self) -> None:
        reinitialise(self.choose())
