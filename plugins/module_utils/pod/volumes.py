"""The launcher pod's volumes and where they are mounted.

In: a VMI's spec. Out: the pod's volumes and the compute container's mounts. A container disk is an image volume: the kubelet mounts the image's files
read-only, and the launcher lays a copy-on-write overlay over the one in /disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names

PRIVATE_MOUNT = {"name": "private", "mountPath": names.PRIVATE_DIRECTORY}
_WORKING = (
    ("private", names.PRIVATE_DIRECTORY),
    ("public", names.SHARE_DIRECTORY),
    ("ephemeral-disks", names.EPHEMERAL_DIRECTORY),
    ("libvirt-runtime", names.LIBVIRT_DIRECTORY),
    ("tmp", "/tmp"),
)


def working_volumes() -> list[dict[str, Any]]:
    """The directories that the launcher writes to."""
    return [{"name": name, "emptyDir": {}} for name, _path in _WORKING]


def working_mounts() -> list[dict[str, Any]]:
    """Where they are mounted."""
    return [{"name": name, "mountPath": path} for name, path in _WORKING]


def container_disk_directory(index: int) -> str:
    """Where the files of the volume at that place in spec.volumes are seen inside the pod."""
    return f"{names.CONTAINER_DISK_DIRECTORY}/disk_{index}"


def _container_disks(spec: Mapping[str, Any]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    for index, volume in enumerate(spec.get("volumes") or []):
        if "containerDisk" in volume:
            yield index, volume["name"], volume["containerDisk"]


def disk_volumes(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pod's volumes behind the VMI's."""
    return [
        {
            "name": f"disk-{index}",
            "image": {"reference": disk["image"], "pullPolicy": disk.get("imagePullPolicy", "IfNotPresent")},
        }
        for index, _name, disk in _container_disks(spec)
    ]


def disk_mounts(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where they are mounted."""
    return [
        {"name": f"disk-{index}", "mountPath": container_disk_directory(index), "readOnly": True}
        for index, _name, _disk in _container_disks(spec)
    ]
