"""Runs cells in one kernel and prints what each cell wrote, as a JSON list.

Usage: cells.py NOTEBOOK_FOLDER STEPS

STEPS is a JSON list of objects: {"run": CODE}, {"run": CODE, "stop": TEXT} to press the stop button when the cell has
shown TEXT, or {"write": TEXT, "to": FILE} to write a file between two cells.
"""

import json
import sys
import time

from jupyter_client.manager import start_new_kernel


def run(code, stop=None):
    texts = []
    shown = []

    def hook(message):
        content = message["content"]
        if message["msg_type"] == "stream":
            texts.append(content["text"])
            shown.append(content["text"])
        elif "data" in content:
            shown.append(content["data"].get("text/plain", ""))
        if stop and not pressed and stop in "".join(shown):
            pressed.append(True)
            manager.interrupt_kernel()

    pressed = []
    # Fails if the cell never becomes idle.
    client.execute_interactive(code, timeout=60, output_hook=hook)
    time.sleep(0.3)  # for 200 ms after a failed cell, tslab refuses others
    return "".join(texts)


manager, client = start_new_kernel(kernel_name="tslab", cwd=sys.argv[1])
written = []
try:
    for step in json.loads(sys.argv[2]):
        if "write" in step:
            with open(step["to"], "w") as stream:
                stream.write(step["write"])
        else:
            written.append(run(step["run"], step.get("stop")))
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(written))
