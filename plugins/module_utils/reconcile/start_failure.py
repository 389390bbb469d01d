"""The crash-loop back-off of a VirtualMachine.

In: what its status remembers, and its instance. Out: what to remember, and how long to wait. Only an instance that failed without ever running counts. The
wait is 10 s x count squared, at most 300 s.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import instance_status

BASE_SECONDS = 10
MAX_SECONDS = 300


def observe_failure(
    remembered: Mapping[str, Any] | None, vmi: Mapping[str, Any] | None, *, now: str
) -> dict[str, Any] | None:
    """What status.startFailure should be, with this instance seen; None where nothing failed, or the instance has run since."""
    if vmi is None:
        return dict(remembered) if remembered else None
    status = vmi.get("status") or {}
    if instance_status.was_running(status):
        return None
    uid = metadata.meta(vmi)["uid"]
    if status.get("phase") != names.FAILED or (remembered or {}).get("lastFailedVMIUID") == uid:
        return dict(remembered) if remembered else None
    count = int((remembered or {}).get("consecutiveFailCount", 0)) + 1
    delay = min(BASE_SECONDS * count**2, MAX_SECONDS)
    retry_at = metadata.parse_time(now) + datetime.timedelta(seconds=delay)
    return {
        "consecutiveFailCount": count,
        "lastFailedVMIUID": uid,
        "retryAfterTimestamp": metadata.format_time(retry_at),
    }


def seconds_to_wait(remembered: Mapping[str, Any] | None, *, now: str) -> float:
    """Seconds until the next start may be tried; 0 where it may be tried now."""
    if not remembered or not remembered.get("retryAfterTimestamp"):
        return 0.0
    return max(0.0, metadata.seconds_between(now, remembered["retryAfterTimestamp"]))
