"""A VirtualMachineInstance as a libvirt domain.

In: the VMI, and whether guests run by software emulation. Out: the domain's XML. Called by the planner of role `domain`; pure, so that a person can see the
XML before anything runs. Paths are those inside the launcher pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.domain import compute, console, disks, document, interfaces

#: room for translated guest code under emulation; more does not make a guest faster, it only makes the launcher larger
TRANSLATION_CACHE_MIB = 64
#: spec.domain.rebootPolicy; a guest that reboots under Terminate is off, as after a shutdown
_ON_REBOOT = {"Reboot": "restart", "Terminate": "destroy"}


def domain_name(vmi: Mapping[str, Any]) -> str:
    """The domain's name: `<namespace>_<name>`."""
    return f"{metadata.meta(vmi)['namespace']}_{metadata.meta(vmi)['name']}"


def _features(*, emulation: bool) -> document.Element:
    tcg = (
        document.element("tcg", document.element("tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB"))
        if emulation
        else None
    )
    return document.element("features", document.element("acpi"), document.element("apic"), tcg)


def _clock() -> document.Element:
    return document.element(
        "clock",
        document.element("timer", name="rtc", tickpolicy="catchup"),
        document.element("timer", name="pit", tickpolicy="delay"),
        document.element("timer", name="hpet", present="no"),
        offset="utc",
    )


def _controllers() -> list[document.Element]:
    return [
        document.element("controller", type="usb", index=0, model="none"),
        document.element("controller", type="scsi", index=0, model="virtio-non-transitional"),
        document.element("controller", type="virtio-serial", index=0, model="virtio-non-transitional"),
    ]


def _devices(vmi: Mapping[str, Any]) -> document.Element:
    wanted = vmi["spec"]["domain"].get("devices") or {}
    balloon = "virtio-non-transitional" if wanted.get("autoattachMemBalloon", True) else "none"
    rng = None
    if "rng" in wanted:
        backend = document.element("backend", "/dev/urandom", model="random")
        rng = document.element("rng", backend, model="virtio-non-transitional")
    return document.element(
        "devices",
        *_controllers(),
        *disks.convert_disks(vmi),
        *interfaces.convert_interfaces(vmi),
        *console.convert_consoles(vmi),
        document.element(
            "memballoon", document.element("stats", period=10) if balloon != "none" else None, model=balloon
        ),
        rng,
    )


def convert_domain(vmi: Mapping[str, Any], *, emulation: bool) -> str:
    """The domain's XML.

    Raises InvalidObject for a value that has no meaning in a domain, naming its field.
    """
    spec = vmi["spec"]
    root = document.element(
        "domain",
        document.element("name", domain_name(vmi)),
        document.element("uuid", compute.domain_uuid(vmi)),
        document.element("memory", str(compute.memory_bytes(spec)), unit="b"),
        document.element("vcpu", str(compute.topology(spec).total), placement="static"),
        compute.convert_os(spec),
        compute.convert_sysinfo(vmi),
        _features(emulation=emulation),
        compute.convert_cpu(spec, emulation=emulation),
        _clock(),
        document.element("on_poweroff", "destroy"),
        document.element("on_reboot", _ON_REBOOT[spec["domain"].get("rebootPolicy") or "Reboot"]),
        document.element("on_crash", "destroy"),
        document.element(
            "pm", document.element("suspend-to-mem", enabled="no"), document.element("suspend-to-disk", enabled="no")
        ),
        _devices(vmi),
        type="qemu" if emulation else "kvm",
    )
    return document.text(root)
