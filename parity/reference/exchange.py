"""Exchanges weights with PyTorch in both directions, at full size.

1. Trains the article's network briefly in PyTorch, and compares `npm run predict` with PyTorch on 100 test images.
2. Exports these weights with `npm run export`, loads and saves them in PyTorch, imports them, and checks that every bit
   is the same: as .pth and as .safetensors.

Run by hand, with torch==2.13.0, safetensors==0.8.0, numpy and pillow installed: python parity/reference/exchange.py
Unlike the article it steps in every iteration, with a smaller learning rate, so that 60 batches of 64 images are enough
to learn something; `--batches` trains longer.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from alexnet import AlexNet
from mnist import ROOT, batch, mnist
from PIL import Image
from safetensors.torch import load_file, save_file


def npm(*args):
    command = ["npm", "run", "--silent", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def trained(batches):
    torch.manual_seed(0)
    model = AlexNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for number in range(batches):
        images, labels = batch("train", range(64 * number, 64 * (number + 1)), 227)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        print(f"batch {number + 1}/{batches}: loss {loss.item():.3f}", flush=True)
    return model.eval()


def same_predictions(model, weights, folder):
    files = [folder / f"{i:03d}.png" for i in range(100)]
    for file, image in zip(files, mnist("t10k")[0]):
        Image.fromarray(image).save(file)
    images, labels = batch("t10k", range(100), 227)
    with torch.no_grad():
        theirs = torch.softmax(model(images), 1).numpy()
    ours = json.loads(npm("predict", "--", "--model", weights, *files, "--json"))
    difference = np.abs(theirs - [each["probabilities"] for each in ours]).max()
    same = (theirs.argmax(1) == [each["prediction"] for each in ours]).sum()
    accuracy = (theirs.argmax(1) == labels.numpy()).mean()
    print(f"{len(ours)} images: largest difference of a probability {difference:.2e}; {same} equal predictions")
    print(f"accuracy {accuracy:.0%}")
    return difference <= 1e-4


def same_bits(weights, folder):
    def exported(source, name):
        npm("export", "--", "--model", source, "--to", folder / name)
        return folder / name

    before = (exported(weights, "before") / "weights.bin").read_bytes()
    same = True
    for suffix in (".pth", ".safetensors"):
        ours, theirs = exported(folder / "before", f"ours{suffix}"), folder / f"theirs{suffix}"
        model = AlexNet()
        model.load_state_dict(torch.load(ours, weights_only=True) if suffix == ".pth" else load_file(ours))
        (torch.save if suffix == ".pth" else save_file)(model.state_dict(), theirs)
        after = (exported(theirs, f"after{suffix[1:]}") / "weights.bin").read_bytes()
        print(f"{suffix}: {len(before)} bytes of weights, {'identical' if before == after else 'DIFFERENT'}")
        same &= before == after
    return same


parser = argparse.ArgumentParser()
parser.add_argument("--batches", type=int, default=60)
model = trained(parser.parse_args().batches)
with tempfile.TemporaryDirectory() as name:
    weights = Path(name) / "alexnet_mnist.pth"
    torch.save(model.state_dict(), weights)
    checks = [same_predictions(model, weights, Path(name)), same_bits(weights, Path(name))]
raise SystemExit(not all(checks))
