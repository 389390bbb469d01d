"""The status that the runner keeps where a watch says `manageStatus`: ansible-operator's conditions Running, Successful and Failure.

In: the status as it is, what happened, the time. Out: the status as it should be; other conditions and fields stay as they are. A condition whose
status (True, False) stays keeps its lastTransitionTime. Pure. Called by `operator_turn.py` and, for what is not ours, by `triggers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..engine import engine

Status = dict[str, Any]
RUNNING, SUCCESSFUL, FAILURE = "Running", "Successful", "Failure"
MANAGED = frozenset({RUNNING, SUCCESSFUL, FAILURE})
RUNNING_MESSAGE = "Running reconciliation"
AWAITING_MESSAGE = "Awaiting next reconciliation"
SUCCEEDED_MESSAGE = "Last reconciliation succeeded"
FAILED_REASON = "Failed"
# What metav1.Condition allows.
MESSAGE_LIMIT = 32768


@dataclass(frozen=True)
class Moment:
    """Now, as conditions write it (RFC 3339) and as ansible's results do (without a zone, UTC)."""

    transition: str
    completion: str


def started(status: Mapping[str, Any], now: Moment) -> Status:
    """A run begins."""
    conditions = _Conditions(status, now)
    conditions.turn_false(SUCCESSFUL)
    conditions.put(RUNNING, "True", reason="Running", message=RUNNING_MESSAGE)
    return conditions.status()


def succeeded(status: Mapping[str, Any], stats: Mapping[str, int], generation: int | None, now: Moment) -> Status:
    """A run succeeded that was about the object's `generation`."""
    conditions = _Conditions(status, now)
    conditions.put(RUNNING, "True", reason="Successful", message=AWAITING_MESSAGE, result=_result(stats, now))
    conditions.put(SUCCESSFUL, "True", reason="Successful", message=SUCCEEDED_MESSAGE)
    conditions.put(FAILURE, "False", reason="", message="")
    return conditions.status(generation)


def failed(status: Mapping[str, Any], run: engine.RunResult, generation: int | None, now: Moment) -> Status:
    """A run failed that was about the object's `generation`."""
    conditions = _Conditions(status, now)
    conditions.turn_false(RUNNING)
    result = _result(run.stats, now)
    conditions.put(FAILURE, "True", reason=FAILED_REASON, message=failure_message(run), result=result)
    conditions.put(SUCCESSFUL, "False", reason="", message="")
    return conditions.status(generation)


def refused(status: Mapping[str, Any], message: str, now: Moment) -> Status:
    """No run was started, because of the object itself."""
    conditions = _Conditions(status, now)
    conditions.turn_false(RUNNING)
    conditions.turn_false(SUCCESSFUL)
    conditions.put(FAILURE, "True", reason=FAILED_REASON, message=message)
    return conditions.status()


def failure_message(run: engine.RunResult) -> str:
    """One line for each task that failed the run: its name and what it said."""
    lines = [f"{failure.task}: {failure.message}" for failure in run.failures] or [f"{run.task}: {run.message}"]
    return "\n".join(lines)[:MESSAGE_LIMIT]


def unmanaged(status: Any) -> dict[str, Any]:
    """The status without what the runner itself writes, to see whether somebody else changed it."""
    found = dict(status) if isinstance(status, Mapping) else {}
    found.pop("observedGeneration", None)
    found["conditions"] = [
        condition
        for condition in found.get("conditions") or []
        if not (isinstance(condition, Mapping) and condition.get("type") in MANAGED)
    ]
    return found


class _Conditions:
    """The conditions of a status while they are changed; their order stays."""

    def __init__(self, status: Mapping[str, Any], now: Moment) -> None:
        self._status = dict(status)
        self._now = now.transition
        listed = status.get("conditions")
        self._list: list[Any] = list(listed) if isinstance(listed, list) else []

    def _index(self, name: str) -> int | None:
        for index, condition in enumerate(self._list):
            if isinstance(condition, Mapping) and condition.get("type") == name:
                return index
        return None

    def put(
        self, name: str, status: str, *, reason: str, message: str, result: Mapping[str, Any] | None = None
    ) -> None:
        condition: dict[str, Any] = {
            "type": name,
            "status": status,
            "lastTransitionTime": self._now,
            "reason": reason,
            "message": message,
        }
        if result is not None:
            condition["ansibleResult"] = dict(result)
        index = self._index(name)
        if index is None:
            self._list.append(condition)
            return
        before = self._list[index]
        if before.get("status") == status and before.get("lastTransitionTime"):
            condition["lastTransitionTime"] = before["lastTransitionTime"]
        self._list[index] = condition

    def turn_false(self, name: str) -> None:
        """The condition, where it is there, becomes False and keeps all else."""
        index = self._index(name)
        if index is not None and self._list[index].get("status") != "False":
            self._list[index] = {**self._list[index], "status": "False", "lastTransitionTime": self._now}

    def status(self, generation: int | None = None) -> Status:
        seen = {} if generation is None else {"observedGeneration": generation}
        return {**self._status, **seen, "conditions": self._list}


def _result(stats: Mapping[str, int], now: Moment) -> dict[str, Any]:
    counted = {name: int(stats.get(name, 0)) for name in ("ok", "changed", "skipped", "failures")}
    return {**counted, "completion": now.completion}
