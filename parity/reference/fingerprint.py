"""Test weights from a formula, and fingerprints of tensors: the same as parity/fingerprint.ts, in Python."""

import math

import numpy as np

SAMPLE_STREAM = 1000
SIGN_STREAM = 1001
SAMPLES = 256
PROJECTIONS = 8


def hashed(count, stream):
    """uint32 [count]: an integer hash ("lowbias32") of 0 … count - 1. Each stream gives other values."""
    x = np.arange(count, dtype=np.uint32) + np.uint32((stream + 1) * 0x9E3779B9 & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def seed_values(count, bound, stream):
    """float32 [count], uniform in ±bound: 24 bits of the hash times a float32. Each operation is exact or rounds once."""
    whole = (hashed(count, stream) >> np.uint32(8)).astype(np.int32) - 2**23
    return whole.astype(np.float32) * np.float32(bound / 2**23)


def fingerprint(tensor):
    """
    Describes a tensor by 256 of its values and its products with 8 vectors of random signs. For two tensors, the
    root mean square difference of the products estimates the norm of the difference.
    """
    values = tensor.detach().numpy().astype(np.float64).ravel()
    count = len(values)
    sample = values if count <= SAMPLES else values[hashed(SAMPLES, SAMPLE_STREAM) % np.uint32(count)]
    signs = hashed(count, SIGN_STREAM)
    projections = [
        float(np.where(signs >> np.uint32(bit) & np.uint32(1), values, -values).sum())
        for bit in range(PROJECTIONS)
    ]
    return {
        "count": count,
        "norm": float(np.sqrt((values**2).sum())),
        "max": float(np.abs(values).max()),
        "sample": shortest(sample),
        "projections": projections,
    }


def absolute(a, b):
    largest, norm = difference(a, b)
    return max(largest, norm / math.sqrt(a["count"]))


def relative(a, b):
    largest, norm = difference(a, b)
    return max(largest / a["max"], norm / a["norm"])


def difference(a, b):
    """Of two fingerprints: the largest difference in the sample, and the estimated norm of the difference."""
    sample = np.abs(np.array(a["sample"]) - np.array(b["sample"])).max()
    projected = np.array(a["projections"]) - np.array(b["projections"])
    return float(sample), float(np.sqrt((projected**2).mean()))


def shortest(values):
    """float32 values with no more digits than they need."""
    return [float(str(np.float32(value))) for value in values]
