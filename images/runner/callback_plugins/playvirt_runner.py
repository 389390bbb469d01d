"""The recorder as ansible-playbook's own callback plugin: for the engine `subprocess`, where a run is a process of ansible's command line.

In: what ansible-core tells callbacks; the number of the descriptor of the engine's connection in the environment. Out: the messages of `recorder.py`, then
{"result": ...} without a code, which is the process's exit status. Loaded by ansible-playbook because `command.py` says so.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from ansible.utils.display import Display
from ansible_collections.playvirt.core.images.runner.engine import recorder

DOCUMENTATION = """
name: playvirt_runner
type: stdout
short_description: Tells playvirt's runner what happens
description:
  - Sends starts and results of tasks to the runner that started this process.
options: {}
"""


class CallbackModule(recorder.Recorder):
    """The recorder with the engine's connection as its sink; with a verbosity what ansible-core displays goes there too."""

    CALLBACK_NAME = "playvirt_runner"

    def __init__(self) -> None:
        self._connection = socket.socket(fileno=int(os.environ.pop("PLAYVIRT_RUNNER_CONNECTION")))
        self._connection.set_inheritable(False)
        verbosity = int(Display().verbosity)
        super().__init__(self._send, verbosity=verbosity)
        if verbosity:
            sys.stdout = recorder.LineSink(self._send, self)

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.sendall(json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        super().v2_playbook_on_stats(stats)
        self._send({"result": {"failures": self.failures, "stats": self.stats, "periods": self.periods}})
