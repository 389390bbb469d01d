"""What playvirt itself may change on a running instance: sizes up to their maximum, and volumes that can be plugged.

In: the instance after and before. Out: causes. Volumes with `hotpluggable: true` may come and go; the others are there for the instance's life.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_SOURCES = ("persistentVolumeClaim", "dataVolume")
_BUSES = ("scsi", "virtio")


def is_hotpluggable(volume: Mapping[str, Any]) -> bool:
    """Whether a volume may be plugged while the guest runs."""
    return any(tree.section(volume, source).get("hotpluggable") is True for source in (*_SOURCES, "memoryDump"))


def _named(obj: Mapping[str, Any], *keys: str) -> dict[str, Mapping[str, Any]]:
    return {tree.text(entry, "name"): entry for entry in tree.entries(obj, *keys)}


def _sizes(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    for part, field, message in (
        ("cpu", "maxSockets", "CPU topology maxSockets changed"),
        ("memory", "maxGuest", "Memory maxGuest changed"),
    ):
        before, after = (tree.section(obj, "spec", "domain", part).get(field) for obj in (old, new))
        if before != after:
            yield Cause(f"spec.domain.{part}.{field}", message)


def _volumes(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    before, after = _named(old, "spec", "volumes"), _named(new, "spec", "volumes")
    lasting = {name: volume for name, volume in before.items() if not is_hotpluggable(volume)}
    if len(lasting) != len([volume for volume in after.values() if not is_hotpluggable(volume)]):
        yield Cause("spec.volumes", "Number of permanent volumes has changed")
    for name, volume in lasting.items():
        if name not in after:
            yield Cause("spec.volumes", f"permanent volume {name}, not found")
        elif after[name] != volume:
            yield Cause("spec.volumes", f"permanent volume {name}, changed")
    for name, volume in before.items():
        if name not in lasting and name in after and after[name] != volume:
            yield Cause("spec.volumes", f"hotplug volume {name}, changed")


def _plugged(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    known, disks = _named(old, "spec", "volumes"), _named(new, "spec", "domain", "devices", "disks")
    for name, volume in _named(new, "spec", "volumes").items():
        if name in known or tree.has(volume, "memoryDump"):
            continue
        if not any(tree.has(volume, source) for source in _SOURCES):
            yield Cause("spec.volumes", f"volume {name} is not a PVC or DataVolume")
        disk = disks.get(name)
        if disk is None:
            yield Cause("spec.volumes", f"volume {name} doesn't have a matching disk")
            continue
        for target in ("disk", "lun"):
            bus = tree.text(tree.section(disk, target), "bus")
            if tree.has(disk, target) and bus not in _BUSES:
                index = list(disks).index(name)
                field = f"spec.domain.devices.disks[{index}]"
                yield Cause(
                    f"{field}.{target}.bus",
                    f"hotplugged Disk {name} requires bus to be 'scsi' or 'virtio'. [{bus}] is not permitted.",
                )


def changes(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with a change of a running instance's spec."""
    return [*_sizes(new, old), *_volumes(new, old), *_plugged(new, old)]
