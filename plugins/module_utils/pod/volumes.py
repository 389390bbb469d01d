"""The launcher pod's volumes and where they are mounted.

In: a VMI. Out: the pod's volumes, the compute container's mounts and its block devices. A container disk is an image volume: the kubelet mounts the
image's files read-only, and the launcher lays a copy-on-write overlay over the one in /disk. ConfigMaps, Secrets and their like are mounted as
directories, of which the launcher makes ISO images; they are optional in the pod even where the VMI needs them, because the kubelet tells of a missing
one nowhere in the pod's status, while the launcher's answer becomes a condition.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import (
    errors,
    launcher_paths,
    names,
    persistent_volume_claims,
)

PRIVATE_MOUNT = {"name": "private", "mountPath": names.PRIVATE_DIRECTORY}
#: the life of the token in a serviceAccount volume, in seconds; the API server takes this very number for "a pod that does not ask for another"
TOKEN_SECONDS = 3607
_WORKING = (
    ("private", names.PRIVATE_DIRECTORY),
    ("public", names.SHARE_DIRECTORY),
    ("ephemeral-disks", names.EPHEMERAL_DIRECTORY),
    ("libvirt-runtime", names.LIBVIRT_DIRECTORY),
    ("tmp", "/tmp"),
)


@dataclass(frozen=True, kw_only=True)
class PodVolume:
    """A volume of the pod: its name, its source, and where the compute container finds it, as a directory or as a block device."""

    name: str
    source: Mapping[str, Any]
    path: str
    read_only: bool = True
    is_device: bool = False


def working_volumes() -> list[dict[str, Any]]:
    """The directories that the launcher writes to."""
    return [{"name": name, "emptyDir": {}} for name, _path in _WORKING]


def working_mounts() -> list[dict[str, Any]]:
    """Where they are mounted."""
    return [{"name": name, "mountPath": path} for name, path in _WORKING]


#: what every container has in /dev, or gets of the node's device plugins
_TAKEN_DEVICES = frozenset(
    (
        *("console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm"),
        *("stderr", "stdin", "stdout", "tty", "urandom", "zero", "fuse", "kvm", "net", "vhost-net"),
    )
)


def _claim(vmi: Mapping[str, Any], use: persistent_volume_claims.Use, name: str) -> PodVolume:
    """A file system is mounted; a block device appears in /dev, where the claim itself has to say that it is only read."""
    block = persistent_volume_claims.is_block(vmi, use.volume)
    if block and use.volume in _TAKEN_DEVICES:
        field = f"spec.volumes[{use.volume}].name"
        raise errors.InvalidObject(
            f"{field}: the block device of claim {use.claim} cannot be called /dev/{use.volume} in the pod; give the volume another name",
            field=field,
        )
    only_read = {"readOnly": True} if block and use.read_only else {}
    return PodVolume(
        name=name,
        source={"persistentVolumeClaim": {"claimName": use.claim, **only_read}},
        path=launcher_paths.device(use.volume) if block else launcher_paths.directory(use.volume),
        read_only=use.read_only,
        is_device=block,
    )


def _service_account(_source: Mapping[str, Any]) -> dict[str, Any]:
    """What Kubernetes mounts into a pod that wants its account's token, for the compute container alone."""
    certificate = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
                {"configMap": certificate},
                {"downwardAPI": {"items": [namespace]}},
            ]
        }
    }


def _downward_api(source: Mapping[str, Any]) -> dict[str, Any]:
    """The fields; a resource is the compute container's where nothing else is said."""
    items = []
    for field in source.get("fields") or []:
        item = dict(field)
        if "resourceFieldRef" in item:
            item["resourceFieldRef"] = {"containerName": "compute", **item["resourceFieldRef"]}
        items.append(item)
    return {"downwardAPI": {"items": items}}


#: a volume's source -> the pod's; each becomes a directory, and of this an ISO image
_DIRECTORIES = {
    "configMap": lambda source: {"configMap": {"name": source["name"], "optional": True}},
    "secret": lambda source: {"secret": {"secretName": source["secretName"], "optional": True}},
    "serviceAccount": _service_account,
    "downwardAPI": _downward_api,
}
_CLOUD_INIT = {"secretRef": launcher_paths.USER_DATA, "networkDataSecretRef": launcher_paths.NETWORK_DATA}


def _pod_volumes(vmi: Mapping[str, Any]) -> Iterator[PodVolume]:
    for index, volume in enumerate(vmi["spec"].get("volumes") or []):
        name = f"volume-{index}"
        if "containerDisk" in volume:
            disk = volume["containerDisk"]
            image = {"reference": disk["image"], "pullPolicy": disk.get("imagePullPolicy", "IfNotPresent")}
            yield PodVolume(name=f"disk-{index}", source={"image": image}, path=launcher_paths.container_disk(index))
        elif "hostDisk" in volume:
            disk = volume["hostDisk"]
            kind = "DirectoryOrCreate" if disk["type"] == "DiskOrCreate" else "Directory"
            source = {"hostPath": {"path": posixpath.dirname(disk["path"]), "type": kind}}
            path = launcher_paths.directory(volume["name"])
            yield PodVolume(name=name, source=source, path=path, read_only=False)
        elif (use := persistent_volume_claims.use_of(volume)) is not None:
            yield _claim(vmi, use, name)
        for kind, render in _DIRECTORIES.items():
            if kind in volume:
                yield PodVolume(name=name, source=render(volume[kind]), path=launcher_paths.content(volume["name"]))
        for kind in ("cloudInitNoCloud", "cloudInitConfigDrive"):
            for reference, part in _CLOUD_INIT.items():
                if secret := ((volume.get(kind) or {}).get(reference) or {}).get("name"):
                    yield PodVolume(
                        name=f"{name}-{part}",
                        source={"secret": {"secretName": secret, "optional": True}},
                        path=launcher_paths.cloud_init(volume["name"], part),
                    )


def disk_volumes(vmi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pod's volumes behind the VMI's. Raises InvalidObject for one that cannot be in a pod."""
    return [{"name": volume.name, **volume.source} for volume in _pod_volumes(vmi)]


def disk_mounts(vmi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where they are mounted."""
    return [
        {"name": volume.name, "mountPath": volume.path, **({"readOnly": True} if volume.read_only else {})}
        for volume in _pod_volumes(vmi)
        if not volume.is_device
    ]


def disk_devices(vmi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that are block devices, and where they appear."""
    return [{"name": volume.name, "devicePath": volume.path} for volume in _pod_volumes(vmi) if volume.is_device]


def service_account(spec: Mapping[str, Any]) -> str | None:
    """The account that the pod runs under, where a volume asks for one."""
    for volume in spec.get("volumes") or []:
        if "serviceAccount" in volume:
            return str(volume["serviceAccount"]["serviceAccountName"])
    return None


def pull_secrets(spec: Mapping[str, Any]) -> list[str]:
    """The Secrets with which the kubelet pulls the images of container disks."""
    named = (volume.get("containerDisk", {}).get("imagePullSecret") for volume in spec.get("volumes") or [])
    return [name for name in named if name]
