"""What a guest's devices and features get where nothing is said; part of `defaults`.

In: parts of an instance's spec. Out: the same parts, filled in, in place.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.admission import tree
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import disks as disk_rules

_Object = dict[str, Any]

_BINDINGS = {"bridge": "bridge", "masquerade": "masquerade", "passt": "passtBinding"}
_SPINLOCK_RETRIES = 4096
#: a Hyper-V feature -> those that it does not work without
_HYPERV_NEEDS = {
    "synictimer": ("vpindex", "synic"),
    "synic": ("vpindex",),
    "tlbflush": ("vpindex",),
    "ipi": ("vpindex",),
    "evmcs": ("vapic",),
}


def _objects(found: Any) -> list[_Object]:
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def add_interface(spec: _Object, settings: settings_types.Settings) -> None:
    """An interface on the pod's network, where neither networks nor interfaces are listed and nobody said no."""
    devices = spec["domain"]["devices"]
    if spec.get("networks") or devices.get("interfaces") or devices.get("autoattachPodInterface") is False:
        return
    binding = _BINDINGS.get(settings.network_interface, "masquerade")
    spec["networks"] = [{"name": "default", "pod": {}}]
    devices["interfaces"] = [{"name": "default", binding: {}}]


def _bus(architecture: str, target: str) -> str:
    if target == "cdrom":
        return "scsi" if architecture == "arm64" else "sata"
    if target == "lun":
        return "scsi"
    return "virtio" if architecture in ("arm64", "s390x") else "sata"


def add_disks(spec: _Object, architecture: str) -> None:
    """A disk for each volume that is not shown to the guest yet; and how each disk is seen."""
    devices = spec["domain"]["devices"]
    shown = {entry.get("name") for kind in ("disks", "filesystems") for entry in _objects(devices.get(kind))}
    missing = [
        {"name": volume["name"]}
        for volume in _objects(spec.get("volumes"))
        if volume.get("name") and volume["name"] not in shown and not tree.has(volume, "memoryDump")
    ]
    if missing:
        devices["disks"] = [*(devices.get("disks") or []), *missing]
    for disk in _objects(devices.get("disks")):
        target = disk_rules.target_of(disk)
        if not target:
            target, disk["disk"] = "disk", {}
        seen = disk[target]
        if isinstance(seen, dict):
            if not seen.get("bus"):
                seen["bus"] = _bus(architecture, target)
            if target == "cdrom":
                seen.setdefault("readonly", True)
                seen.setdefault("tray", "closed")


def complete_devices(devices: _Object) -> None:
    """Inputs are tablets on USB; a watchdog resets."""
    for device in _objects(devices.get("inputs")):
        device["bus"] = device.get("bus") or "usb"
        device["type"] = device.get("type") or "tablet"
    watchdog = devices.get("watchdog")
    if isinstance(watchdog, dict) and not tree.has(watchdog, "diag288"):
        model = watchdog.setdefault("i6300esb", {})
        if isinstance(model, dict) and not model.get("action"):
            model["action"] = "reset"


def complete_features(domain: _Object) -> None:
    """A feature that is named is on; ACPI is; Hyper-V features bring those they need."""
    features = domain.setdefault("features", {})
    if not isinstance(features, dict):
        return
    features.setdefault("acpi", {})
    for name in ("acpi", "apic", "smm", "pvspinlock", "hypervPassthrough"):
        if isinstance(features.get(name), dict) and features[name].get("enabled") is None:
            features[name]["enabled"] = True
    hyperv = features.get("hyperv")
    if isinstance(hyperv, dict):
        _complete_hyperv(hyperv)


def _complete_hyperv(hyperv: _Object) -> None:
    for feature in list(hyperv.values()):
        if isinstance(feature, dict) and feature.get("enabled") is None:
            feature["enabled"] = True
    for name, needed in _HYPERV_NEEDS.items():
        if isinstance(hyperv.get(name), dict) and hyperv[name].get("enabled"):
            for other in needed:
                if not tree.section(hyperv, other).get("enabled"):
                    hyperv[other] = {"enabled": True}
    spinlocks = hyperv.get("spinlocks")
    if isinstance(spinlocks, dict) and spinlocks.get("enabled") and not spinlocks.get("spinlocks"):
        spinlocks["spinlocks"] = _SPINLOCK_RETRIES
