"""A VirtualMachineInstance as a libvirt domain.

In: the VMI, and whether guests run by software emulation. Out: the domain's XML. Called by the planner of role `domain`; pure, so that a person can see the
XML before anything runs. Paths are those inside the launcher pod. Each family of the domain's parts has a file of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import (
    balloon,
    channels,
    clock,
    console,
    controllers,
    disks,
    document,
    features,
    graphics,
    identity,
    interfaces,
    machine,
    memory,
    processor,
    rng,
)


def _devices(vmi: Mapping[str, Any]) -> document.Element:
    spec = vmi["spec"]
    return document.element(
        "devices",
        *controllers.convert_controllers(),
        *disks.convert_disks(vmi),
        *interfaces.convert_interfaces(vmi),
        *console.convert_console(vmi),
        *channels.convert_channels(),
        *graphics.convert_graphics(vmi),
        balloon.convert_balloon(spec),
        rng.convert_rng(spec),
    )


def convert_domain(vmi: Mapping[str, Any], *, emulation: bool) -> str:
    """The domain's XML.

    Raises InvalidObject for a value that has no meaning in a domain, naming its field.
    """
    spec = vmi["spec"]
    root = document.element(
        "domain",
        document.element("name", identity.domain_name(vmi)),
        document.element("uuid", identity.domain_uuid(vmi)),
        memory.convert_memory(spec),
        processor.convert_vcpu(spec),
        machine.convert_os(spec),
        identity.convert_sysinfo(vmi),
        features.convert_features(emulation=emulation),
        processor.convert_cpu(spec, emulation=emulation),
        clock.convert_clock(),
        document.element("on_poweroff", "destroy"),
        document.element("on_reboot", "restart"),
        document.element("on_crash", "destroy"),
        document.element(
            "pm", document.element("suspend-to-mem", enabled="no"), document.element("suspend-to-disk", enabled="no")
        ),
        _devices(vmi),
        type="qemu" if emulation else "kvm",
    )
    return document.text(root)
