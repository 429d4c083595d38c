"""The networks of src/model/networks.ts beside the article's."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from alexnet import AlexNet

# torchvision's wheel is compiled for another build of torch. It then misses these, which AlexNet does not use.
for missing in ("nms", "qnms"):
    torch.library.define(f"torchvision::{missing}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torchvision.models import alexnet as torchvision_alexnet  # noqa: E402

# Test images. Where a ReLU's input is near zero, or two values of a pooling window nearly equal, rounding decides the
# gradient: for most digits PyTorch's float32 differs by 1e-3 from its float64. Of the first 48 images, these four stay
# farthest from such points, at least six times the rounding error.
DIGITS = (9, 27, 36, 39)


class Network(nn.Module):
    """Any network of two halves, named as torchvision does."""

    def __init__(self, features, classifier):
        super().__init__()
        self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def lenet5():
    """With ReLU and max pooling, for 28×28 pixels."""
    return Network(
        [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)],
        [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)],
    )


def vgg6():
    """For 32×32 pixels."""
    features, channels = [], 1
    for filters in (32, 64):
        for _ in range(2):
            features += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        features.append(nn.MaxPool2d(2))
    return Network(features, [nn.Dropout(), nn.Linear(64 * 8 * 8, 256), nn.ReLU(), nn.Linear(256, 10)])


def alexnet_2012():
    """For 227×227 pixels, in one group. The paper does not divide α by the number of channels, PyTorch does."""
    features, channels = [], 1
    for filters, kernel, stride, padding in ((96, 11, 4, 2), (256, 5, 1, 2), (384, 3, 1, 1), (384, 3, 1, 1), (256, 3, 1, 1)):
        features += [nn.Conv2d(channels, filters, kernel, stride, padding), nn.ReLU()]
        if len(features) < 7:
            features += [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2), nn.MaxPool2d(3, 2)]
        channels = filters
    features.append(nn.MaxPool2d(3, 2))
    return Network(
        features,
        [nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10)],
    )


class Block(nn.Module):
    """Two convolutions, and what they are added to."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        if stride > 1:
            shortcut = nn.Conv2d(inputs, filters, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet8(nn.Module):
    """For 28×28 pixels, with torchvision's names."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2))
        self.layer3 = nn.Sequential(Block(32, 64, 2))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


# The input's size and channels, and test images far from the points where rounding decides the gradient.
OTHERS = {
    "alexnet-small": (lambda: AlexNet(64, (16, 48, 96, 64, 64, 256)), 64, 1, DIGITS),
    "lenet5": (lenet5, 28, 1, DIGITS),
    "vgg6": (vgg6, 32, 1, DIGITS),
    "alexnet-2012": (alexnet_2012, 227, 1, DIGITS),
    "resnet8": (ResNet8, 28, 1, DIGITS),
    "alexnet-imagenet": (torchvision_alexnet, 224, 3, (235, 258, 260, 288)),
}
