"""What the launcher pod asks of its node.

In: a VMI's spec. Out: the resources of the pod's containers. The overhead is what the launcher needs beside the guest's memory; it was measured (see
docs/architecture.md) and stands here alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources, names, quantity

MIB = 1024 * 1024
#: libvirtd 30 MiB, the launcher 30 MiB, QEMU itself 60 MiB, and its cache of translated code 64 MiB
FIXED_OVERHEAD_MIB = 184
VIDEO_OVERHEAD_MIB = 32
PER_CPU_OVERHEAD_MIB = 8
#: a passt process is 15 MiB large with a few connections
PASST_OVERHEAD_MIB = 24
#: a virtual CPU asks for this share of a real one where nothing is requested
CPU_ALLOCATION_RATIO = 10


def overhead_bytes(spec: Mapping[str, Any]) -> int:
    """The memory that the launcher needs beside the guest's."""
    devices = spec["domain"].get("devices") or {}
    graphics = devices.get("autoattachGraphicsDevice", True)
    page_tables = guest_resources.guest_memory_bytes(spec) // 512
    mib = (
        FIXED_OVERHEAD_MIB
        + PER_CPU_OVERHEAD_MIB * guest_resources.virtual_cpus(spec)
        + (VIDEO_OVERHEAD_MIB if graphics else 0)
        + PASST_OVERHEAD_MIB * sum("passtBinding" in interface for interface in devices.get("interfaces") or [])
    )
    return mib * MIB + page_tables


def _mib(size: int) -> str:
    return f"{math.ceil(size / MIB)}Mi"


def compute(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Requests and limits of the compute container.

    What the VMI asks for carries over; memory gets the overhead added, a limit only where the VMI has one.
    """
    asked = spec["domain"].get("resources") or {}
    requests, limits = dict(asked.get("requests") or {}), dict(asked.get("limits") or {})
    overhead = overhead_bytes(spec)
    requested = requests.get("memory")
    memory = quantity.parse_bytes(requested) if requested is not None else guest_resources.guest_memory_bytes(spec)
    requests["memory"] = _mib(memory + overhead)
    requests.setdefault("cpu", f"{guest_resources.virtual_cpus(spec) * 1000 // CPU_ALLOCATION_RATIO}m")
    if "memory" in limits:
        limits["memory"] = _mib(quantity.parse_bytes(limits["memory"]) + overhead)
    limits[names.TUN_DEVICE] = "1"
    return {"requests": requests, "limits": limits}


def console_log() -> dict[str, Any]:
    """Requests and limits of the container that prints the serial console."""
    return {"requests": {"cpu": "5m", "memory": "4Mi"}, "limits": {"memory": "60Mi"}}
