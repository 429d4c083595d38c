"""Computes PyTorch's numbers for the comparison, in parity/golden/: parity.json.gz; parity-images.bin.gz (four digits at
227×227, resized by PIL); and resize.bin.gz (the first four test images at 227, 64 and 13 pixels, where PIL averages
over an area).

Run by hand, with torch==2.13.0, torchvision==0.28.0, numpy and pillow installed, after `npm run setup` (for MNIST's
files). Takes about a minute.

    python parity/reference/parity.py            writes the files; on one machine always the same bytes
    python parity/reference/parity.py --check    writes nothing; compares the files with what this machine computes
                                                 and fails if they differ by more than 1e-4 of the largest number

Weights come from a formula (fingerprint.py), so none are stored; large tensors are stored as fingerprints. Everything
is float32 on one thread. "rounding" is the difference from the same computation in float64.
"""

import gzip
import hashlib
import json
import math
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from alexnet import AlexNet
from fingerprint import absolute, fingerprint, relative, seed_values, shortest
from mnist import ROOT, batch, mnist, normalize, resized
from others import DIGITS, OTHERS

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

# The network that is trained. At full widths a learning rate of 1e-3 raises the loss from 5 to 100 in the second step.
# From 28 to 112 pixels the weights of the resizing are eighths, so every implementation gives the same bytes.
REDUCED = {"inputSize": 112, "widths": (32, 64, 96, 64, 64, 256)}
# Where each of our layers ends: the half of the network and the module's index. Our convolutions include their ReLU.
LAYERS = {
    "conv1": ("features", 1), "pool1": ("features", 2),
    "conv2": ("features", 4), "pool2": ("features", 5),
    "conv3": ("features", 7), "conv4": ("features", 9), "conv5": ("features", 11), "pool5": ("features", 12),
    "fc6": ("classifier", 2), "fc7": ("classifier", 5), "fc8": ("classifier", 6),
}  # fmt: skip


def seeded(dtype, *size):
    """
    A network with weights by formula, dropout off. Kernels are uniform in ±√6/√fan_in (He): with PyTorch's ±1/√fan_in
    activations shrink layer by layer until 1e-4 would be a loose limit. Biases are uniform in ±1/√fan_in.
    """
    return with_seed(AlexNet(*size), dtype)


def with_seed(model, dtype):
    model.eval()
    with torch.no_grad():
        for stream, (_, parameter, fan_in) in enumerate(with_fan_in(model)):
            gain = math.sqrt(6) if parameter.dim() > 1 else 1
            values = seed_values(parameter.numel(), gain / math.sqrt(fan_in), stream)
            parameter.copy_(torch.from_numpy(values).view(parameter.shape))
        for stream, norm in enumerate(batch_norms(model)):
            norm.weight.add_(1)
            for average, start, place in ((norm.running_mean, 0, 500), (norm.running_var, 1, 600)):
                values = seed_values(average.numel(), 0.5, place + stream)
                average.copy_(torch.from_numpy(values)).add_(start)
    return model.to(dtype)


def batch_norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def with_fan_in(model):
    fan_in = 0
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:  # a bias comes after its kernel
            fan_in = parameter[0].numel()
        yield name, parameter, fan_in


# --- PyTorch's numbers.


def both(compute, *args):
    return compute(*args, torch.float32), compute(*args, torch.float64)


def rounded(results, exact, measure):
    """Fingerprints by name, each with its difference from float64's."""
    return {name: {**each, "rounding": measure(each, exact[name])} for name, each in results.items()}


def values(tensor, exact):
    """A small tensor, stored whole."""
    return {"values": shortest(tensor.flatten().tolist()), "rounding": (tensor - exact).abs().max().item()}


def network():
    """Forward and backward of the whole network on the four digits."""

    def run(dtype):
        model = seeded(dtype)
        x, labels = batch("t10k", DIGITS, 227, dtype)
        outputs = {}
        for half in ("features", "classifier"):
            for index, module in enumerate(getattr(model, half)):
                x = module(x)
                outputs.update({name: fingerprint(x) for name, place in LAYERS.items() if place == (half, index)})
            x = x.flatten(1)
        loss = F.cross_entropy(x, labels)
        loss.backward()
        gradients = {name: fingerprint(parameter.grad) for name, parameter in model.named_parameters()}
        return model, outputs, torch.softmax(x, 1), gradients, loss.item()

    (model, outputs, softmax, gradients, loss), (_, *exact) = both(run)
    return {
        "digits": DIGITS,
        "weights": {
            name: hashlib.sha256(parameter.detach().numpy().tobytes()).hexdigest()
            for name, parameter in model.named_parameters()
        },
        "layers": rounded(outputs, exact[0], absolute),
        "softmax": values(softmax, exact[1]),
        "loss": {"value": shortest([loss])[0], "rounding": abs(loss - exact[3])},
        "gradients": rounded(gradients, exact[2], relative),
    }


