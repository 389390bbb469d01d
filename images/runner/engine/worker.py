"""A worker: the forked child of the zygote that executes plays, one after the other, on its main thread.

Comes in, on a stream socket, one JSON object per line: {"run": {"role" or "playbook", "extra_vars", "variables", "verbosity", "environment", "inline"}}.
Goes out, same form: {"start": TASK} and {"task": {...}} (see `recorder.py`) while the play runs, {"log": LINE} with a verbosity, then {"result": {...}} (see
`play.PlayRunner.run`) with "rss_kib", the resident size afterwards, and "left", why the process is not to be used again, if so. First of all, when it is warm,
it says {"ready": PID}. The process ends when the other side closes the socket.

A cold worker takes {"exec": {"arguments", "environment"}} instead and becomes a fresh Python interpreter, with the number of the connection in
PLAYVIRT_RUNNER_CONNECTION. Called by `zygote.py`; imports ansible.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sys
import traceback
from typing import Any, NoReturn

from . import inline_tasks, kernel, play, surroundings, warm_modules

PAGE_KIB = resource.getpagesize() // 1024


def resident_kib() -> int:
    """The resident size of this process."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * PAGE_KIB


class Worker:
    """Reads jobs from the connection and answers them; what a play does to the process's surroundings is undone after it."""

    def __init__(self, connection: socket.socket, runner: play.PlayRunner) -> None:
        self._connection = connection
        self._runner = runner

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.sendall(json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n")

    def serve(self) -> None:
        """Answer jobs until the connection is closed."""
        self._runner.warm_up()
        self._send({"ready": os.getpid()})
        gc.collect()
        with self._connection.makefile("rb") as lines:
            for line in lines:
                self._answer(json.loads(line)["run"])
                gc.collect()  # now, while nobody waits

    def _answer(self, job: dict[str, Any]) -> None:
        before = surroundings.Surroundings()
        gc.disable()
        inline_tasks.use(bool(job["inline"]))
        warm_modules.use(bool(job["inline"]))
        os.environ.update(job["environment"])
        try:
            result = self._runner.run(job, sink=self._send)
        finally:
            gc.enable()
        self._send({"result": {**result, "left": before.restore(), "rss_kib": resident_kib()}})


def main(connection: socket.socket, runner: play.PlayRunner) -> NoReturn:
    """Serve the connection and end the process; never returns into the zygote's code."""
    code = 1
    try:
        kernel.forks_die_with_this()
        Worker(connection, runner).serve()
        code = 0
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def become(connection: socket.socket) -> NoReturn:
    """Be replaced by the process that the connection asks for; ends where it asks for none."""
    connection.sendall(json.dumps({"ready": os.getpid()}).encode() + b"\n")
    line = b""
    while not line.endswith(b"\n") and (part := connection.recv(1 << 20)):
        line += part
    if line:
        asked = json.loads(line)["exec"]
        connection.set_inheritable(True)
        environment = {**os.environ, **asked["environment"], "PLAYVIRT_RUNNER_CONNECTION": str(connection.fileno())}
        os.execve(sys.executable, [sys.executable, *asked["arguments"]], environment)
    os._exit(0)
