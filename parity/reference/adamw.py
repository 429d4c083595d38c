"""Writes parity/golden/adamw.json: eight weights during 100 steps of torch.optim.AdamW.

Run by hand, with torch==2.13.0 installed: python parity/reference/adamw.py
"""

import json
import math
from pathlib import Path

import torch

START = [0.5, -0.25, 1.0, -2.0, 0.001, 3.0, -0.7, 0.0]
CASES = [
    ("defaults", {}),
    ("large rate, strong decay", {"learningRate": 0.01, "weightDecay": 0.1}),
    ("no decay", {"weightDecay": 0}),
    ("other betas and epsilon", {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6}),
]


def gradient(step, index):
    """The same formula as in parity/training.ts: no random numbers."""
    return math.sin(0.7 * index + 0.13 * step) * 10.0 ** ((index % 5) - 3)


def run(options):
    weights = torch.tensor(START, requires_grad=True)
    optimizer = torch.optim.AdamW(
        [weights],
        lr=options.get("learningRate", 1e-3),
        weight_decay=options.get("weightDecay", 0.01),
        betas=(options.get("beta1", 0.9), options.get("beta2", 0.999)),
        eps=options.get("epsilon", 1e-8),
    )
    checkpoints = {}
    for step in range(1, 101):
        weights.grad = torch.tensor([gradient(step, i) for i in range(len(START))])
        optimizer.step()
        if step in (1, 2, 10, 100):
            checkpoints[step] = weights.tolist()
    return checkpoints


cases = [{"name": name, "options": options, "checkpoints": run(options)} for name, options in CASES]
target = Path(__file__).parents[2] / "parity/golden/adamw.json"
target.write_text(json.dumps({"torch": torch.__version__, "start": START, "cases": cases}, indent=1) + "\n")
print(f"{target}: {len(cases)} cases, torch {torch.__version__}")
