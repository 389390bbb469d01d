"""The domain's disks: how the guest sees a volume.

In: a VMI. Out: disk elements. What is behind a disk (files, devices) is told by volumes.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import (
    document,
    io_threads,
    processor,
    virtio,
    volumes,
)

_TARGETS = ("disk", "lun", "cdrom")
_PREFIX = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd"}
_DEFAULT_BUS = {"disk": "sata", "lun": "scsi", "cdrom": "sata"}
_SOURCE_ATTRIBUTE = {"file": "file", "block": "dev"}
_BLOCK_SIZES = {
    "logical": "logical_block_size",
    "physical": "physical_block_size",
    "discardGranularity": "discard_granularity",
}


@dataclass(frozen=True)
class _Disk:
    """A disk as the API has it: where it stands, its fields, and the volume behind it; a CD-ROM drive may be empty."""

    field: str
    given: Mapping[str, Any]
    volume: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return str(self.given["name"])

    @property
    def device(self) -> str:
        """disk, lun or cdrom."""
        return next((target for target in _TARGETS if self.given.get(target) is not None), "disk")

    @property
    def target(self) -> Mapping[str, Any]:
        """What is said of the disk, lun or cdrom."""
        return self.given.get(self.device) or {}

    @property
    def bus(self) -> str:
        return str(self.target.get("bus") or _DEFAULT_BUS[self.device])


def _device_name(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _listed(vmi: Mapping[str, Any]) -> Iterator[_Disk]:
    """Each disk with its volume: those listed, then a disk for each volume that has none."""
    spec = vmi["spec"]
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or []}
    disks = (spec["domain"].get("devices") or {}).get("disks") or []
    for index, disk in enumerate(disks):
        field = f"spec.domain.devices.disks[{index}]"
        if disk["name"] not in volumes and disk.get("cdrom") is None:
            raise errors.InvalidObject(f"{field}.Name '{disk['name']}' not found.", field=f"{field}.Name")
        yield _Disk(field, disk, volumes.get(disk["name"]))
    named = {disk["name"] for disk in disks}
    for name, volume in volumes.items():
        if name not in named:
            yield _Disk(f"spec.volumes[{name}]", {"name": name, "disk": {}}, volume)


def threads(vmi: Mapping[str, Any]) -> io_threads.Threads:
    """The domain's IO threads."""
    on_virtio = {disk.name: bool(disk.given.get("dedicatedIOThread")) for disk in _listed(vmi) if disk.bus == "virtio"}
    return io_threads.threads(vmi["spec"], on_virtio)


def _cache(given: Mapping[str, Any]) -> str:
    """The host's cache. Without one where QEMU needs that: for native IO, and for a disk that several machines write to."""
    unsaid = "none" if given.get("io") == "native" or given.get("shareable") else "writeback"
    return str(given.get("cache") or unsaid)


def _driver(
    spec: Mapping[str, Any], disk: _Disk, source: volumes.Source | None, dealt: io_threads.Threads
) -> document.Element:
    multiqueue = disk.bus == "virtio" and (spec["domain"].get("devices") or {}).get("blockMultiQueue")
    pool, thread = dealt.convert_driver(disk.name) if disk.bus == "virtio" else (None, None)
    return document.element(
        "driver",
        pool,
        name="qemu",
        type=source.format if source else "raw",
        cache=_cache(disk.given),
        io=disk.given.get("io"),
        error_policy=disk.given.get("errorPolicy") or "stop",
        discard=None if disk.device == "cdrom" else "unmap",
        queues=processor.topology(spec).total if multiqueue else None,
        iothread=thread,
    )


def _block_size(given: Mapping[str, Any]) -> document.Element | None:
    custom = (given.get("blockSize") or {}).get("custom")
    if not custom:
        return None
    sizes = {attribute: custom[name] for name, attribute in _BLOCK_SIZES.items() if custom.get(name) is not None}
    return document.element("blockio", **sizes)


def _convert(vmi: Mapping[str, Any], disk: _Disk, device_name: str, dealt: io_threads.Threads) -> document.Element:
    given, source = disk.given, volumes.source(vmi, disk.volume) if disk.volume else None
    if disk.device == "lun" and source and source.type != "block":
        raise errors.InvalidObject(
            f"{disk.field}.lun passes SCSI commands to a block device, and volume '{disk.name}' is a file;"
            " use a PersistentVolumeClaim with volumeMode Block, or show it as a disk",
            field=f"{disk.field}.lun",
        )
    only_read = bool(source and source.read_only)
    if only_read and (disk.device, disk.bus) == ("disk", "sata"):
        raise errors.InvalidObject(
            f"{disk.field}.disk.bus 'sata': volume {disk.name} is read-only, which a SATA disk cannot be; use virtio or scsi, or a cdrom",
            field=f"{disk.field}.disk.bus",
        )
    return document.element(
        "disk",
        _driver(vmi["spec"], disk, source, dealt),
        document.element("source", **{_SOURCE_ATTRIBUTE[source.type]: source.path}) if source else None,
        _block_size(given),
        document.element("target", dev=device_name, bus=disk.bus, tray=disk.target.get("tray")),
        document.element("readonly") if disk.device == "cdrom" or disk.target.get("readonly") or only_read else None,
        document.element("shareable") if given.get("shareable") else None,
        document.element("serial", given["serial"]) if given.get("serial") else None,
        document.element("boot", order=given["bootOrder"]) if given.get("bootOrder") else None,
        document.element("alias", name=f"ua-{disk.name}"),
        type=source.type if source else "file",
        device=disk.device,
        model=virtio.model(vmi["spec"]) if disk.bus == "virtio" else None,
    )


def targets(vmi: Mapping[str, Any]) -> dict[str, str]:
    """The device name in the domain (`vda`, `sdb`) by the volume's name; names count up for each prefix."""
    counted: dict[str, int] = {}
    made = {}
    for disk in _listed(vmi):
        prefix = _PREFIX[disk.bus]
        counted[prefix] = counted.get(prefix, -1) + 1
        made[disk.name] = prefix + _device_name(counted[prefix])
    return made


def convert_disks(vmi: Mapping[str, Any], dealt: io_threads.Threads) -> list[document.Element]:
    """The disk elements, in order. `dealt` are the domain's IO threads.

    Raises InvalidObject for a disk whose volume is missing, or that cannot show it.
    """
    device_names = targets(vmi)
    return [_convert(vmi, disk, device_names[disk.name], dealt) for disk in _listed(vmi)]
