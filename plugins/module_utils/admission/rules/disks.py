"""Rules for the guest's disks, one by one and together with their volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import kube_names, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import firmware
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, REQUIRED, Cause

TARGETS = ("disk", "lun", "cdrom")
_BUSES = ("virtio", "scsi", "sata", "usb")
_CACHES = ("none", "writethrough", "writeback")
_IO = ("native", "threads")
_ERROR_POLICIES = ("stop", "ignore", "report", "enospace")
_SMALLEST_BLOCK, _LARGEST_BLOCK = 512, 2097152
#: volumes whose data are there as they are: others are seen through an overlay of their own, which nobody else can write to
_SHAREABLE = ("persistentVolumeClaim", "dataVolume", "hostDisk")


def target_of(disk: Mapping[str, Any]) -> str:
    """How the guest sees the disk: disk, lun or cdrom; empty where nothing is said."""
    return next((target for target in TARGETS if tree.has(disk, target)), "")


def _target(disk: Mapping[str, Any], field: str) -> Iterator[Cause]:
    if len([target for target in TARGETS if tree.has(disk, target)]) > 1:
        yield Cause(field, f"{field} can only have a single target type defined")
    for problem in kube_names.dns_label(tree.text(disk, "name")):
        yield Cause(tree.path(field, "name"), problem)


def _bus(disk: Mapping[str, Any], field: str) -> Iterator[Cause]:
    target = target_of(disk)
    bus, place = tree.text(tree.section(disk, target), "bus"), tree.path(field, target, "bus")
    if not bus:
        return
    if bus == "ide":
        yield Cause(place, "IDE bus is not supported")
    elif bus not in _BUSES:
        yield Cause(place, f"{field} is set with an unrecognized bus {bus}, must be one of: [{' '.join(_BUSES)}]")
    elif bus == "virtio" and target == "cdrom":
        yield Cause(place, f"Bus type {bus} is invalid for CD-ROM device")
    elif bus == "sata" and target == "disk" and tree.section(disk, "disk").get("readonly") is True:
        yield Cause(tree.path(field, "disk", "readonly"), f"{bus} hard-disks do not support read-only.")
    if disk.get("dedicatedIOThread") is True and bus != "virtio":
        yield Cause(
            tree.path(field, "dedicatedIOThread"),
            f"IOThreads are not supported for disks on a {bus} bus",
            NOT_SUPPORTED,
        )


def _modes(disk: Mapping[str, Any], field: str) -> Iterator[Cause]:
    for problem in firmware.serial_problems(field, tree.text(disk, "serial")):
        yield Cause(tree.path(field, "serial"), problem)
    cache, mode, policy = (tree.text(disk, name) for name in ("cache", "io", "errorPolicy"))
    if cache and cache not in _CACHES:
        place = tree.path(field, "cache")
        yield Cause(place, f"{place} has invalid value {cache}")
    if mode and mode not in _IO:
        place = tree.path(field, "io")
        yield Cause(
            place, f"Disk IO mode for {place} is not supported. Supported modes are: native, threads.", NOT_SUPPORTED
        )
    if mode == "native" and cache in ("writethrough", "writeback"):
        place = tree.path(field, "io")
        yield Cause(place, f"{place} '{mode}' needs {tree.path(field, 'cache')} none, not '{cache}'")
    if policy and policy not in _ERROR_POLICIES:
        place = tree.path(field, "errorPolicy")
        yield Cause(place, f'{place} has invalid value "{policy}"')


def _size_problem(size: int) -> str:
    if size < _SMALLEST_BLOCK:
        return f"Provided size of {size} is less than the supported minimum size of {_SMALLEST_BLOCK}"
    if size > _LARGEST_BLOCK:
        return f"Provided size of {size} is greater than the supported maximum size of {_LARGEST_BLOCK}"
    return f"Provided size of {size} is not a power of 2" if size & (size - 1) else ""


def _block_size(disk: Mapping[str, Any], field: str) -> Iterator[Cause]:
    sizes, place = tree.section(disk, "blockSize"), tree.path(field, "blockSize")
    if not tree.has(sizes, "custom"):
        return
    if tree.enabled(sizes, "matchVolume"):
        yield Cause(place, "Block size matching can't be enabled together with a custom value")
        return
    custom = tree.section(sizes, "custom")
    logical, physical = tree.count(custom, "logical"), tree.count(custom, "physical")
    if logical > physical:
        yield Cause(
            tree.path(place, "custom", "logical"),
            f"Logical size {logical} must be the same or less than the physical size of {physical}",
        )
        return
    for name, size in (("logical", logical), ("physical", physical)):
        if problem := _size_problem(size):
            yield Cause(tree.path(place, "custom", name), problem)
    target = target_of(disk)
    if tree.text(tree.section(disk, target), "bus") == "sata" and logical > _SMALLEST_BLOCK:
        problem = f"disks on a sata bus have logical blocks of {_SMALLEST_BLOCK} bytes, not {logical}"
        yield Cause(tree.path(place, "custom", "logical"), f"{tree.path(place, 'custom', 'logical')}: {problem}")


def _each(it: subject.Subject) -> Iterator[Cause]:
    first: dict[str, str] = {}
    for index, disk in enumerate(tree.entries(it.devices, "disks")):
        field, name = it.at("domain", "devices", "disks", index), tree.text(disk, "name")
        if name in first:
            yield Cause(tree.path(field, "name"), f"{field} and {first[name]} must not have the same Name.")
        first.setdefault(name, field)
        for rule in (_target, _bus, _modes, _block_size):
            yield from rule(disk, field)


def _volume_of(disk: Mapping[str, Any], volume: Mapping[str, Any] | None, field: str, *, gate: bool) -> Iterator[Cause]:
    """A disk shows a volume; only a CD-ROM drive may be empty."""
    target, name = target_of(disk), tree.path(field, "name")
    if volume is None:
        if target != "cdrom":
            yield Cause(name, f"{name} '{tree.text(disk, 'name')}' not found.")
        elif not gate:
            yield Cause(
                tree.path(field, "cdrom"),
                "DeclarativeHotplugVolumes feature gate not enabled, cannot define an empty CD-ROM disk",
            )
        return
    if target == "lun" and not (tree.has(volume, "persistentVolumeClaim") or tree.has(volume, "dataVolume")):
        place = tree.path(field, "lun")
        yield Cause(place, f"{place} can only be mapped to a DataVolume or PersistentVolumeClaim volume.")
    if disk.get("shareable") is True and not any(tree.has(volume, source) for source in _SHAREABLE):
        place = tree.path(field, "shareable")
        yield Cause(place, f"{place} can only be set for a volume that is one of: {', '.join(_SHAREABLE)}")
    if tree.has(volume, "downwardMetrics"):
        place, bus = tree.path(field, "disk"), tree.text(tree.section(disk, "disk"), "bus")
        if target != "disk":
            problem = f"DownwardMetrics volume must be mapped to a disk, but disk is not set on {place}."
            yield Cause(field, problem, REQUIRED)
        elif bus not in ("", "virtio"):
            place = tree.path(place, "bus")
            yield Cause(place, f"DownwardMetrics volume must be mapped to virtio bus, but {place} is set to {bus}")


def _volumes(it: subject.Subject) -> Iterator[Cause]:
    volumes = {tree.text(volume, "name"): volume for volume in tree.entries(it.spec, "volumes")}
    gate = it.settings.has_gate("DeclarativeHotplugVolumes")
    for index, disk in enumerate(tree.entries(it.devices, "disks")):
        field = it.at("domain", "devices", "disks", index)
        yield from _volume_of(disk, volumes.get(tree.text(disk, "name")), field, gate=gate)


def _boot_order(it: subject.Subject) -> Iterator[Cause]:
    """A place in the order belongs to one device, be it a disk or an interface."""
    taken: set[int] = set()
    for kind in ("disks", "interfaces"):
        for index, device in enumerate(tree.entries(it.devices, kind)):
            if not tree.has(device, "bootOrder"):
                continue
            field, order = it.at("domain", "devices", kind, index), tree.count(device, "bootOrder")
            place = tree.path(field, "bootOrder")
            if order < 1:
                yield Cause(place, f"{field} must have a boot order > 0, if supplied")
            elif order in taken:
                yield Cause(place, f"Boot order for {place} already set for a different device.")
            taken.add(order)


def volumes_have_disks(it: subject.Subject) -> Iterator[Cause]:
    """Each volume is shown to the guest as a disk or a file system; defaults see to it, so this holds where they have been applied."""
    shown = {tree.text(entry, "name") for kind in ("disks", "filesystems") for entry in tree.entries(it.devices, kind)}
    for index, volume in enumerate(tree.entries(it.spec, "volumes")):
        name = tree.text(volume, "name")
        if name not in shown and not tree.has(volume, "memoryDump"):
            # The path that KubeVirt's clients know; the field itself is spec.volumes[i].name.
            field = it.at("domain", "volumes", index, "name")
            yield Cause(field, f"{field} '{name}' not found.")


#: what needs no other part of the spec
PARTIAL: tuple[subject.Rule, ...] = (_each, _boot_order)
RULES: tuple[subject.Rule, ...] = (_each, _volumes, _boot_order)
