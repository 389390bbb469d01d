"""A VirtualMachineInstance as a libvirt domain.

In: the VMI, whether guests run by software emulation, and who their maker is. Out: the domain's XML. Called by the planner of role `domain`; pure, so that a
person can see the XML before anything runs. Paths are those inside the launcher pod. Each family of the domain's parts has a file of its own beside this one.
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
    inputs,
    interfaces,
    io_threads,
    machine,
    memory,
    panic,
    processor,
    rng,
    sound,
    tpm,
    watchdog,
)


def _devices(vmi: Mapping[str, Any], threads: io_threads.Threads) -> document.Element:
    spec = vmi["spec"]
    return document.element(
        "devices",
        *controllers.convert_controllers(spec),
        *disks.convert_disks(vmi, threads),
        *interfaces.convert_interfaces(vmi),
        *console.convert_console(vmi),
        *channels.convert_channels(vmi),
        *inputs.convert_inputs(spec),
        tpm.convert_tpm(spec),
        *graphics.convert_graphics(vmi),
        sound.convert_sound(spec),
        watchdog.convert_watchdog(spec),
        balloon.convert_balloon(spec),
        rng.convert_rng(spec),
        *panic.convert_panic_devices(spec),
    )


def convert_domain(vmi: Mapping[str, Any], *, emulation: bool, maker: Mapping[str, Any] | None = None) -> str:
    """The domain's XML; `maker` is what the KubeVirt's configuration.smbios says.

    Raises InvalidObject for a value that has no meaning in a domain, naming its field.
    """
    spec = vmi["spec"]
    threads = disks.threads(vmi)
    root = document.element(
        "domain",
        document.element("name", identity.domain_name(vmi)),
        document.element("uuid", identity.domain_uuid(vmi)),
        memory.convert_memory(spec),
        memory.convert_memory_backing(spec),
        processor.convert_vcpu(spec),
        io_threads.convert_count(threads),
        machine.convert_os(spec),
        identity.convert_sysinfo(vmi, maker or {}),
        features.convert_features(spec, emulation=emulation),
        processor.convert_cpu(spec, emulation=emulation),
        clock.convert_clock(spec),
        document.element("on_poweroff", "destroy"),
        document.element("on_reboot", "restart"),
        document.element("on_crash", "destroy"),
        document.element(
            "pm", document.element("suspend-to-mem", enabled="no"), document.element("suspend-to-disk", enabled="no")
        ),
        _devices(vmi, threads),
        type="qemu" if emulation else "kvm",
    )
    return document.text(root)
