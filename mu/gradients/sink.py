"""Where powers of per-sample gradients are summed, within a bound on memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

Power = Literal["square", "abs"]
REST, SELECTED = 0, 1
CACHED = 2**16  # numbers in products that are best computed together; larger ones one by one


class Sink:
    """Sums of squares or absolute values of per-sample gradients, by parameter.

    A batch has its selected samples first; both groups have sums of their own, so that selecting
    costs nothing.

    Args:
        trained: The parameters by name.
        power: "square" or "abs".
        memory_mb: Most MiB of per-sample gradients held at once.
    """

    def __init__(self, trained: Mapping[str, nn.Parameter], power: Power, memory_mb: float) -> None:
        self.trained, self.power, self.memory_mb = trained, power, memory_mb
        self._marks: list[bool] = []
        self._sums: dict[tuple[str, int, str], Tensor] = {}
        self._restore: dict[tuple[str, str], Callable[[Tensor], Tensor]] = {}

    def fresh(self) -> "Sink":
        """Another one for the same parameters, empty."""
        return Sink(self.trained, self.power, self.memory_mb)

    def begin(self, marks: Tensor) -> None:
        """Announce a batch by its (n,) booleans: which samples are selected.

        For `parts` the selected ones must be first.
        """
        self._marks = marks.tolist()

    def group_of(self, n: int) -> int:
        """The group of the n-th sample of this batch."""
        return SELECTED if self._marks[n] else REST

    def parts(self, size: int, most: int | None = None) -> Iterator[tuple[int, slice]]:
        """(group, rows) that cover the batch, few enough rows that memory is kept.

        Args:
            size: Numbers held for one sample.
            most: Bytes at most, where less than the bound is faster.
        """
        width = next(iter(self.trained.values())).element_size()
        budget = int(self.memory_mb * 2**20)
        budget = budget if most is None else min(most, budget)
        step = max(1, budget // max(1, size * width))
        split, n = sum(self._marks), len(self._marks)
        for group, begin, end in ((SELECTED, 0, split), (REST, split, n)):
            for start in range(begin, end, step):
                yield group, slice(start, min(start + step, end))

    def sums(
        self,
        name: str,
        group: int,
        layout: str = "",
        shape: tuple[int, ...] | None = None,
        restore: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The running sums of a parameter, to be added to in place.

        Args:
            name: The parameter.
            group: `REST` or `SELECTED`.
            layout: Names another order of the numbers than the parameter's own.
            shape: Shape in that layout.
            restore: From that layout to the parameter's shape, applied once at the end.
        """
        key = (name, group, layout)
        if key not in self._sums:
            like = self.trained[name]
            self._sums[key] = torch.zeros(
                like.shape if shape is None else shape, dtype=like.dtype, device=like.device
            )
            if restore is not None:
                self._restore[name, layout] = restore
        return self._sums[key]

    def add(self, name: str, group: int, values: Tensor) -> None:
        """Add the powers of per-sample gradients (c, *shape of the parameter)."""
        values = values.to(self.trained[name].dtype)
        powers = values.square() if self.power == "square" else values.abs()
        self.sums(name, group).add_(powers.sum(0))

    def add_to(self, sums: Tensor, values: Tensor) -> None:
        """Add the powers of (c, *shape of sums) to sums; values are overwritten."""
        powers = values.square_() if self.power == "square" else values.abs_()
        sums.add_(powers.sum(0))

    def add_products(self, sums: Tensor, left: Tensor, right: Tensor, buffer: Tensor) -> None:
        """Add the powers of each product leftₙᵀ rightₙ of (c, T, p) and (c, T, q).

        With c = 1 or a buffer of one product there is one product at a time, the fastest for
        matrices that fill the cache; else there are as many as the buffer (b, p, q) holds.
        """
        if len(buffer) > 1:
            for start in range(0, len(left), len(buffer)):
                part = slice(start, start + len(buffer))
                out = buffer[: len(left[part])]
                torch.bmm(left[part].transpose(1, 2), right[part], out=out)
                self.add_to(sums, out)
            return
        single = buffer[0]
        for one, other in zip(left.transpose(1, 2).unbind(), right.unbind(), strict=True):
            torch.mm(one, other, out=single)
            if self.power == "square":
                sums.addcmul_(single, single)
            else:
                sums.add_(single.abs_())

    def result(self, group: int) -> dict[str, Tensor]:
        """The sums of a group by parameter, zeros where nothing came; they are handed over."""
        found: dict[str, Tensor] = {}
        for name, which, layout in [key for key in self._sums if key[1] == group]:
            sums = self._sums.pop((name, which, layout))
            restore = self._restore.get((name, layout))
            if restore is not None:
                sums = restore(sums).contiguous()
            found[name] = found[name] + sums if name in found else sums
        zeros = {n: torch.zeros_like(p).detach() for n, p in self.trained.items() if n not in found}
        return {name: (found | zeros)[name] for name in self.trained}
