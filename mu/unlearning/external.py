"""A model that was unlearned elsewhere, scored beside the others."""

from pathlib import Path
from typing import ClassVar

import torch

from mu.errors import UsageError
from mu.models.weights import load_weights, read_weights
from mu.unlearning.base import Unlearner


class External(Unlearner):
    """Load a checkpoint of yours in place of unlearning; nothing is computed and nothing counted.

    The file must hold the weights of *this* original after *this* request: a state unlearned from
    another original or another forget set is scored all the same, and its numbers mean nothing.

    Args:
        weights: A torch or safetensors file of the unlearned model (see
            `mu.models.weights_file.read_weights`); in an experiment {pair}, {request} and {step} in
            its name stand for what they say.

    Raises:
        UsageError: No file is named. When it is applied: the file cannot be read, does not fit the
            model or holds values that are not finite.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        if not weights or weights == "???":
            raise UsageError("set method.weights to the file of the unlearned model")
        self.weights = str(weights)

    def solve(self) -> None:
        before = {n: t.clone() for n, t in self.learner.state_dict().items()}
        found, known = read_weights(Path(self.weights)), self.context.normalisation
        load_weights(self.learner, found, self.weights, known)
        after = self.learner.state_dict()
        if all(torch.equal(tensor, after[name]) for name, tensor in before.items()):
            self.warn(f"{self.weights} holds the weights of the model before the request")
        self.facts = {"weights": Path(self.weights).name, "elsewhere": True}
