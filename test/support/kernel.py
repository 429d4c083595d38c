"""A stand-in for the Jupyter kernel tslab, which starts at once. Its cells are Python. They can call

  say(text, name)  to write to `stdout` or `stderr` of the cell
  show(text)       to show or update a progress bar
  fail()           to make the cell fail
  stay_busy()      to never report the kernel as idle again
"""

import json
import os  # noqa: F401 (for the cells)
import signal
import sys
from pathlib import Path

import zmq
from jupyter_client.session import Session

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter interrupts a kernel before it ends it
connection = json.loads(Path(sys.argv[1]).read_text())
session = Session(key=connection["key"].encode(), signature_scheme=connection["signature_scheme"])
context = zmq.Context()


def bound(kind, name):
    socket = context.socket(kind)
    socket.set_hwm(0)  # or zmq drops what nobody reads at once
    socket.bind(f"tcp://{connection['ip']}:{connection[name]}")
    return socket


shell, control = bound(zmq.ROUTER, "shell_port"), bound(zmq.ROUTER, "control_port")
iopub = bound(zmq.PUB, "iopub_port")
others = bound(zmq.ROUTER, "stdin_port"), bound(zmq.REP, "hb_port")
state = {"status": "ok", "busy": False}


def publish(kind, content):
    session.send(iopub, kind, content, parent=state["request"])


def say(text, name="stdout"):
    publish("stream", {"name": name, "text": text})


def show(text):
    kind = "update_display_data" if "shown" in state else "display_data"
    state["shown"] = True
    publish(kind, {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "bar"}})


def fail():
    state["status"] = "error"


def stay_busy():
    state["busy"] = True


poller = zmq.Poller()
for socket in (shell, control):
    poller.register(socket, zmq.POLLIN)
while True:
    for socket, _ in poller.poll():
        identities, request = session.recv(socket, mode=0)
        state.update(request=request, status="ok")
        publish("status", {"execution_state": "busy"})
        if request["msg_type"] == "execute_request":
            exec(request["content"]["code"])
        content = {"status": state["status"], "protocol_version": "5.3", "language_info": {"name": "python"}}
        if state["status"] == "error":
            content |= {"ename": "", "evalue": "", "traceback": []}
        reply = request["msg_type"].replace("_request", "_reply")
        session.send(socket, reply, content, parent=request, ident=identities)
        if request["msg_type"] == "shutdown_request":
            sys.exit()
        if not state["busy"]:
            publish("status", {"execution_state": "idle"})
