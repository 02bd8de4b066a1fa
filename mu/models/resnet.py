"""ResNet-18 in the form that papers use on small images."""

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from mu.errors import UsageError
from mu.models.image import ImageNetwork


class ResNet18(ImageNetwork):
    """ResNet-18, usually with a 3×3 stem of stride 1 and no max-pooling; 64 to 512 wide, 11.17 M.

    He et al. 2016 (arXiv 1512.03385) made it for 224 pixels, with a 7×7 stem and pooling that leave
    one pixel of a 32×32 image. Names of tensors are torchvision's, so that weights files fit.

    Args:
        in_channels: Channels of the image.
        num_classes: Number of logits.
        stem: "small", or "imagenet" for the 7×7 convolution of stride 2 and pooling that it was
            made with.

    Raises:
        UsageError: Another stem.
    """

    weights_prefix = "net."

    def __init__(self, in_channels: int, num_classes: int, stem: str = "small") -> None:
        super().__init__(in_channels, num_classes)
        if stem not in ("small", "imagenet"):
            raise UsageError(f"ResNet18: stem={stem} is not one of small, imagenet")
        self.stem = stem
        self.net = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=num_classes)
        if stem == "small":
            self.net.conv1 = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
            self.net.maxpool = nn.Identity()
        else:
            self.net.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.net.conv1.weight, mode="fan_out", nonlinearity="relu")

    def features(self, x: Tensor) -> Tensor:
        """(n, 512) representation before the head."""
        self.check(x)
        net = self.net
        out = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        out = net.layer4(net.layer3(net.layer2(net.layer1(out))))
        pooled: Tensor = net.avgpool(out).flatten(1)
        return pooled

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.net.fc(features)
        return logits
