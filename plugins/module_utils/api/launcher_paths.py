"""Where a VMI's volumes are inside its launcher pod: the pod mounts them there, the domain and the launcher's commands find them there.

In: a volume's name, or its place in spec.volumes. Out: paths.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import names

#: the file in a claim's file system
CLAIM_FILE = "disk.img"
#: the parts of cloud-init's data that can come from a Secret; also the key in it
USER_DATA, NETWORK_DATA = "userdata", "networkdata"


def container_disk(index: int) -> str:
    """The files of the image of the containerDisk at that place in spec.volumes."""
    return f"{names.CONTAINER_DISK_DIRECTORY}/disk_{index}"


def directory(volume_name: str) -> str:
    """The file system of a claim, or the node's directory of a hostDisk."""
    return f"{names.PRIVATE_DIRECTORY}/vmi-disks/{volume_name}"


def device(volume_name: str) -> str:
    """The block device of a claim."""
    return f"/dev/{volume_name}"


def content(volume_name: str) -> str:
    """The files of a configMap, secret, serviceAccount or downwardAPI volume."""
    return f"{names.PRIVATE_DIRECTORY}/volume-contents/{volume_name}"


def cloud_init(volume_name: str, part: str) -> str:
    """The Secret with that part of cloud-init's data."""
    return f"{names.PRIVATE_DIRECTORY}/cloud-init/{volume_name}/{part}"


def disk(volume_name: str) -> str:
    """The qcow2 file that the launcher makes: an overlay, or an empty disk."""
    return f"{names.EPHEMERAL_DIRECTORY}/disk-data/{volume_name}/disk.qcow2"


def iso_image(volume_name: str) -> str:
    """The ISO image that the launcher makes of `content`."""
    return f"{names.EPHEMERAL_DIRECTORY}/iso-images/{volume_name}.iso"


def cloud_init_image(namespace: str, name: str, file: str) -> str:
    """The ISO image with cloud-init's data of the VMI of that name."""
    return f"{names.EPHEMERAL_DIRECTORY}/cloud-init-data/{namespace}/{name}/{file}"
