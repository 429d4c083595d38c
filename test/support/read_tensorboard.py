"""Prints the scalars and histograms in the folders of FOLDER as JSON, read by TensorBoard's own reader."""

import json
import logging
import pathlib
import sys
import types

# TensorBoard works without TensorFlow, and then says so on standard error.
sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")
logging.disable(logging.WARNING)

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0}).Reload()
    tags = events.Tags()
    return {
        "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
        "histograms": {
            tag: [{"step": e.step, **vars(e.histogram_value)} for e in events.Histograms(tag)]
            for tag in tags["histograms"]
        },
    }


print(json.dumps({folder.name: read(folder) for folder in pathlib.Path(sys.argv[1]).iterdir()}))
