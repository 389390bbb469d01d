"""The domain's memory.

In: a VMI's spec. Out: the memory element.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def memory_bytes(spec: Mapping[str, Any]) -> int:
    """The guest's memory, rounded up to whole KiB, which is libvirt's grain."""
    return math.ceil(guest_resources.guest_memory_bytes(spec) / 1024) * 1024


def convert_memory(spec: Mapping[str, Any]) -> document.Element:
    """How much memory."""
    return document.element("memory", str(memory_bytes(spec)), unit="b")
