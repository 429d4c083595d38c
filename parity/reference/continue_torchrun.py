"""Continues a training in PyTorch, in several processes: loads weights that `npm run export` wrote, checks that the loss
is the one that `npm run evaluate` prints, and takes a step.

Run by hand, with torch==2.13.0, numpy and pillow installed:
    npm run export -- --model RUN --to weights.pth
    npm run evaluate -- --model RUN --images 64 --json
    torchrun --nproc-per-node 2 parity/reference/continue_torchrun.py weights.pth
"""

import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from alexnet import AlexNet
from mnist import batch
from torch.nn.parallel import DistributedDataParallel

IMAGES = 64


def mean_loss(model, x, y):
    """Over the images of all processes."""
    total = F.cross_entropy(model(x), y, reduction="sum").detach()
    dist.all_reduce(total)
    return total.item() / IMAGES


def main(weights, input_size=227, *widths):
    dist.init_process_group("gloo")
    rank, count = dist.get_rank(), dist.get_world_size()
    model = AlexNet(input_size, widths) if widths else AlexNet(input_size)
    model.load_state_dict(torch.load(weights, weights_only=True))
    model = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x, y = (part.tensor_split(count)[rank] for part in batch("t10k", range(IMAGES), input_size))

    model.eval()
    before = mean_loss(model, x, y)
    model.train()
    # DistributedDataParallel averages the gradients of the processes, whatever their numbers of images.
    loss = F.cross_entropy(model(x), y, reduction="sum") * count / IMAGES
    loss.backward()
    optimizer.step()
    model.eval()
    after = mean_loss(model, x, y)
    if rank == 0:
        print(f"{count} processes, {IMAGES} images: loss {before:.6f} before the step, {after:.6f} after it")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
