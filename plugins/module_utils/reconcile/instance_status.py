"""Changing a VMI's status without touching what others wrote in it.

In: a status and what should be said. Out: a new status. Used by both planners that write to a VMI: virt-controller's and virt-handler's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, metadata, names

Status = dict[str, Any]

#: the Event with which an instance ends, by its phase; told by whoever finds the end first: virt-handler by the domain, virt-controller by the pod
END_EVENTS: Mapping[str, Mapping[str, str]] = {
    names.SUCCEEDED: {"type": "Normal", "message": "The VirtualMachineInstance was shut down."},
    names.FAILED: {"type": "Warning", "message": "The VirtualMachineInstance crashed."},
}


def in_phase(status: Mapping[str, Any], phase: str, *, now: str, reason: str | None = None) -> Status:
    """The status in that phase; the first time it enters a phase is kept in phaseTransitionTimestamps."""
    result = dict(status)
    if result.get("phase") != phase:
        result["phase"] = phase
        stamps = [dict(stamp) for stamp in status.get("phaseTransitionTimestamps") or []]
        if all(stamp["phase"] != phase for stamp in stamps):
            stamps.append({"phase": phase, "phaseTransitionTimestamp": now})
        result["phaseTransitionTimestamps"] = stamps
    if reason is not None:
        result["reason"] = reason
    return result


def seconds_in_phase(status: Mapping[str, Any], *, now: str) -> float:
    """How long the status is in its present phase; infinite where it does not say."""
    for stamp in status.get("phaseTransitionTimestamps") or []:
        if stamp.get("phase") == status.get("phase"):
            return metadata.seconds_between(stamp["phaseTransitionTimestamp"], now)
    return float("inf")


def was_running(status: Mapping[str, Any]) -> bool:
    """Whether the instance has ever been Running."""
    return any(stamp.get("phase") == names.RUNNING for stamp in status.get("phaseTransitionTimestamps") or [])


def synchronized(status: Mapping[str, Any], reason: str, message: str, *, now: str) -> Status:
    """The status with condition Synchronized=False."""
    condition = {"type": names.SYNCHRONIZED, "status": "False", "reason": reason, "message": message}
    return {**status, "conditions": conditions.put(status.get("conditions"), condition, now=now)}


def ready(status: Mapping[str, Any], *, pod_reason: str, message: str, now: str) -> Status:
    """The status with condition Ready=False for that reason."""
    condition = {"type": names.READY, "status": "False", "reason": pod_reason, "message": message}
    return {**status, "conditions": conditions.put(status.get("conditions"), condition, now=now)}


def ready_like_pod(status: Mapping[str, Any], pod: Mapping[str, Any], *, now: str) -> Status:
    """The status with the pod's condition Ready as its own."""
    if metadata.is_deleting(pod):
        return ready(status, pod_reason="PodTerminating", message="virt-launcher pod is terminating", now=now)
    found = conditions.get((pod.get("status") or {}).get("conditions"), names.READY)
    if found is None:
        message = "virt-launcher pod has no Ready condition yet"
        return ready(status, pod_reason="PodConditionMissing", message=message, now=now)
    kept = {key: found[key] for key in ("status", "reason", "message") if found.get(key)}
    return {**status, "conditions": conditions.put(status.get("conditions"), {"type": names.READY, **kept}, now=now)}


def changed(vmi: Mapping[str, Any], status: Mapping[str, Any]) -> Status | None:
    """The status where it differs from the VMI's, else None: there is nothing to write."""
    return None if dict(status) == (vmi.get("status") or {}) else dict(status)
