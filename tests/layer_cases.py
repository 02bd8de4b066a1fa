"""Networks of the project, and how many layers each has."""

from mu.models.graph import GCN
from mu.models.lenet import LeNet5
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vision import CifarResNet, SmallCNN

NETWORKS = {
    "lenet5": (lambda: LeNet5(3, 10), 5),
    "small_cnn": (lambda: SmallCNN(1, 4, 8), 4),
    "resnet8": (lambda: CifarResNet(8, 3, 10), 8),  # 7 convolutions and the head
    "resnet18": (lambda: ResNet18(3, 10), 21),  # 17 convolutions, 3 of shortcuts, the head
    "gcn": (lambda: GCN(8, 2), 2),
    # tokens, patches, four linear layers in each of two blocks or so, the head
    "vit": (lambda: TimmModel("test_vit", 3, 10, 32, patch_size=8), None),
}
