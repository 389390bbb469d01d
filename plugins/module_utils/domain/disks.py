"""The domain's disks: how the guest sees a volume.

In: a VMI. Out: disk elements. What is behind a disk (files, devices) is told by volumes.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import document, volumes

_PREFIX = {"virtio": "vd", "sata": "sd", "scsi": "sd"}
_SOURCE_ATTRIBUTE = {"file": "file", "block": "dev"}


def _device_name(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _listed(vmi: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each disk with its volume: those listed, then a disk for each volume that has none."""
    spec = vmi["spec"]
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or []}
    disks = (spec["domain"].get("devices") or {}).get("disks") or []
    for index, disk in enumerate(disks):
        if disk["name"] not in volumes:
            field = f"spec.domain.devices.disks[{index}].Name"
            raise errors.InvalidObject(f"{field} '{disk['name']}' not found.", field=field)
        yield disk, volumes[disk["name"]]
    named = {disk["name"] for disk in disks}
    for name, volume in volumes.items():
        if name not in named:
            yield {"name": name, "disk": {}}, volume


def _device(disk: Mapping[str, Any]) -> tuple[str, str]:
    """What the guest takes the disk for, and the bus on which it finds it."""
    device = "cdrom" if "cdrom" in disk else "disk"
    return device, (disk.get(device) or {}).get("bus") or "sata"


def targets(vmi: Mapping[str, Any]) -> dict[str, str]:
    """The device name in the domain (`vda`, `sdb`) by the volume's name; names count up for each prefix."""
    counted: dict[str, int] = {}
    made = {}
    for disk, _volume in _listed(vmi):
        prefix = _PREFIX[_device(disk)[1]]
        counted[prefix] = counted.get(prefix, -1) + 1
        made[disk["name"]] = prefix + _device_name(counted[prefix])
    return made


def convert_disks(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The disk elements, in order.

    Raises InvalidObject for a disk whose volume is missing, or that would have to write where it cannot.
    """
    names, made = targets(vmi), []
    for disk, volume in _listed(vmi):
        device, bus = _device(disk)
        source = volumes.source(vmi, volume)
        if source.read_only and (device, bus) == ("disk", "sata"):
            field = f"spec.domain.devices.disks[{disk['name']}].disk.bus"
            raise errors.InvalidObject(
                f"{field} 'sata': volume {volume['name']} is read-only, which a SATA disk cannot be; use virtio or scsi, or a cdrom",
                field=field,
            )
        model = "virtio-non-transitional" if bus == "virtio" else None
        made.append(
            document.element(
                "disk",
                document.element(
                    "driver", name="qemu", type=source.format, cache="writeback", error_policy="stop", discard="unmap"
                ),
                document.element("source", **{_SOURCE_ATTRIBUTE[source.type]: source.path}),
                document.element("target", dev=names[disk["name"]], bus=bus),
                document.element("readonly") if device == "cdrom" or source.read_only else None,
                document.element("serial", disk["serial"]) if disk.get("serial") else None,
                document.element("boot", order=disk["bootOrder"]) if disk.get("bootOrder") else None,
                document.element("alias", name=f"ua-{disk['name']}"),
                type=source.type,
                device=device,
                model=model,
            )
        )
    return made
