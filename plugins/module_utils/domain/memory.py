"""The domain's memory, and what it is taken from.

In: a VMI's spec. Out: the memory and memoryBacking elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources, quantity
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def memory_bytes(spec: Mapping[str, Any]) -> int:
    """The guest's memory, rounded up to whole KiB, which is libvirt's grain."""
    return math.ceil(guest_resources.guest_memory_bytes(spec) / 1024) * 1024


def convert_memory(spec: Mapping[str, Any]) -> document.Element:
    """How much memory."""
    return document.element("memory", str(memory_bytes(spec)), unit="b")


def page_size(spec: Mapping[str, Any]) -> int | None:
    """The size of the huge pages that back the memory, in bytes; None without them."""
    pages = (spec["domain"].get("memory") or {}).get("hugepages")
    return quantity.parse_bytes(pages["pageSize"], field="spec.domain.memory.hugepages.pageSize") if pages else None


def convert_memory_backing(spec: Mapping[str, Any]) -> document.Element | None:
    """Huge pages of the size asked for."""
    size = page_size(spec)
    if size is None:
        return None
    page = document.element("page", size=size // 1024, unit="KiB")
    return document.element("memoryBacking", document.element("hugepages", page))
