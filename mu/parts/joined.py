"""Rows of two sets as those of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.parts.cut import at, together
from mu.parts.indexed import Indexed
from mu.parts.nested import Axes, axes_of
from mu.parts.rows import Rows


@dataclass(frozen=True)
class Joined(Rows):
    """The rows of the first, then those of the second."""

    first: Rows
    second: Rows
    learner: nn.Module | None = None

    @property
    def axes(self) -> Axes | None:  # type: ignore[override]
        return self.first.axes or self.second.axes

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def renewed(self, seed: int, epoch: int) -> Rows:
        return joined(
            self.first.renewed(seed, epoch), self.second.renewed(seed, epoch), self.learner
        )

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        size = len(self.first)
        early = [rows[rows < size] for rows in places]
        late = [rows[rows >= size] - size for rows in places]
        sides = [
            side.batches([rows for rows in some if len(rows)])
            for side, some in ((self.first, early), (self.second, late))
        ]
        for rows, *both in zip(places, early, late, strict=True):
            found = [next(side) for side, some in zip(sides, both, strict=True) if len(some)]
            if len(found) == 1:
                yield found[0]
                continue
            pieces = [(batch.x, len(batch)) for batch in found]
            axes = self.axes or axes_of(pieces, self.learner)
            order = torch.cat([(rows < size).nonzero()[:, 0], (rows >= size).nonzero()[:, 0]])
            whole = together(found, axes=axes)
            yield replace(at(whole, order.argsort(), axes=axes), units=whole.units)


def joined(first: Rows, second: Rows, learner: nn.Module | None = None) -> Rows:
    """The rows of the first, then those of the second.

    Example:
        >>> from mu.parts.rows import held
        >>> a, b = (held(torch.tensor(v), torch.tensor(v)) for v in ([1, 2], [3]))
        >>> joined(a, b).read(torch.tensor([2, 0, 1])).x
        tensor([3, 1, 2])
    """
    if isinstance(first, Indexed) and isinstance(second, Indexed) and first.fits(second):
        return first.followed_by(second)
    return Joined(first, second, learner)
