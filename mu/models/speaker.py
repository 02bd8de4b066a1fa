"""What one model says of the batches it is shown, as arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from mu.data.base import Batch, Ids
from mu.evaluation.signals import Signals
from mu.models.base import Learner
from mu.models.output_layer import head_inputs, head_of

Array = NDArray[Any]


class Speaker:
    """Keeps what a model says, in float32, whatever it was trained in.

    Args:
        learner: In evaluation mode, on the device.
        features: Whether to keep what its head reads, too.
        losses: Whether to keep its losses, too.
    """

    def __init__(self, learner: Learner, features: bool = False, losses: bool = False) -> None:
        self.learner, self.features, self.losses = learner, features, losses
        self.head: nn.Linear | None = None
        self.said: dict[str, list[Array]] = {}

    def forget_features(self) -> None:
        """Keep no features, and drop those that were kept."""
        self.features = False
        self.said.pop("features", None)

    def hear(self, batch: Batch) -> None:
        """One batch, on the device.

        Raises:
            UsageError: Features are to be kept, and the network does not end in one linear layer.
        """
        if self.features:
            self.head = self.head or head_of(self.learner, batch)
            read, outputs, targets = head_inputs(self.learner, batch, self.head)
            self._keep("features", read)
        else:
            outputs, targets = self.learner.outputs(batch)
        if self.losses:
            self._keep("losses", self.learner.loss(outputs, targets, "none"))
        self._keep("logits", outputs.reshape(len(targets), -1))
        self.said.setdefault("targets", []).append(targets.cpu().numpy())

    def _keep(self, name: str, values: Tensor) -> None:
        self.said.setdefault(name, []).append(values.float().cpu().numpy())

    def signals(self, ids: Ids | None = None) -> Signals:
        """All that was said.

        Args:
            ids: (n,) of the samples; None numbers them in order.
        """
        found = {name: np.concatenate(rows) for name, rows in self.said.items()}
        ids = np.arange(len(found["logits"])) if ids is None else ids
        optional = {name: found.get(name) for name in ("features", "losses")}
        return Signals(ids, found["logits"], found["targets"], **optional)
