"""Small image networks: two convolutions, and the residual networks made for CIFAR."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mu.errors import UsageError
from mu.models.image import ImageNetwork


class SmallCNN(ImageNetwork):
    """Two 3×3 convolutions with batch normalisation, pooling, one hidden layer.

    Args:
        in_channels: Channels of the image.
        num_classes: Number of logits.
        image_size: Height and width in pixels; a multiple of 4.
        width: Channels of the first convolution; the second has twice as many.
        hidden: Width of the hidden layer.

    Raises:
        UsageError: An image size that two poolings do not divide.
    """

    def __init__(
        self, in_channels: int, num_classes: int, image_size: int, width: int = 16, hidden: int = 64
    ) -> None:
        super().__init__(in_channels, num_classes, image_size)
        if image_size % 4:
            raise UsageError(f"SmallCNN: image_size={image_size} is not a multiple of 4")
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * (image_size // 4) ** 2, hidden),
            nn.ReLU(),
        )
        self.head = nn.Linear(hidden, num_classes)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a parameter-free shortcut (He et al. 2016, option A)."""

    def __init__(self, in_planes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride, self.extra = stride, planes - in_planes

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.stride != 1 or self.extra:
            x = x[:, :, :: self.stride, :: self.stride]
            x = functional.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2))
        return functional.relu(out + x)


def stage(blocks: int, in_planes: int, planes: int, stride: int) -> nn.Sequential:
    """Residual blocks of one width; the first changes width and resolution."""
    later = [BasicBlock(planes, planes, 1) for _ in range(blocks - 1)]
    return nn.Sequential(BasicBlock(in_planes, planes, stride), *later)


class CifarResNet(ImageNetwork):
    """Residual network for 32×32 images (He et al. 2016, arXiv 1512.03385, section 4.2).

    Args:
        depth: 6 n + 2, for instance 20 or 56.
        in_channels: Channels of the image.
        num_classes: Number of logits.

    Raises:
        UsageError: Another depth.
    """

    def __init__(self, depth: int, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes)
        if depth < 8 or (depth - 2) % 6:
            raise UsageError(f"CifarResNet: depth={depth} is not 6 n + 2 (8, 14, 20, 32, 44, 56…)")
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks = (depth - 2) // 6
        self.layer1 = stage(blocks, 16, 16, stride=1)
        self.layer2 = stage(blocks, 16, 32, stride=2)
        self.layer3 = stage(blocks, 32, 64, stride=2)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def features(self, x: Tensor) -> Tensor:
        """(n, 64) representation before the head."""
        self.check(x)
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return torch.mean(out, dim=(2, 3))

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(features)
        return logits
