"""CF-k: catastrophic forgetting in the last k layers."""

from mu.unlearning.heads.last_layers import LastLayers


class CFk(LastLayers):
    r"""Train the last k layers on D_r from where they are (Goel et al., arXiv 2201.06640).

    .. math:: \min_{\theta_{>L-k}} \; \mathbb{E}_{D_r} \ell(f_\theta(x), y),
        \qquad \theta \text{ started at the original}, \quad \theta_{\le L-k} \text{ fixed}

    With k = L it is fine-tuning. Frozen layers stay bit-identical, running statistics included:
    they are in evaluation mode. The trained layers are in training mode and see D_r only.
    """

    def solve(self) -> None:
        self.choose()
