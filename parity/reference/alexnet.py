"""The article's network, with the size of its input and its widths as arguments."""

import torch.nn as nn


class AlexNet(nn.Module):
    """`widths` are the filters of the five convolutions and the units of the dense layers."""

    def __init__(self, input_size=227, widths=(64, 192, 384, 256, 256, 4096)):
        super().__init__()
        a, b, c, d, e, units = widths
        side = ((((input_size - 7) // 4 + 1 - 3) // 2 + 1 - 3) // 2 + 1 - 3) // 2 + 1  # after the last pool
        self.features = nn.Sequential(
            nn.Conv2d(1, a, kernel_size=11, stride=4, padding=2), nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(a, b, kernel_size=5, padding=2), nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(b, c, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c, d, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(d, e, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(e * side**2, units), nn.ReLU(inplace=True),
            nn.Dropout(), nn.Linear(units, units), nn.ReLU(inplace=True),
            nn.Linear(units, 10),
        )  # fmt: skip

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.reshape(x.size(0), -1))
