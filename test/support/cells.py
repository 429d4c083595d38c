"""Runs cells in one kernel and prints what each cell wrote, as a JSON list.

Usage: cells.py NOTEBOOK_FOLDER STEPS

STEPS is a JSON list: the code of a cell, or [FILE, TEXT] to write a file between two cells.
"""

import json
import sys
import time

from jupyter_client.manager import start_new_kernel


def run(client, code):
    texts = []

    def hook(message):
        if message["msg_type"] == "stream":
            texts.append(message["content"]["text"])

    client.execute_interactive(code, timeout=60, output_hook=hook)
    time.sleep(0.3)  # for 200 ms after a failed cell, tslab refuses others
    return "".join(texts)


manager, client = start_new_kernel(kernel_name="tslab", cwd=sys.argv[1])
written = []
try:
    for step in json.loads(sys.argv[2]):
        if isinstance(step, str):
            written.append(run(client, step))
        else:
            file, text = step
            with open(file, "w") as stream:
                stream.write(text)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(written))
