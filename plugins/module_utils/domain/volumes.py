"""The files and devices behind a domain's disks.

In: a VMI. Out: where a volume's data are inside the launcher pod, and what the launcher has to make there before the domain can be defined. How the guest sees
them is told by disks.py.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata, names, quantity

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Source:
    """What QEMU opens: a path inside the launcher pod, the format of what is there (`raw` or `qcow2`), and libvirt's type of it (`file` or `block`)."""

    path: str
    format: str
    type: str = "file"


def _disk_path(volume_name: str) -> str:
    return f"{names.EPHEMERAL_DIRECTORY}/disk-data/{volume_name}/disk.qcow2"


def _cloud_init_path(vmi: Mapping[str, Any]) -> str:
    meta = metadata.meta(vmi)
    return f"{names.EPHEMERAL_DIRECTORY}/cloud-init-data/{meta['namespace']}/{meta['name']}/noCloud.iso"


def source(vmi: Mapping[str, Any], volume: Mapping[str, Any]) -> Source:
    """What is behind a volume."""
    if "cloudInitNoCloud" in volume:
        return Source(_cloud_init_path(vmi), "raw")
    return Source(_disk_path(volume["name"]), "qcow2")


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
