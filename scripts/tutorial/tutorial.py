"""Runs notebooks in order, each in a new kernel, and writes their pages. tutorial.mjs starts this for `npm run tutorial`.

Stops at the first notebook that fails; the part that ran is saved too.
"""

import argparse
import json
import logging
import os
import re
import signal
import sys
import time
import traceback
from pathlib import Path


class Failure(Exception):
    """Says what went wrong, for the user."""


def explain(kind, error, trace):
    """Shows an uncaught error in one line, and all of it if DEBUG is set."""
    if kind is Failure:
        print(f"error: {error}", file=sys.stderr)
    elif os.environ.get("DEBUG"):
        sys.__excepthook__(kind, error, trace)
    elif kind is not KeyboardInterrupt:
        print(f"error: {traceback.format_exception_only(error)[-1].strip()} (DEBUG=1 shows more)", file=sys.stderr)


sys.excepthook = explain  # before the imports that a damaged installation lacks
sys.path.insert(0, str(Path(__file__).parent))  # PYTHONSAFEPATH keeps it out

import nbformat
import pages
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor

ROOT = Path(__file__).parents[2]
ANSWER = re.compile(r"<details>.*?</details>", re.S)
CODE = re.compile(r"^```ts\n(.*?)^```", re.S | re.M)
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# The first such line of what a cell or the kernel wrote is the cause: an exception, an error of the compiler
# ("2:7 - Type …"), the end of Node or of a C++ library.
CAUSE = re.compile(r"^(\w+: )?\w*Error\b|^(\S+ )?\d+:\d+ - |FATAL|terminate called|Check failed")
# After a cell, the kernel becomes idle when it has sent all output. To read 20,000 lines takes up to 24 seconds.
SECONDS_UNTIL_IDLE = 120
CLEAR = "\r\x1b[2K"  # the line of the terminal
LARGEST_NOTEBOOK = 1_000_000  # bytes; GitHub does not display notebooks that are much larger


class Display:
    """Shows how far a notebook is: on a terminal in one line that changes, elsewhere in a line per cell and a line of
    progress every ten seconds."""

    changes = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    columns = 1000
    place = ""
    last = 0

    def cell(self, name, number, count):
        self.place = f"  … {name}  cell {number}/{count}"
        self.line(self.place)

    def progress(self, name, text):
        """Shows a progress bar of the notebook."""
        if self.changes:
            self.line(f"{self.place if self.columns >= 100 else name.split('-')[0]}  {text}")
        elif time.monotonic() - self.last > 10:
            self.line(f"    {text}")
            self.last = time.monotonic()

    def line(self, text):
        if self.changes:
            self.columns = os.get_terminal_size(1).columns or self.columns
            say(f"{CLEAR}{fitted(text, self.columns)}", end="")
        else:
            say(text)

    def end(self, name, seconds, mark):
        say(f"{CLEAR if self.changes else ''}  {mark} {name}: {seconds} s")


