"""The domain's memory balloon.

In: a VMI's spec. Out: the memballoon element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, memory, virtio

#: how often the guest tells of its memory
_STATS_PERIOD_SECONDS = 10


def convert_balloon(spec: Mapping[str, Any]) -> document.Element:
    """The balloon, or that there is none. Pages that the guest frees go back to the node, but for huge ones, which are set aside for it."""
    if not (spec["domain"].get("devices") or {}).get("autoattachMemBalloon", True):
        return document.element("memballoon", model="none")
    stats = document.element("stats", period=_STATS_PERIOD_SECONDS)
    reporting = "on" if memory.page_size(spec) is None else None
    return document.element("memballoon", stats, model=virtio.model(spec), freePageReporting=reporting)
