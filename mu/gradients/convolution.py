"""Per-sample gradients of convolutions, in one to three dimensions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mu.gradients.sink import CACHED, Sink
from mu.gradients.uses import Use, samples_first

GATHERED, SHIFTED = "channels last", "shifted"  # orders of the numbers of a kernel
SHIFT_BYTES = 3 * 2**20  # of shifted inputs, or of products, at once
SMALL = 2**18  # numbers in a kernel up to which three products a sample beat one


@dataclass(frozen=True)
class Geometry:
    """Shape of a convolution; one entry a spatial dimension.

    Attributes:
        kernel: Size of the kernel.
        stride: Stride.
        dilation: Dilation.
        pads: Zeros before and after.
        groups: Number of groups.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    groups: int

    @property
    def plain(self) -> bool:
        """Whether it is a 3×3 convolution that keeps the size."""
        return (
            self.kernel == (3, 3)
            and self.stride == self.dilation == (1, 1)
            and self.pads == ((1, 1), (1, 1))
            and self.groups == 1
        )


def geometry(call: dict[str, Any]) -> Geometry:
    """Of a call of ``torch.conv1d``, ``conv2d`` or ``conv3d``."""
    kernel = tuple(call["weight"].shape[2:])

    def each(value: Any) -> tuple[int, ...]:
        values = (value,) if isinstance(value, int) else tuple(value)
        return values * len(kernel) if len(values) == 1 else values

    dilation = each(call.get("dilation", 1))
    padding = call.get("padding", 0)
    if padding == "same":
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = tuple((w // 2, w - w // 2) for w in whole)
    else:
        pads = tuple((p, p) for p in each(0 if padding == "valid" else padding))
    return Geometry(kernel, each(call.get("stride", 1)), dilation, pads, call.get("groups", 1))


class Convolution(Use):
    r"""A convolution; :math:`G_n = g_n U_n` with the patches :math:`U_n` of its input.

    Patches are gathered channels last. A kernel of size 3 that keeps the size needs three products
    with the same matrix of three shifts instead of one with nine; for large kernels, which do not
    fit into the cache, one product a sample is faster.

    Args:
        roles: "weight" and "bias".
        x: (n, C, …) input.
        shape: Shape of the kernel.
        form: Its geometry.
    """

    def __init__(self, roles: dict[str, str], x: Tensor, shape: torch.Size, form: Geometry) -> None:
        super().__init__(roles, x)
        self.shape, self.form = shape, form

    def size(self, role: str, g: Tensor) -> int:
        if role == "bias":
            return g.shape[1]
        return self.shape.numel() + self.patch_size(g)

    def patch_size(self, g: Tensor) -> int:
        """Numbers in the patches of one sample."""
        return self.x.shape[1] * self.shape[2:].numel() * g[0, 0].numel()

    def patches(self, rows: slice, like: Tensor) -> Tensor:
        """(c, L, K, C) patches: L positions, K places of the kernel, C channels."""
        x = self.x[rows].movedim(1, -1).to(like.dtype)
        pads = [p for pair in reversed(self.form.pads) for p in pair]
        padded = functional.pad(x, [0, 0, *pads]) if any(pads) else x.contiguous()
        (first, *inner, last), form = padded.stride(), self.form
        places = [s * k for s, k in zip(inner, form.stride, strict=True)]
        taps = [s * k for s, k in zip(inner, form.dilation, strict=True)]
        shape = (len(x), *like.shape[2:], *form.kernel, x.shape[-1])
        windows = padded.as_strided(shape, (first, *places, *taps, last))
        return windows.reshape(len(x), like[0, 0].numel(), -1, x.shape[-1])

    def products(self, g: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """(c · groups, L, C_out / groups) and (c · groups, L, K · C / groups)."""
        groups, patches = self.form.groups, self.patches(rows, g)
        count, places, taps, channels = patches.shape
        left = g[rows].flatten(2).transpose(1, 2)
        if groups == 1:
            return left, patches.reshape(count, places, -1)
        split = patches.reshape(count, places, taps, groups, channels // groups)
        right = split.permute(0, 3, 1, 2, 4).reshape(count * groups, places, -1)
        left = left.reshape(count, places, groups, -1).permute(0, 2, 1, 3)
        return left.reshape(count * groups, places, -1), right

    def restore(self, values: Tensor) -> Tensor:
        """(…, C_out, K · C / groups) in the kernel's own order."""
        batch = values.shape[:-2]
        last = values.reshape(*batch, self.shape[0], *self.shape[2:], self.shape[1])
        return last.movedim(-1, len(batch) + 1)

    def sums(self, sink: Sink, group: int, layout: str, shape: tuple[int, ...]) -> Tensor:
        """Running sums of the kernel in one of two orders of its numbers."""
        restore = restore_shifted if layout == SHIFTED else self.restore
        return sink.sums(self.roles["weight"], group, layout, shape, restore)

    def per_sample(self, role: str, g: Tensor, rows: slice) -> Tensor:
        if role == "bias":
            return g[rows].flatten(2).sum(2)
        left, right = self.products(g, rows)
        products = torch.bmm(left.transpose(1, 2), right)
        return self.restore(products.reshape(-1, self.shape[0], products.shape[-1]))

    def collect(self, g: Tensor, sink: Sink, roles: Iterable[str]) -> None:
        super().collect(g, sink, [role for role in roles if role != "weight"])
        if "weight" in roles:
            add_kernel(self, g, sink)


def add_kernel(use: Convolution, g: Tensor, sink: Sink, kernel: Tensor | None = None) -> Tensor:
    """Add the powers of the kernel's per-sample gradients.

    Args:
        use: The convolution.
        g: Gradient at its output.
        sink: Where to.
        kernel: A kernel, or None.

    Returns:
        (n, C_out) inner products of ``kernel`` with each sample's gradient, by output channel;
        nothing is in it without a kernel.
    """
    inner = g.new_zeros(len(g), g.shape[1])
    if use.form.plain and use.shape.numel() <= SMALL:
        _add_shifted(use, g, sink, kernel, inner)
    else:
        _add_gathered(use, g, sink, kernel, inner)
    return inner


def _add_gathered(
    use: Convolution, g: Tensor, sink: Sink, kernel: Tensor | None, inner: Tensor
) -> None:
    size, groups = use.shape.numel(), use.form.groups
    shape = (use.shape[0], size // use.shape[0])
    flat = None if kernel is None else kernel.movedim(1, -1).reshape(shape)
    buffer = g.new_empty(max(1, CACHED // size), *shape)
    for group, rows in sink.parts(use.patch_size(g)):
        left, right = use.products(g, rows)
        sums = use.sums(sink, group, GATHERED, shape)
        if flat is None and groups == 1:
            sink.add_products(sums, left, right, buffer)
            continue
        for start in range(0, rows.stop - rows.start, len(buffer)):
            part = slice(start * groups, (start + len(buffer)) * groups)
            product = torch.bmm(left[part].transpose(1, 2), right[part]).view(-1, *shape)
            if flat is not None:
                first = rows.start + start
                inner[first : first + len(product)] = torch.linalg.vecdot(product, flat)
            sink.add_to(sums, product)


def _add_shifted(
    use: Convolution, g: Tensor, sink: Sink, kernel: Tensor | None, inner: Tensor
) -> None:
    n, width, height, wide = g.shape
    channels = use.shape[1]
    shape = (3, 3 * channels, width)
    flat = None if kernel is None else kernel.permute(2, 3, 1, 0).reshape(shape)
    flat_g = g.permute(0, 2, 3, 1).reshape(n, height * wide, width)
    x = use.x.permute(0, 2, 3, 1).to(g.dtype)
    size = 3 * channels * max(width, (height + 2) * wide)
    three = None
    for group, rows in sink.parts(size, SHIFT_BYTES):
        count = rows.stop - rows.start
        if three is None or len(three) < count:  # its border stays zero
            three = x.new_zeros(count, height + 2, wide, 3 * channels)
        three[:count, 1:-1, 1:, :channels] = x[rows, :, :-1]
        three[:count, 1:-1, :, channels : 2 * channels] = x[rows]
        three[:count, 1:-1, :-1, 2 * channels :] = x[rows, :, 1:]
        sums = use.sums(sink, group, SHIFTED, shape)
        for dy in range(3):
            view = three[:count, dy : dy + height].view(-1, height * wide, 3 * channels)
            product = torch.bmm(view.transpose(1, 2), flat_g[rows])
            if flat is not None:
                inner[rows] += (product * flat[dy]).sum(1)
            sink.add_to(sums[dy], product)


def restore_shifted(values: Tensor) -> Tensor:
    """(dy, dx · C, C_out) in the kernel's own order."""
    return values.reshape(3, 3, -1, values.shape[-1]).permute(3, 2, 0, 1)


def make_convolution(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None where samples are not the first dimension."""
    x, weight = call["input"], call["weight"]
    if not samples_first(x, n) or x.dim() != weight.dim():
        return None
    return Convolution(roles, x, weight.shape, geometry(call))
