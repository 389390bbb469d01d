"""Where things are inside a launcher pod. Constants only; the pod's volumes are mounted at the first four and below them.

Called by every file of this package. Nothing is imported here: this file is read before libvirtd is started.
"""

from __future__ import annotations

LIBVIRT = "/var/run/libvirt"
"""Writable: libvirtd's socket, configuration, state and cache."""

PRIVATE = "/var/run/kubevirt-private"
"""Writable, shared with container guest-console-log: a directory per VMI uid with the domain's sockets, its serial log and the lock."""

EPHEMERAL_DISKS = "/var/run/kubevirt-ephemeral-disks"
"""Writable: overlays, empty disks, cloud-init images."""

CONTAINER_DISKS = "/var/run/kubevirt/container-disks"
"""Read-only: one image volume per containerDisk, `disk_<index>`."""

VOLUMES = PRIVATE + "/vmi-disks"
"""Writable or not as the volume is: a directory per claim with a file system or host disk, named like the volume."""

CONTENTS = PRIVATE + "/volume-contents"
"""Read-only: a directory per ConfigMap, Secret, service account or downward API volume, named like it."""

CLOUD_INIT = PRIVATE + "/cloud-init"
"""Read-only: the Secrets with cloud-init's data, by volume and part."""

DEVICES = "/dev"
"""Block devices of claims, named like their volumes."""

NODE = "/var/run/playvirt"
"""Read-only, from the node's device plugin: the handler's socket and libvirt's capability cache."""

HANDLER_SOCKET = NODE + "/handler.sock"
CAPABILITIES = NODE + "/capabilities"
KVM = "/dev/kvm"
"""There where the pod asked for it: the guest does not use emulation."""

TERMINATION_LOG = "/dev/termination-log"
RESOLV_CONF = "/etc/resolv.conf"


def private_directory(vmi_uid: str) -> str:
    """The directory of this VMI under PRIVATE."""
    return f"{PRIVATE}/{vmi_uid}"


def alive_lock(vmi_uid: str) -> str:
    """The file that the launcher keeps locked while it lives; container guest-console-log waits on it."""
    return f"{private_directory(vmi_uid)}/alive"


def serial_log(vmi_uid: str) -> str:
    """What QEMU writes of the first serial port."""
    return f"{private_directory(vmi_uid)}/virt-serial0-log"
