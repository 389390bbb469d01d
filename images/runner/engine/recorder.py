"""The recorder: what ansible-core tells its callbacks, as the messages that the engine understands.

Comes in: callbacks of one run, which may be several plays. Goes out: {"start": TASK} and {"task": {...}} as they happen, and at the end
`outcome()`. Called by `play.py` (a role or playbook inside a worker) and by `callback_plugins/playvirt_runner.py` (a process per run), so that
every engine reports alike. Imports ansible.

Results come here after ansible-core has censored what a task says is `no_log`; nothing else about a task is looked at.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.plugins.callback import CallbackBase

MessageSink = Callable[[dict[str, Any]], None]
MESSAGE_LIMIT = 4096
RESULT_LIMIT = 16384
FAILURES_LIMIT = 50
STATS = ("ok", "changed", "failures", "skipped", "dark", "rescued", "ignored")
HIDDEN = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
REQUEUE_AFTER = "requeue_after"


class Recorder(CallbackBase):  # type: ignore[misc]
    """Sends {"start": NAME} and {"task": {task, action, status, msg, duration in seconds}}; a rescued failure has `rescued`.

    With a verbosity above 0 a task also has `result`, its result as JSON, cut after RESULT_LIMIT characters.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "playvirt_runner"

    def __init__(self, sink: MessageSink, *, verbosity: int = 0) -> None:
        super().__init__()
        self._sink = sink
        self._verbosity = verbosity
        self._started = time.monotonic()
        self._play: Any = None
        self._last_rescued: object = None
        self.current = ""
        self.hidden = False  # whether the task in work says no_log
        self._errors = -1
        self.failures: list[dict[str, str]] = []
        self.stats: dict[str, int] = dict.fromkeys(STATS, 0)
        self.periods: list[str] = []

    def outcome(self, code: int, *, what: str) -> dict[str, Any]:
        """The end of the run: {"code", "failures": [{"task", "msg"}], "stats", "periods"}; `what` names it where no task failed."""
        self._hide(False)
        failures = self.failures if code else []
        if code and not failures:
            failures = [{"task": self.current or what, "msg": f"ansible-core ended the play with code {code}"}]
        return {"code": code, "failures": failures, "stats": self.stats, "periods": self.periods}

    def fail(self, task: str, message: str) -> None:
        """Note a failure that is not a task's result."""
        self.failures.append({"task": task, "msg": HIDDEN if self.hidden else message[:MESSAGE_LIMIT]})

    def count(self, stats: Any) -> None:
        """Add up ansible-core's own numbers over the hosts."""
        self.stats = {name: sum(getattr(stats, name).values()) for name in STATS}

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self.count(stats)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._hide(bool(task.no_log))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._hide(bool(task.no_log))

    def _hide(self, hidden: bool) -> None:
        """While a task hides itself, nothing that is written to standard error gets out of this process."""
        if hidden != self.hidden:
            sys.stderr.flush()
            if hidden:
                self._errors = os.dup(2)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)
            else:
                os.dup2(self._errors, 2)
                os.close(self._errors)
            self.hidden = hidden

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._started = time.monotonic()
        self.current = str(task.name or task.action)
        self._sink({"start": self.current})

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, "changed" if result.is_changed() else "ok")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record(result, "skipped")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, "unreachable")

    def _record(self, result: Any, status: str) -> None:
        self.current = ""
        task = result.task
        content = result.result
        told: dict[str, Any] = {
            "task": str(task.name or task.action),
            "action": str(task.action),
            "status": status,
            "msg": failure_message(content, failed=status in ("failed", "ignored", "unreachable")),
            "duration": round(time.monotonic() - self._started, 6),
        }
        if status in ("failed", "unreachable"):
            if self._is_rescued(result.host.name):
                told["rescued"] = True
            elif len(self.failures) < FAILURES_LIMIT:
                self.failures.append({"task": told["task"], "msg": told["msg"]})
        elif status in ("ok", "changed"):
            self._note_period(task, content)
        if self._verbosity > 0:
            told["result"] = json.dumps(content, default=str)[:RESULT_LIMIT]
        self._sink({"task": told})

    def _is_rescued(self, host: str) -> bool:
        """Whether a rescue takes over: before it calls back, ansible-core sets the rescue's variables anew."""
        cache = getattr(self._play.get_variable_manager() if self._play else None, "_nonpersistent_fact_cache", {})
        failed = cache.get(host, {}).get("ansible_failed_task")
        rescued = failed is not None and failed is not self._last_rescued
        self._last_rescued = failed
        return rescued

    def _note_period(self, task: Any, content: Mapping[str, Any]) -> None:
        if str(task.resolved_action or task.action).rpartition(".")[2] != REQUEUE_AFTER:
            return
        for item in content.get("results") or [content]:
            if isinstance(item, Mapping) and "period" in item and not item.get("skipped"):
                self.periods.append(str(item["period"])[:100])


def failure_message(result: Mapping[str, Any], *, failed: bool) -> str:
    """What a result says for people, at most MESSAGE_LIMIT characters; of a loop that failed what its failed items say."""
    message = result.get("censored") or result.get("msg") or result.get("skip_reason") or ""
    items = result.get("results")
    if isinstance(items, list) and (failed or not message):
        # ansible-core 2.21 leaves `failed` out of what callbacks see, but every failed item has an exception.
        broken = [i for i in items if isinstance(i, Mapping) and (i.get("failed") or i.get("exception"))]
        message = "; ".join(failure_message(item, failed=True) for item in broken[:FAILURES_LIMIT]) or message
    return (message if isinstance(message, str) else str(message))[:MESSAGE_LIMIT]


class LineSink(io.TextIOBase):
    """A standard output whose lines go out as {"log": LINE}, cut after MESSAGE_LIMIT characters; nothing while a task hides itself."""

    def __init__(self, sink: MessageSink, recorder: Recorder) -> None:
        self._sink = sink
        self._recorder = recorder

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self._recorder.hidden:
            for line in filter(None, text.splitlines()):
                self._sink({"log": line[:MESSAGE_LIMIT]})
        return len(text)
