"""The domain's processor: how many virtual CPUs, how they are arranged, and which model they are.

In: a VMI's spec. Out: the vcpu and cpu elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


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


def convert_vcpu(spec: Mapping[str, Any]) -> document.Element:
    """How many virtual CPUs."""
    return document.element("vcpu", str(topology(spec).total), placement="static")


def convert_cpu(spec: Mapping[str, Any], *, emulation: bool) -> document.Element:
    """The CPU model and topology. Under emulation without a model, the emulator's default."""
    model = (spec["domain"].get("cpu") or {}).get("model")
    layout = topology(spec)
    shape = document.element("topology", sockets=layout.sockets, cores=layout.cores, threads=layout.threads)
    if model in ("host-model", "host-passthrough") or (not model and not emulation):
        return document.element("cpu", shape, mode=model or "host-model")
    named = document.element("model", model or "qemu64", fallback="forbid")
    return document.element("cpu", named, shape, mode="custom", match="exact", check="none")
