"""LeNet-5: the small network without normalisation that IAU was published with."""

from torch import nn

from mu.errors import UsageError
from mu.models.image import ImageNetwork


class LeNet5(ImageNetwork):
    """Two 5×5 convolutions with pooling and three linear layers (LeCun et al. 1998).

    With 3 channels, 10 classes and 32 pixels it has 62 006 parameters, as in the code of IAU
    (arXiv 2507.23257). No batch normalisation and no dropout: gradients are additive over samples
    in any mode.

    Args:
        in_channels: Channels of the image.
        num_classes: Number of logits.
        image_size: Height and width in pixels, at least 16 and a multiple of 4.

    Raises:
        UsageError: Another image size.
    """

    def __init__(self, in_channels: int, num_classes: int, image_size: int = 32) -> None:
        super().__init__(in_channels, num_classes, image_size)
        if image_size < 16 or image_size % 4:
            raise UsageError(f"LeNet5: image_size={image_size} is not 16, 20, 24, 28, 32, …")
        last = image_size // 4 - 3  # pixels a side after both convolutions and poolings
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * last**2, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
        )
        self.head = nn.Linear(84, num_classes)