def grad_cam(model, x, layer):
    """Grad-CAM of the predicted class for one image (Selvaraju et al. 2017): [height, width]."""
    _, place = LAYERS[layer]
    network = nn.Sequential(*model.features, nn.Flatten(1), *model.classifier)
    maps = network[: place + 1](x).detach().requires_grad_()
    logits = network[place + 1 :](maps)
    logits[0, logits[0].argmax()].backward()
    weights = maps.grad.mean((2, 3), keepdim=True)
    return F.relu((weights * maps).sum(1)).detach()


def occlusion(model, digit, dtype, size=7, stride=3):
    """How much the probability of the predicted class falls under a black square, at each of its positions."""
    images = [mnist("t10k")[0][digit]]
    for top in range(0, 28 - size + 1, stride):
        for left in range(0, 28 - size + 1, stride):
            images.append(images[0].copy())
            images[-1][top : top + size, left : left + size] = 0
    with torch.no_grad():
        probabilities = torch.softmax(model(normalize(resized(images, 227)).to(dtype)), 1)
    whole, covered = probabilities[0], probabilities[1:]
    return whole.max() - covered[:, whole.argmax()]


def explanations(digit=DIGITS[0]):
    """Which part of a digit the whole network looks at."""

    def run(dtype):
        model = seeded(dtype)
        x, _ = batch("t10k", [digit], 227, dtype)
        maps = {layer: fingerprint(grad_cam(model, x, layer)) for layer in ("conv2", "conv5")}
        return maps, occlusion(model, digit, dtype)

    (maps, falls), (exact_maps, exact_falls) = both(run)
    return {
        "digit": digit,
        "gradCam": rounded(maps, exact_maps, relative),
        "occlusion": values(falls, exact_falls),
    }


def others():
    """
    Logits and gradients of the other networks. With batch normalization also those of a training step (without
    dropout), and the running averages after it.
    """

    def run(build, size, channels, digits, dtype):
        model = with_seed(build(), dtype)
        x, labels = batch("t10k", digits, size, dtype, channels)
        norms = batch_norms(model)
        results = {}
        for mode in ("", "training ") if norms else ("",):
            model.train(mode != "")
            model.zero_grad()
            logits = model(x)
            F.cross_entropy(logits, labels).backward()
            results[f"{mode}logits"] = fingerprint(logits)
            results[f"{mode}gradient"] = gradient_of(model)
        if norms:
            averages = [average for norm in norms for average in (norm.running_mean, norm.running_var)]
            results["running averages"] = fingerprint(torch.cat(averages))
        return results

    def compared(*network):
        results, exact = both(run, *network)
        return {
            "digits": network[-1],
            "tensors": {
                name: {**result, "rounding": (absolute if "logits" in name else relative)(result, exact[name])}
                for name, result in results.items()
            },
        }

    return {name: compared(*network) for name, network in OTHERS.items()}


def gradient_of(model):
    return fingerprint(torch.cat([p.grad.flatten() for p in model.parameters()]))


