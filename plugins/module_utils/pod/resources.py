"""What the launcher pod asks of its node.

In: a VMI's spec. Out: the resources of the pod's containers. The overhead is what the launcher needs beside the guest's memory; it was measured (see
docs/architecture.md) and stands here alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources, names, quantity
from ansible_collections.playvirt.core.plugins.module_utils.pod import machine

MIB = 1024 * 1024
#: libvirtd 30 MiB, the launcher 30 MiB, QEMU itself 60 MiB, and its cache of translated code 64 MiB
FIXED_OVERHEAD_MIB = 184
VIDEO_OVERHEAD_MIB = 32
PER_CPU_OVERHEAD_MIB = 8
#: swtpm beside QEMU
TPM_OVERHEAD_MIB = 16
#: a virtual CPU asks for this share of a real one where nothing is requested
CPU_ALLOCATION_RATIO = 10


def _has_tpm(spec: Mapping[str, Any]) -> bool:
    tpm = (spec["domain"].get("devices") or {}).get("tpm")
    return tpm is not None and tpm.get("enabled") is not False


def overhead_bytes(spec: Mapping[str, Any]) -> int:
    """The memory that the launcher needs beside the guest's."""
    graphics = spec["domain"].get("devices", {}).get("autoattachGraphicsDevice", True)
    page_tables = guest_resources.guest_memory_bytes(spec) // 512
    mib = (
        FIXED_OVERHEAD_MIB
        + PER_CPU_OVERHEAD_MIB * guest_resources.virtual_cpus(spec)
        + (VIDEO_OVERHEAD_MIB if graphics else 0)
        + (TPM_OVERHEAD_MIB if _has_tpm(spec) else 0)
    )
    return mib * MIB + page_tables


def _mib(size: int) -> str:
    return f"{math.ceil(size / MIB)}Mi"


def _take_off(amounts: dict[str, Any], size: int, *, least: int) -> None:
    """Make the memory in `amounts`, where there is any, smaller by so much."""
    if "memory" in amounts:
        amounts["memory"] = _mib(max(least, quantity.parse_bytes(amounts["memory"]) - size))


def compute(spec: Mapping[str, Any], *, emulation: bool) -> dict[str, Any]:
    """Requests and limits of the compute container.

    What the VMI asks for carries over; memory gets the overhead added, a limit only where the VMI has one. Where huge pages back the guest's memory,
    they are asked for, and of memory only what is left.
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
    if huge := machine.huge_memory(spec):
        _take_off(requests, guest_resources.guest_memory_bytes(spec), least=overhead)
        _take_off(limits, guest_resources.guest_memory_bytes(spec), least=overhead)
        requests |= huge
        limits |= huge
    limits[names.TUN_DEVICE] = "1"
    if not emulation:
        limits[names.KVM_DEVICE] = "1"
    return {"requests": requests, "limits": limits}


def console_log() -> dict[str, Any]:
    """Requests and limits of the container that prints the serial console."""
    return {"requests": {"cpu": "5m", "memory": "4Mi"}, "limits": {"memory": "60Mi"}}
