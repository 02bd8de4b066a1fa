"""Unlink to Unlearn: drop the elements from the graph and do nothing else."""

from typing import ClassVar

from mu.unlearning.base import Unlearner


class UtU(Unlearner):
    """Keep the weights; inference sees the retained graph (Tan et al., arXiv 2402.10695).

    Every state after a request is given the retained view, so this method has nothing to do: it is
    the null method of every graph table. On data without shared structure it would return the
    original, hence it serves graph requests only.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    requests: ClassVar[frozenset[str]] = frozenset({"edges", "nodes", "features"})
    changes: ClassVar[frozenset[str]] = frozenset()
