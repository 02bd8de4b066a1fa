"""What image networks have in common: what they accept, and where the head begins."""

from torch import Tensor, nn
from torch.fx import Proxy

from mu.errors import UsageError


class ImageNetwork(nn.Module):
    """A network that takes images (n, C, H, W); `features` is everything before the head.

    One whose parts are ``body`` and ``head`` is read so; others replace `features` and `classify`.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of logits.
        image_size: Height and width in pixels where the network is built for one size, else None.

    Raises:
        UsageError: A number of channels, classes or pixels below 1.
    """

    body: nn.Module
    head: nn.Module

    def __init__(self, in_channels: int, num_classes: int, image_size: int | None = None) -> None:
        super().__init__()
        given = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}
        for name, value in given.items():
            if value is not None and value < 1:
                raise UsageError(f"{type(self).__name__}: {name}={value} is not a positive number")
        self.in_channels, self.image_size = in_channels, image_size

    def check(self, x: Tensor) -> None:
        """Refuse images that the network was not built for.

        Raises:
            UsageError: Another number of dimensions, channels or pixels.
        """
        if isinstance(x, Proxy):  # the network is being cut, and nothing runs through it
            return
        size = self.image_size
        fits = size is None or tuple(x.shape[2:]) == (size, size)
        if x.dim() == 4 and x.shape[1] == self.in_channels and fits:
            return
        pixels = "of any size" if size is None else f"{size}×{size}"
        raise UsageError(
            f"{type(self).__name__} takes images {pixels} with {self.in_channels} channels, "
            f"(n, {self.in_channels}, H, W); it was given {tuple(x.shape)}"
        )

    def features(self, x: Tensor) -> Tensor:
        """(n, d) representation before the head."""
        self.check(x)
        found: Tensor = self.body(x)
        return found

    def classify(self, features: Tensor) -> Tensor:
        """Logits of (n, d) features."""
        logits: Tensor = self.head(features)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """(n, num_classes) logits."""
        return self.classify(self.features(x))
