"""Exports a model to .pth, loads and saves it in PyTorch, imports it, and checks that every bit is the same. Then does
the same with .safetensors.

Run by hand, with torch==2.13.0 and safetensors==0.8.0 installed: python parity/reference/roundtrip.py MODEL
MODEL is a model for 227×227 pixels, in any format that `npm run export -- --model` accepts.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from alexnet import AlexNet
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).parents[2]


def export(source, target):
    command = ["node", "scripts/run.mjs", "export", "--model", source, "--to", target]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def through_torch(source, target):
    model = AlexNet()
    if target.suffix == ".pth":
        model.load_state_dict(torch.load(source, weights_only=True))
        torch.save(model.state_dict(), target)
    else:
        model.load_state_dict(load_file(source))
        save_file(model.state_dict(), target)


model = Path(sys.argv[1]).resolve()
same = True
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    export(model, folder / "before")
    before = (folder / "before" / "weights.bin").read_bytes()
    for suffix in (".pth", ".safetensors"):
        export(model, folder / f"ours{suffix}")
        through_torch(folder / f"ours{suffix}", folder / f"theirs{suffix}")
        export(folder / f"theirs{suffix}", folder / f"after{suffix[1:]}")
        after = (folder / f"after{suffix[1:]}" / "weights.bin").read_bytes()
        print(f"{suffix}: {len(before)} bytes of weights, {'identical' if before == after else 'DIFFERENT'}")
        same &= before == after
sys.exit(not same)
