"""Runs the tutorial's program several times with a stand-in for the kernel (kernel.py). Prints for each run what it wrote
and the error, as a JSON list.

Usage: tutorial.py RUNS

RUNS is a JSON list of the arguments of `tutorial`: {"output": …, "paths": [NOTEBOOK…], "save": true, …}. With "columns",
the program writes as to a terminal of that width.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "tutorial"))
import tutorial


def run(output, paths, columns=None, **options):
    tutorial.Display.changes = columns is not None
    os.get_terminal_size = lambda _: os.terminal_size((columns, 24))
    Path(output).mkdir(parents=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            tutorial.tutorial([Path(path) for path in paths], Path(output), **options)
            error = None
        except tutorial.Failure as failure:
            error = str(failure)
    return {"printed": printed.getvalue(), "error": error}


tutorial.SECONDS_UNTIL_IDLE = 1
with tempfile.TemporaryDirectory() as folder:
    kernel = Path(folder) / "kernels" / "tslab"
    kernel.mkdir(parents=True)
    program = [sys.executable, str(Path(__file__).with_name("kernel.py")), "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": program, "display_name": "", "language": ""}))
    os.environ["JUPYTER_PATH"] = folder
    print(json.dumps([run(**each) for each in json.loads(sys.argv[1])]))
