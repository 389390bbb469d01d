"""Which results of tasks are in the log, and how loud: ansible-operator's `--ansible-log-events`.

In: the result of a task, which says nothing that the task hides. Out: a line of the log, or none. Called by `role_run.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..telemetry import log

LOG = logging.getLogger("runner.reconciler")
_FAILED = frozenset({"failed", "unreachable"})
#: tasks that are there to be read
_MESSAGES = frozenset({"debug", "ansible.builtin.debug", "ansible.legacy.debug"})


class TaskLog:
    """`events` is one of tasks (what changed, what failed, messages of `debug`; the rest for --log-level=debug), everything, nothing."""

    def __init__(self, events: str) -> None:
        self._events = events

    def level(self, task: Mapping[str, Any]) -> int | None:
        """How loud the result is; None where it is not logged."""
        if self._events == "nothing":
            return None
        if task["status"] in _FAILED:
            return logging.WARNING
        said = task["action"] in _MESSAGES and task["status"] == "ok"
        return logging.INFO if self._events == "everything" or task["status"] == "changed" or said else logging.DEBUG

    def tell(self, about: Mapping[str, Any], task: Mapping[str, Any]) -> None:
        """Log the result of a task of the run that `about` names."""
        level = self.level(task)
        if level is not None:
            LOG.log(level, "task", extra=log.fields(**about, **task))
