"""Which devices this node has, and what a container that asks for one of them gets.

In: the names of the devices that may be offered. Out: those that exist here and work, and the kubelet's words for an allocation. Called by:
device_plugin.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.playvirt.core.images.virt_handler import device_plugin_api_pb2 as api

LOG = logging.getLogger("virt-handler.devices")

#: how many containers of a node may hold the same device; the device itself sets no limit
UNITS = 1000
_KVM_CREATE_VM = 0xAE01


@dataclass(frozen=True)
class HostDevice:
    """A device node of the host that pods may ask for as `devices.kubevirt.io/<name>`."""

    name: str
    path: str
    #: directories of the node that every container with this device sees, read-only, under the same path
    shared_directories: tuple[str, ...] = ()

    @property
    def resource_name(self) -> str:
        """The extended resource's name."""
        return f"devices.kubevirt.io/{self.name}"

    def allocation(self) -> api.ContainerAllocateResponse:
        """What the kubelet adds to a container that got a unit of this device."""
        return api.ContainerAllocateResponse(
            devices=[api.DeviceSpec(container_path=self.path, host_path=self.path, permissions="rw")],
            mounts=[
                api.Mount(container_path=directory, host_path=directory, read_only=True)
                for directory in self.shared_directories
            ],
        )


def _can_open(descriptor: int) -> None:
    """Having opened it is enough."""


def _can_create_vm(descriptor: int) -> None:
    os.close(fcntl.ioctl(descriptor, _KVM_CREATE_VM, 0))


_CHECKS: dict[str, tuple[str, Callable[[int], None]]] = {
    "tun": ("/dev/net/tun", _can_open),
    "kvm": ("/dev/kvm", _can_create_vm),
    "vhost-net": ("/dev/vhost-net", _can_open),
}


def problem(path: str, check: Callable[[int], None]) -> str | None:
    """Return why the device node cannot be used, None when it can."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV)
        return "this node has none" if missing else f"it cannot be opened: {error.strerror}"
    try:
        check(descriptor)
    except OSError as error:
        return f"it does not work: {error.strerror}"
    finally:
        os.close(descriptor)
    return None


def offered(names: Sequence[str], *, node_directory: str) -> list[HostDevice]:
    """Return the devices of `names` that exist and work on this node; the others are logged with the reason.

    Every launcher asks for `tun`, so that is the device by which it comes to see the node directory.
    """
    found = []
    for name in names:
        if name not in _CHECKS:
            LOG.warning("PLAYVIRT_DEVICES names device %s, which is not one of %s", name, ", ".join(_CHECKS))
            continue
        path, check = _CHECKS[name]
        reason = problem(path, check)
        if reason is not None:
            LOG.info("device %s (%s) is not offered: %s", name, path, reason)
            continue
        found.append(HostDevice(name, path, (node_directory,) if name == "tun" else ()))
    return found
