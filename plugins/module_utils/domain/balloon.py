"""The domain's memory balloon.

In: a VMI's spec. Out: the memballoon element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document

#: how often the guest tells of its memory
_STATS_PERIOD_SECONDS = 10


def convert_balloon(spec: Mapping[str, Any]) -> document.Element:
    """The balloon, or that there is none."""
    if not (spec["domain"].get("devices") or {}).get("autoattachMemBalloon", True):
        return document.element("memballoon", model="none")
    stats = document.element("stats", period=_STATS_PERIOD_SECONDS)
    return document.element("memballoon", stats, model="virtio-non-transitional")
