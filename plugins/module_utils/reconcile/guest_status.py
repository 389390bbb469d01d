"""What a VMI's status says of its guest: paused or not, what its agent tells, its size.

In: the VMI's status, its spec, what the launcher reports. Out: a new status. Called by the planner of role `domain` while the domain is alive. What the
agent tells was made harmless by virt-handler before (hypervisor/guest_information.py); it is shown, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, guest_resources, names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import instance_status

Status = instance_status.Status

#: libvirt's reason of a paused domain -> reason and message of condition Paused; for any other reason the pause is libvirt's own and short
PAUSES: Mapping[str, tuple[str, str]] = {
    "user": ("PausedByUser", "VMI was paused by user"),
    "ioerror": ("PausedIOError", "VMI was paused, low-level IO error detected"),
}


def with_condition(status: Mapping[str, Any], condition: Mapping[str, Any] | None, kind: str, *, now: str) -> Status:
    """The status with that condition, or without one of that type; a status that is right already comes back as it was."""
    listed = status.get("conditions")
    if condition is not None:
        return {**status, "conditions": conditions.put(listed, {"type": kind, **condition}, now=now)}
    return {**status, "conditions": conditions.remove(listed, kind)} if conditions.get(listed, kind) else dict(status)


def paused(status: Mapping[str, Any], domain: Mapping[str, Any], *, now: str) -> Status:
    """The status with condition Paused while the domain is paused, and without it while it runs."""
    if domain["state"] != "paused":
        return with_condition(status, None, names.PAUSED, now=now)
    if domain.get("reason") not in PAUSES:
        return dict(status)
    reason, message = PAUSES[domain["reason"]]
    return with_condition(status, {"status": "True", "reason": reason, "message": message}, names.PAUSED, now=now)


def _guest_memory(spec: Mapping[str, Any]) -> str:
    """The guest's memory in the words of the VMI."""
    domain = spec["domain"]
    asked = domain.get("resources") or {}
    written = (
        (domain.get("memory") or {}).get("guest"),
        (asked.get("requests") or {}).get("memory"),
        (asked.get("limits") or {}).get("memory"),
    )
    return str(next((amount for amount in written if amount is not None), guest_resources.guest_memory_bytes(spec)))


def sized(status: Mapping[str, Any], spec: Mapping[str, Any]) -> Status:
    """The status with the guest's memory and virtual CPUs, as it was started."""
    memory, cpu = _guest_memory(spec), spec["domain"].get("cpu") or {}
    topology = {part: int(cpu.get(part) or 1) for part in ("cores", "sockets", "threads")}
    if not any(cpu.get(part) for part in topology):
        topology["sockets"] = guest_resources.virtual_cpus(spec)
    return {
        **status,
        "memory": {"guestAtBoot": memory, "guestCurrent": memory, "guestRequested": memory},
        "currentCPUTopology": topology,
    }


def _merged(known: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """An interface with the guest's view of it. Under the address of its pod it is reached from outside, so that one stays."""
    entry = {**known, "interfaceName": seen["name"]}
    if seen["addresses"] and not known.get("ipAddress"):
        entry |= {"ipAddress": seen["addresses"][0], "ipAddresses": list(seen["addresses"])}
    sources = [source for source in (known.get("infoSource"), "guest-agent") if source]
    return {**entry, "infoSource": ", ".join(sources)}


def interfaces(known: list[dict[str, Any]], agent: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The VMI's interfaces with what the guest says of them, and those that the guest made itself."""
    found = {entry["mac"]: entry for entry in agent.get("interfaces") or []}
    listed = [_merged(entry, found.pop(entry["mac"])) if entry.get("mac") in found else entry for entry in known]
    own = [
        {"interfaceName": entry["name"], "mac": entry["mac"], "infoSource": "guest-agent"}
        | ({"ipAddress": entry["addresses"][0], "ipAddresses": list(entry["addresses"])} if entry["addresses"] else {})
        for entry in found.values()
        if entry["name"] != "lo"
    ]
    return [*listed, *own]


def told_by_agent(status: Mapping[str, Any], agent: Mapping[str, Any] | None, *, now: str) -> Status:
    """The status with condition AgentConnected, guestOSInfo and the guest's view of its interfaces; without them where no agent is connected."""
    result = {key: value for key, value in status.items() if key != "guestOSInfo"}
    if agent is None or not agent["connected"]:
        return with_condition(result, None, names.AGENT_CONNECTED, now=now)
    if agent["os"]:
        result["guestOSInfo"] = dict(agent["os"])
    result["interfaces"] = interfaces(list(result.get("interfaces") or []), agent)
    return with_condition(result, {"status": "True"}, names.AGENT_CONNECTED, now=now)


def emulated(status: Mapping[str, Any], *, emulation: bool, now: str) -> Status:
    """The status with condition SoftwareEmulation where no hardware runs the guest."""
    condition = {
        "status": "True",
        "reason": names.SOFTWARE_EMULATION,
        "message": "the guest runs by software emulation, which is many times slower than KVM",
    }
    return with_condition(status, condition if emulation else None, names.SOFTWARE_EMULATION, now=now)
