"""What a pod's status says about the instance inside it.

In: a Pod as on the wire. Out: small facts: is it finished, how did it end, can it not be scheduled, can an image not be pulled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, names

_PULL_PROBLEMS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")


@dataclass(frozen=True)
class Problem:
    """Why a pod does not come up: one word for programs, a sentence for people."""

    reason: str
    message: str


def _ended(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the launcher's container ended; empty while it has not."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    compute: Mapping[str, Any] = next((status for status in statuses if status.get("name") == "compute"), {})
    return (compute.get("state") or {}).get("terminated") or {}


def is_finished(pod: Mapping[str, Any]) -> bool:
    """Whether the pod, or its launcher, has ended for good: a launcher is never started again, whatever else still runs beside it."""
    return bool(_ended(pod)) or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def outcome(pod: Mapping[str, Any]) -> tuple[str, str]:
    """The final phase of the instance, and a sentence that says how its launcher ended.

    The launcher ends with 0 when the guest was shut down; where nothing is known of it (an evicted pod) the pod's own phase is the answer.
    """
    ended = _ended(pod)
    succeeded = ended.get("exitCode") == 0 if ended else (pod.get("status") or {}).get("phase") == "Succeeded"
    told = ended.get("message") or (pod.get("status") or {}).get("message") or ended.get("reason") or "no message"
    phase = names.SUCCEEDED if succeeded else names.FAILED
    return phase, f"the launcher ended with code {ended.get('exitCode', 'unknown')}: {str(told).strip()[-300:]}"


def scheduling_problem(pod: Mapping[str, Any]) -> Problem | None:
    """Why no node takes the pod, in the scheduler's words."""
    condition = conditions.get((pod.get("status") or {}).get("conditions"), names.POD_SCHEDULED)
    if condition is None or condition.get("status") != "False":
        return None
    return Problem(reason=str(condition.get("reason", "Unschedulable")), message=str(condition.get("message", "")))


def image_problem(pod: Mapping[str, Any]) -> Problem | None:
    """Why an image of the pod (the launcher's or a container disk's) cannot be pulled."""
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _PULL_PROBLEMS:
            return Problem(reason=waiting["reason"], message=str(waiting.get("message") or waiting["reason"]))
    return None
