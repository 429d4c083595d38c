"""Presses the stop button of a notebook while it trains, runs the cell again, presses again, and prints what each
run of the cell and the cells after it said.

Usage: interrupt.py FOLDER_OF_NOTEBOOKS FOLDER_OF_THE_RUN
"""

import queue
import sys
import time

from jupyter_client.manager import start_new_kernel

IMPORTS = """
import { loadDataset, slice } from './src/data/index';
import { alexnet } from './src/model/index';
import { trainRun } from './src/train/index';
import { showProgress } from './src/viz/index';
const images = slice(loadDataset('train'), 0, 2000);
const model = alexnet({ inputSize: 63 });
"""
TRAIN = """
const history = await trainRun(%r, model, images, {
  epochs: 1000, batchSize: 20, onProgress: showProgress(), say: console.log,
});
""" % sys.argv[2]
LOOK = "console.log(JSON.stringify({ interrupted: history.interrupted, steps: history.steps.length }));"


def outputs(client, request, seconds=60):
    """Yields the outputs of a cell until it has ended."""
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
        for message in outputs(client, client.execute(LOOK)):
            if message["msg_type"] == "stream":
                print(message["content"]["text"], end="")
finally:
    manager.shutdown_kernel(now=True)
