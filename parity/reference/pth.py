"""Writes parity/golden/pth/: the weights of a small network in the formats that PyTorch and safetensors write.

The weights are multiples of 1/256 below 1/2, exact in every number format; test/pytorch/pytorch.test.ts computes the
same ones. output.json contains PyTorch's logits.

Run by hand, with torch==2.13.0, numpy and safetensors==0.8.0 installed: python parity/reference/pth.py
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
from safetensors.torch import save_file

target = Path(__file__).parents[2] / "parity/golden/pth"
target.mkdir(parents=True, exist_ok=True)


class Small(nn.Module):
    """The article's class, smaller: 2 channels of 28×28, 3 classes."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, kernel_size=5, stride=2, padding=2), nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(4, 6, kernel_size=3, padding=1), nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(6 * 6 * 6, 8), nn.ReLU(inplace=True),
            nn.Dropout(), nn.Linear(8, 3),
        )

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.reshape(x.size(0), -1))


def pattern(count, seed):
    """Integers from -125 to 125, divided by 256."""
    return ((torch.arange(count) * 37 + seed * 11) % 251 - 125) / 256


def fill(model):
    for seed, parameter in enumerate(model.parameters()):
        parameter.data = pattern(parameter.numel(), seed).reshape(parameter.shape)
    return model.eval()


def rewritten(data, change):
    """The same archive with data.pkl changed and nothing compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename.endswith("data.pkl"):
                content = change(content)
            new.writestr(zipfile.ZipInfo(info.filename), content)
    return out.getvalue()


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


model = fill(Small())
weights = model.state_dict()
files = {
    "float32.pth": saved(weights),
    "float16.pth": saved(fill(Small()).half().state_dict()),
    "bfloat16.pth": saved(fill(Small()).bfloat16().state_dict()),
    "float64.pth": saved(fill(Small()).double().state_dict()),
    "parameters.pth": saved(model.state_dict(keep_vars=True)),
    "legacy.pth": saved(weights, _use_new_zipfile_serialization=False),
    # Weights saved on a GPU differ only in the location that each storage names.
    "cuda.pth": rewritten(saved(weights), lambda pickle: pickle.replace(text("cpu"), text("cuda:0"))),
}

# Nothing contiguous: convolutions are in channels_last, dense layers are views of their transpose, and all biases are
# views of one storage, from its third number on, every second number.
strided = fill(Small()).to(memory_format=torch.channels_last).state_dict()
biases = [key for key in strided if key.endswith("bias")]
shared = torch.zeros(2 + 2 * sum(strided[key].numel() for key in biases))
start = 2
for key in strided:
    if key.startswith("classifier") and key.endswith("weight"):
        strided[key] = strided[key].t().contiguous().t()
    if key.endswith("bias"):
        view = shared[start : start + 2 * strided[key].numel() : 2]
        start += 2 * strided[key].numel()
        strided[key] = view.copy_(strided[key])
assert not any(strided[key].is_contiguous() for key in strided)
files["strided.pth"] = saved(strided)

# As people keep them: beside the optimizer's state and other things, with prefixes, by other protocols.
trained = fill(Small())
optimizer = torch.optim.AdamW(trained.parameters())
trained(torch.zeros(1, 2, 28, 28)).sum().backward()
optimizer.step()


class Settings:
    """Something of the user's that is no tensor."""


def prefixed(prefix):
    return {prefix + key: value for key, value in weights.items()}


files["checkpoint.pth"] = saved(
    {
        "epoch": 3,
        "state_dict": prefixed("module."),
        "optimizer": optimizer.state_dict(),
        "loss": np.float64(0.25),
        "settings": Settings(),
        "seen": {1, 2},
    }
)
files["two.pth"] = saved({"model": weights, "ema": {key: value + 1 for key, value in weights.items()}})
files["compiled.pth"] = saved(prefixed("module._orig_mod."))
files["lightning.ckpt"] = saved(
    {
        "pytorch-lightning_version": "2.4.0",
        "state_dict": prefixed("model."),
        "hparams_name": "kwargs",
        "optimizer_states": [optimizer.state_dict()],
    }
)
for protocol in (3, 4, 5):
    files[f"protocol{protocol}.pth"] = saved(weights, pickle_protocol=protocol)

script = io.BytesIO()
torch.jit.save(torch.jit.script(model), script)
files["torchscript.pth"] = script.getvalue()
files["whole-model.pth"] = saved(model)

for name, data in files.items():
    (target / name).write_bytes(data)
for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
    save_file({key: value.to(dtype) for key, value in weights.items()}, target / f"{name}.safetensors")

# PyTorch reads the same weights from every file.
for name in ("float32", "float16", "bfloat16", "float64", "parameters", "cuda", "strided"):
    again = torch.load(target / f"{name}.pth", weights_only=True, map_location="cpu")
    assert all(torch.equal(again[key].float(), weights[key]) for key in weights), name

inputs = pattern(2 * 2 * 28 * 28, 100).reshape(2, 2, 28, 28)  # [batch, channel, row, column]
with torch.no_grad():
    logits = model(inputs).tolist()
(target / "output.json").write_text(json.dumps({"torch": torch.__version__, "logits": logits}) + "\n")
for file in sorted(target.iterdir()):
    print(f"{file}: {file.stat().st_size} bytes")
