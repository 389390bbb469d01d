"""Manifests of the virtual machines that the stories make: the tiny guest, small enough that several run on two cores.

In: a name and what is special. Out: dicts as `kubectl apply` takes them.
"""

from __future__ import annotations

from typing import Any

KUBEVIRT = "kubevirt.io/v1"
TINY_IMAGE = "playvirt.io/tiny-container-disk:devel"
DEBIAN_IMAGE = "playvirt.io/debian-container-disk:devel"
BUSYBOX_IMAGE = "playvirt.io/cluster/busybox:1"

Object = dict[str, Any]


def spec(
    *,
    image: str = TINY_IMAGE,
    memory: str = "128Mi",
    user_data: str = "",
    grace_seconds: int = 3,
    node_selector: dict[str, str] | None = None,
) -> Object:
    """What a VirtualMachineInstance runs; with `user_data` it has a cloud-init disk."""
    disks = [{"name": "root", "disk": {"bus": "virtio"}}]
    volumes: list[Object] = [{"name": "root", "containerDisk": {"image": image}}]
    if user_data:
        disks.append({"name": "cloudinit", "disk": {"bus": "virtio"}})
        volumes.append({"name": "cloudinit", "cloudInitNoCloud": {"userData": user_data}})
    return {
        "terminationGracePeriodSeconds": grace_seconds,
        "domain": {
            "memory": {"guest": memory},
            "devices": {
                "disks": disks,
                "interfaces": [{"name": "default", "masquerade": {}}],
                "autoattachGraphicsDevice": False,
            },
        },
        "networks": [{"name": "default", "pod": {}}],
        "volumes": volumes,
        **({"nodeSelector": node_selector} if node_selector else {}),
    }


def instance(name: str, **special: Any) -> Object:
    """A VirtualMachineInstance."""
    return {
        "apiVersion": KUBEVIRT,
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name},
        "spec": spec(**special),
    }


def machine(name: str, *, run_strategy: str = "Always", **special: Any) -> Object:
    """A VirtualMachine whose pods carry the label `app: NAME`."""
    return {
        "apiVersion": KUBEVIRT,
        "kind": "VirtualMachine",
        "metadata": {"name": name},
        "spec": {
            "runStrategy": run_strategy,
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec(**special)},
        },
    }


def with_disk(obj: Object, name: str, source: Object, *, target: Object | None = None) -> Object:
    """The machine or instance with one more disk, on the virtio bus unless said."""
    run = obj["spec"]["template"]["spec"] if obj["kind"] == "VirtualMachine" else obj["spec"]
    run["domain"]["devices"]["disks"].append({"name": name, **(target or {"disk": {"bus": "virtio"}})})
    run["volumes"].append({"name": name, **source})
    return obj


def claim(name: str, *, size: str = "64Mi", volume: str = "") -> Object:
    """A PersistentVolumeClaim: of the default class with a file system, or a block device that is this volume of class `block`."""
    chosen = {"volumeMode": "Block", "storageClassName": "block", "volumeName": volume} if volume else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}, **chosen},
    }


def service(name: str, *, app: str, port: int) -> Object:
    """A Service in front of the pods with that label `app`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app}, "ports": [{"port": port, "protocol": "TCP"}]},
    }


def client_pod(name: str, *, node: str | None = None) -> Object:
    """A pod with a shell and nothing to do."""
    container = {
        "name": "shell",
        "image": BUSYBOX_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 1,
            **({"nodeName": node} if node else {}),
        },
    }
