"""Runs cells that fail, one after the other in one kernel, and prints the cause that the tutorial names for each.

Usage: causes.py FOLDER CELL...
"""

import contextlib
import sys
import time
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "tutorial"))
import tutorial

run = tutorial.Run(Path("notebooks/none.ipynb"), Path(sys.argv[1]), tutorial.Display())
with run.setup_kernel():
    for source in sys.argv[2:]:
        run.nb.cells = [nbformat.v4.new_code_cell(source)]
        try:
            with contextlib.redirect_stdout(None):
                run.execute_cell(run.nb.cells[0], 0)
        except Exception as error:
            print(run.reason(error, ""))
        time.sleep(0.3)  # for 200 ms after a failed cell, tslab refuses others
