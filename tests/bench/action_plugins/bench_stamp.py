"""Appends the object's name and the time to a file, so that the benchmark knows when a play's first task ran; nothing else."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """No options; the file is $BENCH_STAMPS, without it nothing is written."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        now = time.time()
        if path := os.environ.get("BENCH_STAMPS"):
            with open(path, "a", encoding="utf-8") as stamps:
                stamps.write(f"{task_vars['ansible_operator_meta']['name']} {now}\n")
        return {"changed": False}
