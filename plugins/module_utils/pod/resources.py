"""What the launcher pod asks of its node.

In: a VMI's spec, and the installation's `Sizing`. Out: the resources of the pod's containers. The overhead is what the launcher needs beside the guest's
memory; its parts were measured (see docs/resources.md) and stand here alone, `Sizing` is what an installation can change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, guest_resources, names, quantity
from ansible_collections.playvirt.core.plugins.module_utils.pod import machine

MIB = 1024 * 1024
#: libvirtd 30 MiB, the launcher 30 MiB, QEMU itself 60 MiB, and its cache of translated code 64 MiB
FIXED_OVERHEAD_MIB = 184
VIDEO_OVERHEAD_MIB = 32
PER_CPU_OVERHEAD_MIB = 8
#: a passt process is 15 MiB large with a few connections
PASST_OVERHEAD_MIB = 24
#: swtpm beside QEMU
TPM_OVERHEAD_MIB = 16
#: a probe that asks the guest agent is a process beside the launcher while it runs
AGENT_PROBE_OVERHEAD_MIB = 40

_CONFIGURATION = "spec.configuration"
_CONSOLE_LOG = {"cpu": "5m", "memory": "4Mi"}
_CONSOLE_LOG_LIMIT = "60Mi"
#: where the whole pod is guaranteed, every container has to be
_CONSOLE_LOG_GUARANTEED = {"cpu": "15m", "memory": "60Mi"}


@dataclass(frozen=True)
class Sizing:
    """How an installation reckons: fields of KubeVirt's configuration.

    `overhead_ratio` is additionalGuestMemoryOverheadRatio, a factor for the overhead; `cpu_allocation_ratio` is developerConfiguration.cpuAllocationRatio,
    virtual CPUs for each CPU that is requested; `memory_overcommit` is developerConfiguration.memoryOvercommit, the guest's memory in percent of what is
    requested for it. The last two count where the VMI itself requests nothing.
    """

    overhead_ratio: Decimal = Decimal(1)
    cpu_allocation_ratio: int = 10
    memory_overcommit: int = 100


def sizing_of(configuration: Mapping[str, Any]) -> Sizing:
    """The sizing that a KubeVirt's configuration asks for.

    Raises InvalidObject for a ratio that nothing can be divided by, naming its field.
    """
    developer, default = configuration.get("developerConfiguration") or {}, Sizing()
    written = configuration.get("additionalGuestMemoryOverheadRatio")
    try:
        ratio = Decimal(str(written)) if written else default.overhead_ratio
    except InvalidOperation:
        ratio = Decimal(-1)
    if not ratio.is_finite() or ratio < 0:
        field = f"{_CONFIGURATION}.additionalGuestMemoryOverheadRatio"
        raise errors.InvalidObject(
            f"{field} '{written}' of the KubeVirt is no factor; write one such as 1.5", field=field
        )
    found: dict[str, int] = {}
    for name, fallback in (
        ("cpuAllocationRatio", default.cpu_allocation_ratio),
        ("memoryOvercommit", default.memory_overcommit),
    ):
        value = developer.get(name)
        found[name] = fallback if value is None else int(value)
        if found[name] < 1:
            field = f"{_CONFIGURATION}.developerConfiguration.{name}"
            raise errors.InvalidObject(f"{field} '{value}' of the KubeVirt must be at least 1", field=field)
    return Sizing(ratio, found["cpuAllocationRatio"], found["memoryOvercommit"])


def _agent_probes(spec: Mapping[str, Any]) -> int:
    """How many of the probes are done by a process in the pod."""
    probes = (spec.get(name) or {} for name in ("readinessProbe", "livenessProbe"))
    return sum("exec" in probe or "guestAgentPing" in probe for probe in probes)


def _has_tpm(spec: Mapping[str, Any]) -> bool:
    tpm = (spec["domain"].get("devices") or {}).get("tpm")
    return tpm is not None and tpm.get("enabled") is not False


def overhead_bytes(spec: Mapping[str, Any], sizing: Sizing) -> int:
    """The memory that the launcher needs beside the guest's."""
    devices = spec["domain"].get("devices") or {}
    graphics = devices.get("autoattachGraphicsDevice", True)
    page_tables = guest_resources.guest_memory_bytes(spec) // 512
    mib = (
        FIXED_OVERHEAD_MIB
        + PER_CPU_OVERHEAD_MIB * guest_resources.virtual_cpus(spec)
        + (VIDEO_OVERHEAD_MIB if graphics else 0)
        + PASST_OVERHEAD_MIB * sum("passtBinding" in interface for interface in devices.get("interfaces") or [])
        + (TPM_OVERHEAD_MIB if _has_tpm(spec) else 0)
        + AGENT_PROBE_OVERHEAD_MIB * _agent_probes(spec)
    )
    return math.ceil((mib * MIB + page_tables) * sizing.overhead_ratio)


def _mib(size: int) -> str:
    return f"{math.ceil(size / MIB)}Mi"


def is_guaranteed(spec: Mapping[str, Any]) -> bool:
    """Whether the VMI asks for CPU and memory of its own: requests equal to limits, overhead included."""
    asked = spec["domain"].get("resources") or {}
    requests, limits = asked.get("requests") or {}, asked.get("limits") or {}
    if asked.get("overcommitGuestOverhead"):
        return False
    return all(
        requests.get(name) and limits.get(name) and quantity.parse(requests[name]) == quantity.parse(limits[name])
        for name in ("cpu", "memory")
    )


def _take_off(amounts: dict[str, Any], size: int, *, least: int) -> None:
    """Make the memory in `amounts`, where there is any, smaller by so much."""
    if "memory" in amounts:
        amounts["memory"] = _mib(max(least, quantity.parse_bytes(amounts["memory"]) - size))


def compute(spec: Mapping[str, Any], sizing: Sizing, *, emulation: bool) -> dict[str, Any]:
    """Requests and limits of the compute container.

    What the VMI asks for carries over; memory gets the overhead added, a limit only where the VMI has one. With overcommitGuestOverhead nothing is
    requested for the overhead. Where huge pages back the guest's memory, they are asked for, and of memory only what is left.
    """
    asked = spec["domain"].get("resources") or {}
    requests, limits = dict(asked.get("requests") or {}), dict(asked.get("limits") or {})
    overhead = overhead_bytes(spec, sizing)
    requested = requests.get("memory")
    if requested is not None:
        memory = quantity.parse_bytes(requested)
    else:
        memory = math.ceil(guest_resources.guest_memory_bytes(spec) * 100 / sizing.memory_overcommit)
    requests["memory"] = _mib(memory + (0 if asked.get("overcommitGuestOverhead") else overhead))
    requests.setdefault("cpu", f"{max(1, guest_resources.virtual_cpus(spec) * 1000 // sizing.cpu_allocation_ratio)}m")
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


def console_log(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Requests and limits of the container that prints the serial console."""
    if is_guaranteed(spec):
        return {"requests": dict(_CONSOLE_LOG_GUARANTEED), "limits": dict(_CONSOLE_LOG_GUARANTEED)}
    return {"requests": dict(_CONSOLE_LOG), "limits": {"memory": _CONSOLE_LOG_LIMIT}}
