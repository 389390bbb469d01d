"""The files and devices behind a domain's disks.

In: a VMI. Out: where a volume's data are inside the launcher pod, and the disks that the launcher has to make or check there before the domain can be defined.
How the guest sees them is told by disks.py; ISO images are described by iso_images.py.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import (
    errors,
    launcher_paths,
    persistent_volume_claims,
    quantity,
)
from ansible_collections.playvirt.core.plugins.module_utils.domain import iso_images

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Source:
    """What QEMU opens: a path inside the launcher pod, the format of what is there (`raw` or `qcow2`), libvirt's type of it (`file` or `block`), and whether it
    cannot be written."""

    path: str
    format: str
    type: str = "file"
    read_only: bool = False


def _claim_source(vmi: Mapping[str, Any], use: persistent_volume_claims.Use) -> Source:
    if persistent_volume_claims.is_block(vmi, use.volume):
        return Source(launcher_paths.device(use.volume), "raw", type="block", read_only=use.read_only)
    return Source(_claim_file(use.volume), "raw", read_only=use.read_only)


def _claim_file(volume_name: str) -> str:
    return f"{launcher_paths.directory(volume_name)}/{launcher_paths.CLAIM_FILE}"


def _host_disk_file(volume: Mapping[str, Any]) -> str:
    return f"{launcher_paths.directory(volume['name'])}/{posixpath.basename(volume['hostDisk']['path'])}"


def source(vmi: Mapping[str, Any], volume: Mapping[str, Any]) -> Source:
    """What is behind a volume."""
    use = persistent_volume_claims.use_of(volume)
    if use is not None and not use.ephemeral:
        return _claim_source(vmi, use)
    if "hostDisk" in volume:
        return Source(_host_disk_file(volume), "raw")
    if (image := iso_images.path_of(vmi, volume)) is not None:
        return Source(image, "raw")
    return Source(launcher_paths.disk(volume["name"]), "qcow2")


def _bytes(text: Any, field: str) -> int:
    """A size in whole MiB, rounded up. Raises InvalidObject for none, and for one that is not above 0."""
    size = quantity.parse_bytes(text, field=field)
    if size <= 0:
        raise errors.InvalidObject(f"{field} '{text}': must be greater than 0.", field=field)
    return math.ceil(size / _MIB) * _MIB


def claim_bytes(info: Mapping[str, Any], *, field: str) -> int:
    """The size of a new image on a claim: what was asked for, or the volume's capacity if that is less, without what its file system needs; in whole MiB.

    `info` is a persistentVolumeClaimInfo. Raises InvalidObject naming `field` where it tells no size, or one too small.
    """
    told = ((info.get(kind) or {}).get("storage") for kind in ("capacity", "requests"))
    known = [size for size in told if size is not None]
    if not known:
        raise errors.InvalidObject(
            f"{field}: nothing is known of the size of the claim yet; the status of the instance has it once the claim is bound",
            field=field,
        )
    size = min(quantity.parse_bytes(text, field=field) for text in known)
    usable = int(size * (1 - Decimal(info.get("filesystemOverhead") or 0))) // _MIB * _MIB
    if usable <= 0:
        raise errors.InvalidObject(f"{field}: the claim's {size} bytes are too few for a disk image", field=field)
    return usable


def _claim_disk(vmi: Mapping[str, Any], use: persistent_volume_claims.Use) -> dict[str, Any]:
    """The image on a claim, made where there is none; or its block device, which only has to be usable."""
    kind = "ephemeral" if use.ephemeral else "persistentVolumeClaim"
    disk: dict[str, Any] = {"volume": use.volume, "kind": kind, "claim": use.claim, "read_only": use.read_only}
    if use.ephemeral:
        disk["overlay"] = launcher_paths.disk(use.volume)
    if persistent_volume_claims.is_block(vmi, use.volume):
        return {**disk, "device": launcher_paths.device(use.volume)}
    disk["path"] = _claim_file(use.volume)
    if use.read_only:
        return {**disk, "bytes": None}
    info = persistent_volume_claims.info(vmi, use.volume)
    return {**disk, "bytes": claim_bytes(info, field=f"spec.volumes[{use.volume}].persistentVolumeClaim")}


def _host_disk(volume: Mapping[str, Any]) -> dict[str, Any]:
    disk, field = volume["hostDisk"], f"spec.volumes[{volume['name']}].hostDisk.capacity"
    size = None
    if disk["type"] == "DiskOrCreate" and disk.get("capacity") is not None:
        size = _bytes(disk["capacity"], field)
    return {
        "volume": volume["name"],
        "kind": "hostDisk",
        "host_path": disk["path"],
        "path": _host_disk_file(volume),
        "bytes": size,
    }


def disks_to_make(vmi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The disks that the launcher makes where they are missing and checks where they are there, in the order of the volumes.

    An overlay for each container disk and each ephemeral volume, an image for each empty disk, host disk and claim with a file system. `bytes` is None
    where the image has to be there already. Raises InvalidObject.
    """
    made: list[dict[str, Any]] = []
    for index, volume in enumerate(vmi["spec"].get("volumes") or []):
        name = volume["name"]
        if "containerDisk" in volume:
            made.append(
                {
                    "volume": name,
                    "kind": "containerDisk",
                    "directory": launcher_paths.container_disk(index),
                    "path": volume["containerDisk"].get("path"),
                    "overlay": launcher_paths.disk(name),
                }
            )
        elif "emptyDisk" in volume:
            size = _bytes(volume["emptyDisk"]["capacity"], f"spec.volumes[{name}].emptyDisk.capacity")
            made.append({"volume": name, "kind": "emptyDisk", "path": launcher_paths.disk(name), "bytes": size})
        elif "hostDisk" in volume:
            made.append(_host_disk(volume))
        elif (use := persistent_volume_claims.use_of(volume)) is not None:
            made.append(_claim_disk(vmi, use))
    return made
