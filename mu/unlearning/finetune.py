"""Fine-tuning on what is retained, in the hope that the rest fades."""

from typing import ClassVar

from mu.unlearning.base import Finetuning


class FineTune(Finetuning):
    r"""Train on D_r for a few epochs (Warnecke et al., arXiv 2108.11577; Golatkar et al. 2020).

    .. math:: \min_\theta \; \mathbb{E}_{D_r} \ell(f_\theta(x), y)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain"})
    weighted: ClassVar[bool] = True
    gradient_view: ClassVar[str] = "retained"
