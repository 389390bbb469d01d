"""Records in $RECORD_FILE when a turn of an object began, that it goes on, and when it ended; writes what it has seen into the status, through the gateway.

One JSON object a line: {"event": "begin" | "alive" | "end", "key", "generation", "deleting", "by": $POD_NAME, "pid", "at": CLOCK_BOOTTIME}. An object that is
being deleted loses its finalizers instead. Every line is one write(2) to a file opened for appending, so the lines of many workers do not mix.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway

ALIVE_SECONDS = 0.1


class ActionModule(ActionBase):
    """Argument: seconds, how long the turn takes."""

    _requires_connection = False
    _supports_check_mode = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        widget = task_vars["_example_com_widget"]
        meta = widget["metadata"]
        deleting = "deletionTimestamp" in meta
        about = {"key": meta["name"], "generation": meta["generation"], "deleting": deleting}
        self._record("begin", about)
        try:
            path, widget = self._read(meta["namespace"], meta["name"])
            until = time.monotonic() + float(self._task.args["seconds"])
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(ALIVE_SECONDS, left))
                self._record("alive", about)
            if widget is not None:
                self._write(path, widget)
        finally:
            self._record("end", about)
        return {"changed": True}

    def _read(self, namespace: str, name: str) -> tuple[str, dict[str, Any] | None]:
        path = f"/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"
        status, widget = gateway.request("GET", path, headers={"X-Playvirt-Read": "cache"})
        if status not in (200, 404):
            raise AnsibleActionFail(f"GET {path}: {status} {widget.get('message')}")
        return path, widget if status == 200 else None

    def _write(self, path: str, widget: dict[str, Any]) -> None:
        if "deletionTimestamp" in widget["metadata"]:
            widget["metadata"]["finalizers"] = []
        else:
            widget["status"] = {"seen": widget["metadata"]["generation"], "by": os.environ["POD_NAME"]}
            path += "/status"
        status, answer = gateway.request("PUT", path, widget)
        if status != 200:
            raise AnsibleActionFail(f"PUT {path}: {status} {answer.get('message')}")

    def _record(self, event: str, about: dict[str, Any]) -> None:
        line = {
            "event": event,
            **about,
            "by": os.environ["POD_NAME"],
            "pid": os.getpid(),
            "at": time.clock_gettime(time.CLOCK_BOOTTIME),
        }
        descriptor = os.open(os.environ["RECORD_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