def say(text, end="\n"):
    """Prints. If nobody reads any more, as with `| head`, the notebooks still run to their end."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def fitted(line, columns):
    """Makes a line fit: shortens its progress bar, or cuts its beginning. The loss and the accuracy come last."""
    excess = len(line) - columns
    if excess <= 0 or line.count("|") != 2:
        return line[:columns]
    label, bar, rest = line.split("|")
    width = len(bar) - excess
    if width > 0:
        return f"{label}|{'█' * (width * bar.count('█') // len(bar)):<{width}}|{rest}"
    return f"…{(label + rest)[1 - columns :]}" if len(label + rest) > columns else label + rest


class Run(NotebookClient):
    """The run of one notebook. Its kernel starts at once, while the notebook before runs: that takes three seconds."""

    def __init__(self, path, output, display):
        super().__init__(
            nbformat.v4.new_notebook(),
            kernel_name="tslab",
            resources={"metadata": {"path": str(path.parent)}},
            timeout=None,
            record_timing=False,  # or two runs would write different files
            iopub_timeout=SECONDS_UNTIL_IDLE,
            raise_on_iopub_timeout=True,
            on_cell_start=self.start_cell,
        )
        self.path = path
        self.file = output / path.name
        self.display = display
        self.running = None  # the code cell
        self.number = 0  # of the code cell, from 1
        self.kernel_log = open(self.file.with_suffix(".log"), "w+")  # TensorFlow's log does not belong in the notebook
        self.create_kernel_manager()
        self.start_new_kernel(stdout=self.kernel_log, stderr=self.kernel_log)
        self.process = self.km.provisioner.process

    def stop(self):
        """Ends the kernel of a notebook that does not run."""
        run_sync(self.km.shutdown_kernel)(now=True)
        Path(self.kernel_log.name).unlink()

    def run(self, with_answers):
        """Runs the notebook and saves it with its outputs. Returns what went wrong, or None."""
        try:
            self.nb = nbformat.read(self.path, as_version=4)
        except Exception as error:  # unreadable, not JSON, or not a notebook
            self.stop()
            return f"{self.path.stem}: not a notebook: {first_line(str(error) or type(error).__name__)[:200]}"
        for cell in self.nb.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
                cell.metadata.pop("execution", None)
        own = len(self.nb.cells)
        if with_answers:
            self.nb.cells += answers(self.nb)
        error = None
        try:
            self.run_cells()
        except Exception as caught:
            error = caught
            if not isinstance(error, (CellExecutionError, CellTimeoutError, DeadKernelError)):
                traceback.print_exc(file=self.kernel_log)
        del self.nb.cells[own:]
        CoalesceStreamsPreprocessor().preprocess(self.nb, {})  # tslab sends each line as an output of its own
        nbformat.write(self.nb, self.file)
        self.kernel_log.seek(0)
        log = self.kernel_log.read()
        if not error or not log:
            Path(self.kernel_log.name).unlink()
        if not error:
            return None
        return (
            f"{self.path.stem}{f', code cell {self.number}' if self.number else ''}: {self.reason(error, log)}"
            + (f"\n  The outputs so far: {self.file}" if self.number else "")
            + (f"\n  What the kernel wrote: {self.kernel_log.name}" if log else "")
        )

    def run_cells(self):
        with self.setup_kernel():
            info = self.wait_for_reply(self.kc.kernel_info())
            self.nb.metadata.language_info = info["content"]["language_info"]
            for index, cell in enumerate(self.nb.cells):
                self.execute_cell(cell, index)

    def start_cell(self, cell, cell_index):
        if cell.cell_type == "code":
            self.running = cell
            self.number += 1
            cell.execution_count = self.number  # tslab does not report it
            count = sum(each.cell_type == "code" for each in self.nb.cells)
            self.display.cell(self.path.stem, self.number, count)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "update_display_data"):
            text = msg["content"]["data"].get("text/plain", "")
            if "|" in text and "%" in text and "\n" not in text:
                self.display.progress(self.path.stem, text)
        return super().process_message(msg, cell, cell_index)

    def reason(self, error, log):
        """One line that says why a cell or the kernel failed. `log` is what the kernel wrote."""
        # tslab writes error messages to standard error.
        outputs = self.running.outputs if self.running else []
        text = ANSI.sub("", "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"))
        if isinstance(error, CellExecutionError):
            return cause(text) or first_line(text or str(error))
        if isinstance(error, CellTimeoutError):
            return "the cell ended, but the kernel did not become idle: the end of the output is missing"
        code = self.process.poll()
        if code is None:
            return f"Jupyter failed: {type(error).__name__}: {first_line(str(error))}"
        if code == -signal.SIGKILL:
            return "the kernel was ended by SIGKILL: most likely the machine ran out of memory"
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        why = cause(text + log)
        return f"the kernel {how}: {why}" if why else f"the kernel {how}"


def cause(text):
    """The first line of `text` that looks like the cause, or an empty string."""
    return next(filter(CAUSE.search, map(str.strip, text.splitlines())), "")


def first_line(text):
    return text.strip().split("\n")[0]


def answers(nb):
    """The code of the answers to the exercises, as cells."""
    folded = [answer for cell in nb.cells if cell.cell_type == "markdown" for answer in ANSWER.findall(cell.source)]
    return [nbformat.v4.new_code_cell(code.strip()) for answer in folded for code in CODE.findall(answer)]


def run_all(paths, output, with_answers):
    """Runs the notebooks until one fails. Returns their results, and what went wrong or None."""
    display = Display()
    results = []
    following = Run(paths[0], output, display)
    try:
        for after in [*paths[1:], None]:
            run, following = following, after and Run(after, output, display)
            started = time.monotonic()
            failure = run.run(with_answers)
            seconds = round(time.monotonic() - started, 1)
            display.end(run.path.stem, seconds, "✗" if failure else "✓")
            results.append({"name": run.path.stem, "seconds": seconds, "ok": not failure})
            if failure:
                break
    finally:
        if following:
            following.stop()
    return results, failure


def training_results(names):
    """What notebooks 04 and 05, if they are among `names`, wrote to their run folder."""
    config, history, steps, test = map(run_file, ("config", "history", "steps", "test"))
    if "04-training" not in names or not (config and history and steps):
        return {}
    train = {
        "images": config["trainImages"],
        "epochs": len(history),
        "steps": len(steps),
        "seconds": sum(epoch["seconds"] for epoch in history),
        "precision": config["precision"],
    }
    if "05-prediction" not in names or not test:
        return {"train": train}
    return {"train": train, "test": {key: test[key] for key in ("images", "accuracy", "loss")}}


def run_file(name):
    """A file of the run folder, or None if it is missing or damaged."""
    try:
        return json.loads((ROOT / "runs" / "tutorial" / f"{name}.json").read_text("utf8"))
    except (OSError, ValueError):
        return None


def save_outputs(paths, output):
    """Saves the outputs in the notebooks: in all of them, or in none if one is too large."""
    texts = []
    for path in paths:
        notebook, executed = (json.loads(file.read_text("utf8")) for file in (path, output / path.name))
        for cell, ran in zip(notebook["cells"], executed["cells"]):
            if cell["cell_type"] == "code":
                cell.update(outputs=ran["outputs"], execution_count=ran["execution_count"])
        texts.append(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
        size = len(texts[-1].encode())
        if size > LARGEST_NOTEBOOK:
            sizes = f"{size / 1e6:.2f} MB, more than {LARGEST_NOTEBOOK / 1e6:.2f} MB"
            raise Failure(f"{path.name} would have {sizes}: nothing was saved")
    for path, text in zip(paths, texts):
        new = path.with_name(f"{path.name}.new")
        new.write_text(text, "utf8")
        new.replace(path)
    say(f"Outputs saved in {', '.join(os.path.relpath(path, ROOT) for path in paths)}")


def tutorial(paths, output, with_answers=False, save=False):
    """Runs the notebooks and writes to `output`. Raises Failure if a notebook fails."""
    # If a notebook fails, no result of an earlier run may be left.
    for name in ["summary.json", *(f"{path.stem}.html" for path in paths)]:
        (output / name).unlink(missing_ok=True)
    started = time.monotonic()
    results, failure = run_all(paths, output, with_answers)
    succeeded = [result["name"] for result in results if result["ok"]]
    summary = {
        "profile": os.environ.get("TUTORIAL_PROFILE", "quick"),
        "seconds": round(time.monotonic() - started, 1),
        "notebooks": results,
        **training_results(succeeded),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", "utf8")
    pages.write(output, succeeded)
    if output.name == "zh":
        pages.write(output.parent, [])  # they link to the Chinese pages now
    if failure:
        raise Failure(failure)
    count = "1 notebook" if len(results) == 1 else f"{len(results)} notebooks"
    place = os.path.relpath(output, ROOT)
    say(f"\nWritten to {place}: {count} (.ipynb and .html), index.html, summary.json")
    if save:
        save_outputs(paths, output)
    if test := summary.get("test"):
        percent = f"{100 * test['accuracy']:.2f}%"
        say(f"Test set: {test['images']} images, accuracy {percent}, loss {test['loss']:.4f}")
    say("Open index.html in a browser, or step through the notebooks with npm run lab")


def interrupt(*_):
    logging.disable()  # or asyncio would report the tasks that this ends
    raise KeyboardInterrupt


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", action="store_true", help="also run the code of the answers to the exercises")
    parser.add_argument("--save", action="store_true", help="also save the outputs in the notebooks themselves")
    parser.add_argument("output", type=Path, help="the folder to write to")
    parser.add_argument("notebooks", type=Path, nargs="+")
    chosen = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    tutorial(chosen.notebooks, chosen.output, chosen.answers, chosen.save)
