"""The domain's processor, memory, machine and identity.

In: a VMI (or its spec). Out: XML elements and the numbers in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources, metadata
from ansible_collections.playvirt.core.plugins.module_utils.domain import document

DEFAULT_MACHINE = "q35"


@dataclass(frozen=True)
class Topology:
    """Sockets, cores in a socket, threads in a core."""

    sockets: int
    cores: int
    threads: int

    @property
    def total(self) -> int:
        """The number of virtual CPUs."""
        return self.sockets * self.cores * self.threads


def topology(spec: Mapping[str, Any]) -> Topology:
    """The arrangement asked for; what is not said is 1, and without any of it each virtual CPU is a socket."""
    cpu = spec["domain"].get("cpu") or {}
    if any(cpu.get(part) for part in ("sockets", "cores", "threads")):
        return Topology(int(cpu.get("sockets", 1)), int(cpu.get("cores", 1)), int(cpu.get("threads", 1)))
    return Topology(guest_resources.virtual_cpus(spec), 1, 1)


def memory_bytes(spec: Mapping[str, Any]) -> int:
    """The guest's memory, rounded up to whole KiB, which is libvirt's grain."""
    return math.ceil(guest_resources.guest_memory_bytes(spec) / 1024) * 1024


def domain_uuid(vmi: Mapping[str, Any]) -> str:
    """firmware.uuid, or one that follows from the VMI's uid."""
    firmware = vmi["spec"]["domain"].get("firmware") or {}
    return str(firmware.get("uuid") or metadata.derived_uuid("vmi", metadata.meta(vmi)["uid"]))


def convert_os(spec: Mapping[str, Any]) -> document.Element:
    """The machine type, and that the system's identity comes from sysinfo. A guest that starts paused shows its boot menu, which is why one pauses it."""
    machine = (spec["domain"].get("machine") or {}).get("type") or DEFAULT_MACHINE
    return document.element(
        "os",
        document.element("type", "hvm", arch="x86_64", machine=machine),
        document.element("bootmenu", enable="yes", timeout=10000) if spec.get("startStrategy") == "Paused" else None,
        document.element("smbios", mode="sysinfo"),
    )


def convert_sysinfo(vmi: Mapping[str, Any]) -> document.Element:
    """What the guest's firmware tells of the system."""
    firmware = vmi["spec"]["domain"].get("firmware") or {}
    entries = {
        "manufacturer": "playvirt",
        "product": "virtual machine",
        "uuid": domain_uuid(vmi),
        "serial": firmware.get("serial"),
        "family": "playvirt",
    }
    made = [document.element("entry", str(value), name=name) for name, value in entries.items() if value]
    return document.element("sysinfo", document.group("system", made), type="smbios")


def convert_cpu(spec: Mapping[str, Any], *, emulation: bool) -> document.Element:
    """The CPU model and topology. Under emulation without a model, the emulator's default."""
    model = (spec["domain"].get("cpu") or {}).get("model")
    layout = topology(spec)
    shape = document.element("topology", sockets=layout.sockets, cores=layout.cores, threads=layout.threads)
    if model in ("host-model", "host-passthrough") or (not model and not emulation):
        return document.element("cpu", shape, mode=model or "host-model")
    named = document.element("model", model or "qemu64", fallback="forbid")
    return document.element("cpu", named, shape, mode="custom", match="exact", check="none")
