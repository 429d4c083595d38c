"""Executes notebooks with nbconvert and writes each, with its outputs, as .ipynb.

Usage: execute.py OUTPUT_FOLDER NOTEBOOK...

Reports its progress as JSON lines on standard output, for scripts/tutorial.mjs. Stops with exit code 1
after the first notebook that fails; what was executed up to there is written all the same.
"""

import json
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.preprocessors import ExecutePreprocessor
from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Execute(ExecutePreprocessor):
    """nbconvert's execution, which also reports the running cell and its progress line."""

    def __init__(self, notebook, kernel_log, **kwargs):
        # No times in the notebook, so that two runs give the same file.
        super().__init__(kernel_name="tslab", timeout=None, record_timing=False, **kwargs)
        self.notebook = notebook
        self.kernel_log = kernel_log
        self.number = 0  # of the running code cell
        self.running = None

    async def async_start_new_kernel(self, **kwargs):
        # TensorFlow's log is not the output of a cell.
        return await super().async_start_new_kernel(stdout=self.kernel_log, stderr=self.kernel_log, **kwargs)

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            self.number += 1
            self.running = cell
            total = sum(c.cell_type == "code" for c in self.nb.cells)
            cell.execution_count = self.number  # tslab does not report it
            tell("cell", notebook=self.notebook, cell=self.number, cells=total)
        return super().preprocess_cell(cell, resources, index)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "update_display_data"):
            text = msg["content"]["data"].get("text/plain", "")
            if "|" in text and "%" in text and "\n" not in text:
                tell("progress", notebook=self.notebook, text=text)
        return super().process_message(msg, cell, cell_index)


def failure(cell, error):
    """The first line of a cell's error message, which tslab writes to standard error."""
    if not isinstance(error, CellExecutionError):
        return f"the kernel died ({str(error).strip()}); see kernel.log beside the notebook"
    outputs = cell.outputs if cell else []
    text = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr")
    lines = [line.strip() for line in ANSI.sub("", text).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"\w*Error\b", line)]
    return (named or lines or str(error).strip().splitlines())[0]


def bare(nb):
    """Removes the outputs of an earlier run."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
            cell.metadata.pop("execution", None)
    return nb


def main(output, notebooks):
    output.mkdir(parents=True, exist_ok=True)
    for path in notebooks:
        name = path.stem
        tell("notebook", notebook=name)
        try:
            nb = bare(nbformat.read(path, as_version=4))
        except Exception as error:  # not JSON, not a notebook, or not readable
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            tell("failed", notebook=name, seconds=0, cell=0, message=f"not a notebook: {reason[:200]}")
            return 1
        started = time.monotonic()
        error = None
        with open(output / "kernel.log", "a") as kernel_log:
            executor = Execute(name, kernel_log)
            try:
                executor.preprocess(nb, {"metadata": {"path": str(path.parent)}})
            except (CellExecutionError, DeadKernelError, RuntimeError) as caught:
                error = caught
        seconds = round(time.monotonic() - started, 1)
        nb, _ = CoalesceStreamsPreprocessor().preprocess(nb, {})  # consecutive lines become one output
        nbformat.write(nb, output / f"{name}.ipynb")
        if error is not None:
            message = failure(executor.running, error)
            tell("failed", notebook=name, seconds=seconds, cell=executor.number, message=message)
            return 1
        tell("done", notebook=name, seconds=seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(p) for p in sys.argv[2:]]))