def optimizer():
    """Eight weights during 100 steps of AdamW, with four settings. The gradients are those of parity/training.ts."""
    start = [0.5, -0.25, 1.0, -2.0, 0.001, 3.0, -0.7, 0.0]

    def run(learningRate=1e-3, weightDecay=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
        weights = torch.tensor(start, requires_grad=True)
        adamw = torch.optim.AdamW(
            [weights], lr=learningRate, betas=(beta1, beta2), eps=epsilon, weight_decay=weightDecay
        )
        checkpoints = {}
        for step in range(1, 101):
            weights.grad = torch.tensor([math.sin(0.7 * i + 0.13 * step) * 10.0 ** (i % 5 - 3) for i in range(8)])
            adamw.step()
            if step in (1, 2, 10, 100):
                checkpoints[step] = weights.tolist()
        return checkpoints

    settings = [
        {},
        {"learningRate": 0.01, "weightDecay": 0.1},
        {"weightDecay": 0},
        {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6},
    ]
    return {"start": start, "cases": [{"options": each, "checkpoints": run(**each)} for each in settings]}


class Run:
    """A training run of the reduced network on the training images in their order."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.model = seeded(dtype, *REDUCED.values())
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, weight_decay=0.01)
        self.losses = []

    def backward(self, number, size, divisor=1):
        """Adds the gradients of batch `number`, divided by `divisor`."""
        images, labels = batch("train", range(number * size, (number + 1) * size), REDUCED["inputSize"], self.dtype)
        loss = F.cross_entropy(self.model(images), labels)
        (loss / divisor).backward()
        self.losses.append(loss.item())

    def step(self):
        self.optimizer.step()
        self.optimizer.zero_grad()

    def weights(self):
        return fingerprint(torch.cat([p.flatten() for p in self.model.parameters()]))


def curve(steps=20, batch_size=8):
    """
    The loss in each step. With larger batches the input of some ReLU comes so close to zero that rounding decides its
    sign, and two float32 programs end 1e-3 to 1e-1 apart.
    """

    def run(dtype):
        run = Run(dtype)
        for number in range(steps):
            run.backward(number, batch_size)
            run.step()
        return run.losses

    losses, exact = both(run)
    return {
        "batchSize": batch_size,
        **REDUCED,
        "losses": shortest(losses),
        "rounding": max(abs(a - b) for a, b in zip(losses, exact)),
    }


def accumulation(steps=5, accumulation_steps=4, batch_size=8):
    """Correct accumulation, one large batch, and the article's loop, on the reduced network."""

    def accumulated(size, divisor, dtype):
        run, gradient = Run(dtype), None
        for step in range(steps):
            for i in range(divisor):
                run.backward(step * divisor + i, size, divisor)
            gradient = gradient or gradient_of(run.model)
            run.step()
        return {"losses": run.losses, "gradient": gradient, "weights": run.weights()}

    def article(dtype):
        """As in the article: zero_grad in every iteration, which counts from 1, and step where (i + 1) % 4 == 0."""
        run, discarded = Run(dtype), 0
        for i in range(1, steps * accumulation_steps + 1):
            discarded += has_gradient(run)
            run.optimizer.zero_grad()
            run.backward(i - 1, batch_size)
            if (i + 1) % accumulation_steps == 0:
                run.step()
        discarded += has_gradient(run)  # of the last iteration
        return {"losses": run.losses, "discarded": discarded, "weights": run.weights()}

    def has_gradient(run):
        return any(p.grad is not None for p in run.model.parameters())

    def compared(train, *args):
        own, exact = both(train, *args)
        own["losses"] = shortest(own["losses"])
        for name in {"gradient", "weights"} & own.keys():
            own[name]["rounding"] = relative(own[name], exact[name])
        return own

    return {
        "steps": steps,
        "accumulationSteps": accumulation_steps,
        "batchSize": batch_size,
        **REDUCED,
        "right": compared(accumulated, batch_size, accumulation_steps),
        "large": compared(accumulated, batch_size * accumulation_steps, 1),
        "article": compared(article),
    }


def initialisation():
    """PyTorch's default weights, drawn once."""
    torch.manual_seed(0)
    statistics = {}
    for name, parameter, fan_in in with_fan_in(AlexNet()):
        values = parameter.detach().double().numpy()
        statistics[name] = {
            "count": values.size,
            "fanIn": fan_in,
            "mean": values.mean().item(),
            "deviation": values.std().item(),
            "min": values.min().item(),
            "max": values.max().item(),
        }
    return statistics


def dropout(rates=(0.5, 0.2), count=1_000_000):
    """nn.Dropout on ones: the share of zeros, and what the others become."""
    torch.manual_seed(0)
    cases = []
    for rate in rates:
        output = nn.Dropout(rate).train()(torch.ones(count))
        kept = output[output != 0]
        assert kept.min() == kept.max()
        zeros = (output == 0).float().mean().item()
        cases.append({"rate": rate, "count": count, "zeros": zeros, "kept": kept[0].item()})
    return cases


def farthest(a, b):
    """The largest difference of two trees of numbers, relative to the largest number of each list. Text must be equal."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), f"{list(a)} and {list(b)}"
        # "rounding" depends on the machine.
        return max((farthest(a[key], b[key]) for key in a if key != "rounding"), default=0)
    if isinstance(a, str):
        return 0 if a == b else math.inf
    if isinstance(a, list) and isinstance(a[0], dict):
        assert len(a) == len(b)
        return max(map(farthest, a, b))
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    assert a.shape == b.shape, f"{a.shape} and {b.shape}"
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))


golden = {
    "torch": torch.__version__,
    "network": network(),
    "explanations": explanations(),
    "others": others(),
    "optimizer": optimizer(),
    "curve": curve(),
    "accumulation": accumulation(),
    "initialisation": initialisation(),
    "dropout": dropout(),
    "normalised": shortest(normalize(np.arange(256, dtype=np.uint8)).flatten().tolist()),
}
digits = mnist("t10k")[0]
files = {
    "parity.json.gz": json.dumps(golden, separators=(",", ":")).encode(),
    "parity-images.bin.gz": resized(digits[list(DIGITS)], 227).tobytes(),
    "resize.bin.gz": b"".join(resized(digits[:4], size).tobytes() for size in (227, 64, 13)),
}
folder = ROOT / "parity/golden"
if "--check" in sys.argv:
    committed = {name: gzip.decompress((folder / name).read_bytes()) for name in files}
    theirs, ours = (json.loads(each.pop("parity.json.gz")) for each in (committed, files))
    print(f"The files are from torch {theirs.pop('torch')}, this is {ours.pop('torch')}. Largest relative differences:")
    differences = {name: farthest(theirs[name], ours[name]) for name in ours}
    differences.update({name: farthest([*committed[name]], [*files[name]]) for name in files})
    for name, difference in differences.items():
        print(f"  {name}: {difference:.2g}")
    sys.exit(max(differences.values()) > 1e-4)
for name, content in files.items():
    (folder / name).write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{name}: {(folder / name).stat().st_size} bytes, torch {torch.__version__}")
