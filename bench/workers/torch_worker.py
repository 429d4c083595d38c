"""PyTorch: torch_worker.py KIND BATCH INPUT_SIZE THREADS CPU|GPU. Reads and writes the same lines as protocol.ts.

KIND is `article` (the article's loop as written) or `PRECISION[-compiled]`: channels_last, fused AdamW,
autocast for bfloat16 and float16 (with loss scaling), and torch.compile for `-compiled`.
"""

import json
import pathlib
import re
import sys
import time
import warnings

import torch
import torch.nn as nn
import torch.optim as optim

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "parity" / "reference"))
from alexnet import AlexNet

warnings.filterwarnings("ignore")
kind, batch_size, input_size, threads = sys.argv[1], *map(int, sys.argv[2:5])
torch.set_num_threads(threads)
torch.manual_seed(0)
device = "cuda" if sys.argv[5] == "GPU" else "cpu"


class Article:
    """The article's loop: zero_grad in every iteration, step in every fourth. On a CPU its GradScaler does nothing."""

    scales = device == "cuda"

    def __init__(self):
        self.model = AlexNet(input_size).to(device)
        self.scaler = torch.amp.GradScaler(device, enabled=self.scales)
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.001)
        self.criterion = nn.CrossEntropyLoss()
        self.inputs = torch.rand(batch_size, 1, input_size, input_size, device=device) * 2 - 1
        self.labels = torch.arange(batch_size, device=device) % 10
        self.iteration = 0

    def step(self):
        self.model.train()
        self.iteration += 1
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(self.inputs), self.labels)
        self.scaler.scale(loss).backward()
        if self.iteration % 4 == 0:
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()
        loss.item()

    def forward(self, inputs):
        return self.model(inputs)

    def evaluate(self):
        self.model.eval()
        with torch.no_grad():
            self.forward(self.inputs).argmax(1).tolist()

    def latency(self):
        self.model.eval()
        with torch.no_grad():  # float32 in every kind: autocast would cast all weights for one image
            torch.softmax(self.model(self.inputs[:1]).float(), 1).tolist()


class Tuned(Article):
    """Everything that makes it faster: memory layout, fused optimizer, autocast, compilation."""

    scales = kind.startswith("float16")

    def __init__(self):
        super().__init__()
        self.low = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(kind.split("-")[0])
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")  # TF32 on a GPU, as in TensorFlow
        self.model = self.model.to(memory_format=torch.channels_last)
        self.inputs = self.inputs.to(memory_format=torch.channels_last)
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.001, fused=True)
        if kind.endswith("compiled"):
            self.model = torch.compile(self.model)

    def forward(self, inputs):
        with torch.autocast(device, dtype=self.low, enabled=self.low is not None):
            return self.model(inputs)

    def step(self):
        self.model.train()
        self.optimizer.zero_grad()
        loss = self.criterion(self.forward(self.inputs).float(), self.labels)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if device == "cuda":
            torch.cuda.synchronize()
        loss.item()


def peak_rss():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read()).group(1)) / 1024


contender = Article() if kind == "article" else Tuned()
print(json.dumps({"ready": True, "version": torch.__version__}), flush=True)
for task in sys.stdin:
    started = time.perf_counter()
    getattr(contender, task.strip())()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peakRssMiB": peak_rss()}), flush=True)
