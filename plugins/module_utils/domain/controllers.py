"""The domain's controllers: what buses there are beside PCI.

In: a VMI's spec. Out: controller elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, inputs, processor, virtio

_TARGETS = ("disk", "lun", "cdrom")


def _has_disk_on(devices: Mapping[str, Any], bus: str) -> bool:
    return any((disk.get(target) or {}).get("bus") == bus for disk in devices.get("disks") or [] for target in _TARGETS)


def _scsi(spec: Mapping[str, Any]) -> list[document.Element]:
    """A SCSI bus; disks can be added to it while the guest runs, so only disableHotplug does without one that has no disk."""
    devices = spec["domain"].get("devices") or {}
    if devices.get("disableHotplug") and not _has_disk_on(devices, "scsi"):
        return []
    queues = processor.topology(spec).total if devices.get("blockMultiQueue") else None
    driver = document.element("driver", queues=queues) if queues else None
    return [document.element("controller", driver, type="scsi", index=0, model=virtio.model(spec))]


def convert_controllers(spec: Mapping[str, Any]) -> list[document.Element]:
    """USB where something is on it, SCSI and virtio serial."""
    usb = inputs.uses_usb(spec) or _has_disk_on(spec["domain"].get("devices") or {}, "usb")
    return [
        document.element("controller", type="usb", index=0, model="qemu-xhci" if usb else "none"),
        *_scsi(spec),
        document.element("controller", type="virtio-serial", index=0, model=virtio.model(spec)),
    ]
