"""The domain's disks, and the files behind them.

In: a VMI. Out: disk elements, and the list of files that the launcher has to make before the domain can be defined (paths inside the launcher pod).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata, names, quantity
from ansible_collections.playvirt.core.plugins.module_utils.domain import document

_PREFIX = {"virtio": "vd", "sata": "sd", "scsi": "sd"}
_MIB = 1024 * 1024


def _disk_path(volume_name: str) -> str:
    return f"{names.EPHEMERAL_DIRECTORY}/disk-data/{volume_name}/disk.qcow2"


def _cloud_init_path(vmi: Mapping[str, Any]) -> str:
    meta = metadata.meta(vmi)
    return f"{names.EPHEMERAL_DIRECTORY}/cloud-init-data/{meta['namespace']}/{meta['name']}/noCloud.iso"


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


def _source(vmi: Mapping[str, Any], volume: Mapping[str, Any]) -> tuple[str, str]:
    """Path and format of the file behind a volume."""
    if "cloudInitNoCloud" in volume:
        return _cloud_init_path(vmi), "raw"
    return _disk_path(volume["name"]), "qcow2"


def convert_disks(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The disk elements, in order; device names count up for each prefix.

    Raises InvalidObject for a disk whose volume is missing.
    """
    counted: dict[str, int] = {}
    made = []
    for disk, volume in _listed(vmi):
        device = "cdrom" if "cdrom" in disk else "disk"
        bus = (disk.get(device) or {}).get("bus") or "sata"
        prefix = _PREFIX[bus]
        counted[prefix] = counted.get(prefix, -1) + 1
        path, image_format = _source(vmi, volume)
        model = "virtio-non-transitional" if bus == "virtio" else None
        made.append(
            document.element(
                "disk",
                document.element(
                    "driver", name="qemu", type=image_format, cache="writeback", error_policy="stop", discard="unmap"
                ),
                document.element("source", file=path),
                document.element("target", dev=prefix + _device_name(counted[prefix]), bus=bus),
                document.element("readonly") if device == "cdrom" else None,
                document.element("serial", disk["serial"]) if disk.get("serial") else None,
                document.element("boot", order=disk["bootOrder"]) if disk.get("bootOrder") else None,
                document.element("alias", name=f"ua-{disk['name']}"),
                type="file",
                device=device,
                model=model,
            )
        )
    return made


def files_to_make(vmi: Mapping[str, Any], container_disk_directories: Mapping[str, str]) -> list[dict[str, Any]]:
    """The disk images that the launcher makes: an overlay for each container disk, an image for each empty disk.

    `container_disk_directories` maps a volume's name to where its image is mounted.
    """
    made: list[dict[str, Any]] = []
    for volume in vmi["spec"].get("volumes") or []:
        name = volume["name"]
        if "containerDisk" in volume:
            made.append(
                {
                    "volume": name,
                    "kind": "containerDisk",
                    "directory": container_disk_directories[name],
                    "path": volume["containerDisk"].get("path"),
                    "overlay": _disk_path(name),
                }
            )
        elif "emptyDisk" in volume:
            field = f"spec.volumes[{name}].emptyDisk.capacity"
            size = quantity.parse_bytes(volume["emptyDisk"]["capacity"], field=field)
            if size <= 0:
                raise errors.InvalidObject(
                    f"{field} '{volume['emptyDisk']['capacity']}': must be greater than 0.", field=field
                )
            size = math.ceil(size / _MIB) * _MIB
            made.append({"volume": name, "kind": "emptyDisk", "path": _disk_path(name), "bytes": size})
    return made


def _data(source: Mapping[str, Any], key: str, *, field: str) -> str:
    if source.get(key) is not None:
        return str(source[key])
    encoded = source.get(f"{key}Base64")
    if encoded is None:
        return ""
    try:
        return base64.b64decode(str(encoded), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise errors.InvalidObject(
            f"{field}.{key}Base64 is not a valid base64 value.", field=f"{field}.{key}Base64"
        ) from error


def cloud_init(vmi: Mapping[str, Any]) -> dict[str, Any] | None:
    """The cloud-init disk that the launcher makes, or None: its path, label, and the files in it.

    The instance-id follows from the VMI's name and namespace, so that a restart is the same machine to cloud-init.
    """
    for volume in vmi["spec"].get("volumes") or []:
        if "cloudInitNoCloud" not in volume:
            continue
        source, field = volume["cloudInitNoCloud"], f"spec.volumes[{volume['name']}].cloudInitNoCloud"
        meta = metadata.meta(vmi)
        hostname = vmi["spec"].get("hostname") or meta["name"]
        instance = metadata.derived_uuid("cloud-init", meta["namespace"], meta["name"])
        files = {
            "meta-data": f"instance-id: {instance}\nlocal-hostname: {hostname}\n",
            "user-data": _data(source, "userData", field=field),
        }
        if network := _data(source, "networkData", field=field):
            files["network-config"] = network
        return {"path": _cloud_init_path(vmi), "label": "cidata", "files": files}
    return None
