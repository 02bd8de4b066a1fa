"""VGG-16 with batch normalisation in the form that papers use on small images."""

from torch import Tensor, nn

from mu.models.image import ImageNetwork

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16BN(ImageNetwork):
    """Thirteen 3×3 convolutions with batch normalisation, one linear layer; 14.7 M.

    Simonyan and Zisserman (arXiv 1409.1556) made it for 224 pixels; the two hidden layers of 4 096
    units that follow there would hold nine tenths of the parameters and are left out, as usual for
    32 pixels. The five poolings leave one pixel of 32; on smaller images those are left out that
    would have less than two pixels to pool.

    Args:
        in_channels: Channels of the image.
        num_classes: Number of logits.
        image_size: Height and width in pixels.
    """

    def __init__(self, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__(in_channels, num_classes, image_size)
        layers: list[nn.Module] = []
        width, pixels = in_channels, image_size
        for block in WIDTHS:
            for planes in block:
                convolution = nn.Conv2d(width, planes, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
                layers += [convolution, nn.BatchNorm2d(planes), nn.ReLU()]
                width = planes
            if pixels >= 2:
                layers.append(nn.MaxPool2d(2))
                pixels //= 2
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(n, 512) representation before the head."""
        self.check(x)
        found: Tensor = self.body(x).mean(dim=(2, 3))
        return found
