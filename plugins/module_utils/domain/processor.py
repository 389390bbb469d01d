"""The domain's processor: how many virtual CPUs, how they are arranged, which model they are, and with which features.

In: a VMI's spec. Out: the vcpu and cpu elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources, names
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


def _features(spec: Mapping[str, Any], *, emulation: bool) -> list[document.Element]:
    """The features listed; a named model loses MPX where KVM is used, which models have and no kernel offers any more."""
    cpu = spec["domain"].get("cpu") or {}
    policies = {feature["name"]: feature.get("policy") or "require" for feature in cpu.get("features") or []}
    if not emulation and cpu.get("model") and cpu["model"] not in names.CPU_HOST_MODES:
        policies.setdefault("mpx", "disable")
    return [document.element("feature", policy=policy, name=name) for name, policy in policies.items()]


def convert_cpu(spec: Mapping[str, Any], *, emulation: bool) -> document.Element:
    """The CPU's model, topology and features. Without a model the host's, or under emulation the emulator's default.

    Under emulation libvirt has no host to compare with, so it checks nothing; that the node can do what is required is seen to by the scheduler.
    """
    model = (spec["domain"].get("cpu") or {}).get("model")
    layout = topology(spec)
    shape = document.element("topology", sockets=layout.sockets, cores=layout.cores, threads=layout.threads)
    features = _features(spec, emulation=emulation)
    if model in names.CPU_HOST_MODES or (not model and not emulation):
        return document.element("cpu", shape, *features, mode=model or "host-model")
    named = document.element("model", model or "qemu64", fallback="forbid")
    check = "none" if emulation else "partial"
    return document.element("cpu", named, shape, *features, mode="custom", match="exact", check=check)
