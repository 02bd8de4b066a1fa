"""Pairs of a replayed batch and one to forget, read again and again from a few samples."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.lora.stages import Stages
from mu.models.base import Learner
from mu.models.output_layer import head_inputs
from mu.parts.cut import at, together
from mu.parts.part import Part, heeds_options
from mu.training.fit import Counted, Meter


class Replay:
    """The samples of ``forget`` and ``retain``, as epochs of pairs of batches.

    Samples without augmentation are the same in every epoch: where `Stages` fits, what the first
    stage makes of them is computed once and kept, and only the second stage is run again.

    Args:
        parts: The two.
        read: Batches of a part by name, on the device and counted by the meter.
        meter: Passes that are spent here.
        batch_size: Of either side; None is all.
        stages: Of the network, or None.
        augment: Of batches that are read again where there are no stages.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        read: Callable[..., Iterator[Batch]],
        meter: Meter,
        batch_size: int | None,
        stages: Stages | None,
        augment: str | None,
    ) -> None:
        self.parts, self.read, self.meter = parts, read, meter
        self.batch_size, self.stages, self.augment = batch_size, stages, augment
        self.held = {part: self._held(part) for part in ("forget", "retain")}

    def _held(self, part: str) -> list[Batch]:
        """Labels of a part and, with stages, what the first makes of its samples."""
        found = []
        for batch in self.read(part, batch_size=self.batch_size):
            self.meter.backward -= batch.units  # no gradient is taken
            x = torch.empty(len(batch), 0)
            if self.stages is not None:
                with torch.no_grad():
                    x = self.stages.before(batch.x)
            else:
                self.meter.forward -= batch.units  # nothing but labels was read
            found.append(Batch(x, batch.y, batch.index, units=batch.units))
        return found

    def labels(self, part: str) -> set[int]:
        """Classes of which a part has samples."""
        return {int(y) for batch in self.held[part] for y in batch.y}

    def pairs(self, seed: int) -> Iterator[tuple[Batch, Batch]]:
        """One pass over what is replayed; batches to forget start over when they run out.

        Orders are drawn; a user's own batches stay as they are.
        """
        rounds, gone = 0, self._read("forget", seed)
        for replayed in self._read("retain", seed):
            batch = next(gone, None)
            if batch is None:
                rounds += 1
                gone = self._read("forget", seed + rounds)
                batch = next(gone)
            yield replayed, batch

    def _read(self, part: str, seed: int) -> Iterator[Batch]:
        if self.stages is None:
            given = {"batch_size": self.batch_size, "augment": self.augment, "train": True}
            yield from self.read(part, seed=seed, **given)
            return
        found = self.held[part]
        if heeds_options(self.parts[part]):
            generator = torch.Generator().manual_seed(seed)
            whole = together(found, axes=(0,))
            order = torch.randperm(len(whole), generator=generator).to(whole.y.device)
            found = [
                at(whole, rows, axes=(0,))
                for rows in torch.split(order, self.batch_size or len(order))
            ]
        yield from Counted(found, self.meter)

    def passed(
        self, learner: Learner, batch: Batch, head: nn.Linear
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings, logits and labels of a batch of `pairs`."""
        if self.stages is None:
            return head_inputs(learner, batch, head)
        return *self.stages.after(batch.x), batch.y
