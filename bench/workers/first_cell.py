"""Prints how many seconds a notebook's first cell takes, SECONDS after its kernel has started.

Usage: first_cell.py NOTEBOOK SECONDS
"""

import os
import subprocess
import sys
import time

import nbformat
from jupyter_client.manager import start_new_kernel

notebook, seconds = sys.argv[1:]
cells = nbformat.read(notebook, as_version=4).cells
first = next(cell.source for cell in cells if cell.cell_type == "code")
manager, client = start_new_kernel(kernel_name="tslab", cwd=os.path.dirname(notebook), stderr=subprocess.DEVNULL)
try:
    time.sleep(float(seconds))
    started = time.monotonic()
    client.execute_interactive(first, timeout=100)
    print(time.monotonic() - started)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
