"""Runs notebooks with nbconvert and saves each one, with its outputs, in OUTPUT_FOLDER.

Usage: execute.py [--answers] OUTPUT_FOLDER NOTEBOOK...

--answers runs the code of the answers to the exercises too, after the notebook's own cells, but does not save it.

Reports progress to scripts/tutorial/tutorial.mjs as JSON lines on standard output. Stops at the first notebook that
fails and exits with 1; the part that ran is saved too.
"""

import json
import re
import signal
import sys
import time
import traceback
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.preprocessors import ClearOutputPreprocessor, ExecutePreprocessor
from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor

ANSWER = re.compile(r"<details>.*?</details>", re.S)
CODE = re.compile(r"^```ts\n(.*?)^```", re.S | re.M)
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# The first such line of what a cell or the kernel wrote is the cause: an exception, an error of the compiler
# ("2:7 - Type …"), the end of Node or of a C++ library.
CAUSE = re.compile(r"^(\w+: )?\w*Error\b|^(\S+ )?\d+:\d+ - |FATAL|terminate called|Check failed")


def report(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Kernel:
    """The kernel of a notebook. Each starts while the notebook before it runs: that takes three seconds."""

    def __init__(self, notebook, output):
        self.log_file = output / f"{notebook.stem}.log"
        self.log = open(self.log_file, "w+")  # TensorFlow's log does not belong in the notebook
        self.manager = AsyncKernelManager(kernel_name="tslab")
        run_sync(self.manager.start_kernel)(cwd=str(notebook.parent), stdout=self.log, stderr=self.log)
        self.process = self.manager.provisioner.process

    def stop(self):
        run_sync(self.manager.shutdown_kernel)(now=True)
        self.log.close()
        self.log_file.unlink()


class Execute(ExecutePreprocessor):
    """nbconvert's preprocessor, which also reports the running cell and its progress bar."""

    def __init__(self, notebook, kernel):
        # Without timings in the metadata, two runs write the same file.
        super().__init__(timeout=None, record_timing=False)
        self.notebook = notebook
        self.kernel = kernel
        self.cell = None  # the running code cell
        self.number = 0  # its number, from 1

    def create_kernel_manager(self):
        self.km = self.kernel.manager
        return self.km

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            self.number += 1
            self.cell = cell
            cell.execution_count = self.number  # tslab does not report it
            total = sum(c.cell_type == "code" for c in self.nb.cells)
            report("cell", notebook=self.notebook, cell=self.number, cells=total)
        return super().preprocess_cell(cell, resources, index)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "update_display_data"):
            text = msg["content"]["data"].get("text/plain", "")
            if "|" in text and "%" in text and "\n" not in text:  # a progress bar
                report("progress", notebook=self.notebook, text=text)
        return super().process_message(msg, cell, cell_index)


def failure(executor, error, log):
    """One line that says why a cell or the kernel failed. `log` is what the kernel wrote."""
    # tslab writes error messages to standard error.
    outputs = executor.cell.outputs if executor.cell else []
    text = ANSI.sub("", "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"))
    if isinstance(error, CellExecutionError):
        return cause(text) or (text or str(error)).strip().splitlines()[0]
    process = executor.kernel.process
    if not isinstance(error, DeadKernelError) and process.poll() is None:
        return f"Jupyter failed: {type(error).__name__}: {str(error).strip()}".splitlines()[0]
    code = process.returncode
    if code == -signal.SIGKILL:
        return "the kernel was ended by SIGKILL: most likely the machine ran out of memory"
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    why = cause(text + log)
    return f"the kernel {how}: {why}" if why else f"the kernel {how}"


def cause(text):
    """The first line of `text` that looks like the cause, or an empty string."""
    return next(filter(CAUSE.search, map(str.strip, text.splitlines())), "")


def answers(nb):
    """The code of the answers, as cells."""
    folded = [answer for cell in nb.cells if cell.cell_type == "markdown" for answer in ANSWER.findall(cell.source)]
    return [nbformat.v4.new_code_cell(code.strip()) for answer in folded for code in CODE.findall(answer)]


def run(path, output, with_answers, kernel):
    """Runs one notebook. Returns whether it succeeded."""
    name = path.stem
    try:
        nb = nbformat.read(path, as_version=4)
    except Exception as error:  # unreadable, not JSON, or not a notebook
        reason = (str(error) or type(error).__name__).splitlines()[0]
        report("failed", notebook=name, seconds=0, cell=0, message=f"not a notebook: {reason[:200]}")
        kernel.stop()
        return False
    ClearOutputPreprocessor(remove_metadata_fields={"execution"}).preprocess(nb, {})
    own = len(nb.cells)
    if with_answers:
        nb.cells += answers(nb)
    started = time.monotonic()
    error = None
    with kernel.log:
        executor = Execute(name, kernel)
        try:
            executor.preprocess(nb, {"metadata": {"path": str(path.parent)}})
        except Exception as caught:
            error = caught
            if not isinstance(error, (CellExecutionError, DeadKernelError)):
                traceback.print_exc(file=kernel.log)
        kernel.log.seek(0)
        log = kernel.log.read()
    if error is None or not log:
        kernel.log_file.unlink()
    seconds = round(time.monotonic() - started, 1)
    del nb.cells[own:]
    CoalesceStreamsPreprocessor().preprocess(nb, {})  # tslab sends each line as an output of its own
    nbformat.write(nb, output / f"{name}.ipynb")
    if error is None:
        report("done", notebook=name, seconds=seconds)
    else:
        message = failure(executor, error, log)
        report("failed", notebook=name, seconds=seconds, cell=executor.number, message=message, log=bool(log))
    return error is None


if __name__ == "__main__":
    arguments = sys.argv[1:]
    with_answers = arguments[0] == "--answers"
    folder, *notebooks = map(Path, arguments[with_answers:])
    following = Kernel(notebooks[0], folder)
    for notebook, after in zip(notebooks, [*notebooks[1:], None]):
        kernel, following = following, after and Kernel(after, folder)
        if not run(notebook, folder, with_answers, kernel):
            if following:
                following.stop()
            sys.exit(1)
