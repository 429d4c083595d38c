"""Runs a training cell twice and interrupts it each time, as the stop button does. Then runs the cell that builds
the real network four times without disposing it. Prints the output of the cells.

Usage: interrupt.py NOTEBOOK_FOLDER RUN_FOLDER
"""

import queue
import sys
import time

from jupyter_client.manager import start_new_kernel

IMPORTS = """
import { loadDataset, slice } from './src/data/index';
import { alexnet } from './src/model/index';
import { trainRun } from './src/runs/index';
import { tf } from './src/tf/index';
import { showProgress } from './src/viz/index';
const images = slice(loadDataset('train'), 0, 2000);
const model = alexnet({
  inputSize: 28,
  layers: [
    { kind: 'flatten', name: 'flatten' },
    { kind: 'dense', name: 'out', units: 0, relu: false },
  ],
});
"""
TRAIN = """
const history = await trainRun(%r, model, images, {
  epochs: 100000, batchSize: 20, onProgress: showProgress(), say: console.log,
});
""" % sys.argv[2]
BUILD = "const network = alexnet({ seed: 42 });"
MEMORY = "console.log(JSON.stringify({ tensors: tf.memory().numTensors, bytes: process.memoryUsage().rss }));"
LOOK = "console.log(JSON.stringify({ interrupted: history.interrupted, steps: history.steps.length }));"


def outputs(client, request, seconds=60):
    """Yields the outputs of a cell until it ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return
        yield message
    raise TimeoutError("the cell did not end")


def show(code):
    """Runs a cell and prints its output."""
    for message in outputs(client, client.execute(code)):
        if message["msg_type"] == "stream":
            print(message["content"]["text"], end="")


manager, client = start_new_kernel(kernel_name="tslab", cwd=sys.argv[1])
try:
    list(outputs(client, client.execute(IMPORTS)))
    for _ in range(2):
        pressed = False
        for message in outputs(client, client.execute(TRAIN)):
            if message["msg_type"] == "stream":
                print(message["content"]["text"], end="")
            if message["msg_type"] == "update_display_data" and not pressed:
                pressed = True
                manager.interrupt_kernel()
        show(LOOK)
    for _ in range(4):
        show(BUILD)
        show(MEMORY)
finally:
    manager.shutdown_kernel(now=True)
