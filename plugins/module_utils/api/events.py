"""Events: what Kubernetes shows below an object.

In: where the Event goes, what it is about, its words, the time. Out: its manifest, as it is when it happens for the first time. Pure.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata

#: characters; the API server refuses a longer one
MAX_MESSAGE = 1024


def unique_name(name: str, now: datetime.datetime) -> str:
    """A name that no other moment has."""
    return f"{name}.{int(now.timestamp() * 1e6):x}"


def render(
    meta: Mapping[str, Any],
    involved: Mapping[str, Any],
    *,
    severity: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> dict[str, Any]:
    """The Event; `meta` has its name and namespace, `severity` is Normal or Warning, a message that is too long is cut."""
    stamp = metadata.format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": dict(meta),
        "involvedObject": dict(involved),
        "type": severity,
        "reason": reason,
        "message": message[:MAX_MESSAGE],
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
