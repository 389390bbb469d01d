"""The guest's interfaces with the networks behind them, and what the devices on their way through the pod are called.

The pod that is scheduled, the domain that is defined and the status that is told must agree on these names, so all ask here. They are KubeVirt's: `eth0`
for the pod's own network, and a hash of the network's name for each further one, which Multus is asked to use. In: a VMI. Out: `Attachment`s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, guest_resources

PRIMARY = "eth0"
#: so much of the hash that `k6t-` or `-nic` beside it is a device name of at most 15 characters
_HASH_LENGTH = 11
#: the kernel's limit for a tap device
MAX_QUEUES = 256


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One interface of the guest.

    `interface` and `network` are as in the VMI; `path` is the interface's place there. `uplink` is the pod's own interface to that network, `fallback` the
    name that it has where the network's hash was not asked for (`net1`, `net2`, in the order of the networks); `bridge` and `tap` are made for it.
    """

    interface: Mapping[str, Any]
    network: Mapping[str, Any]
    path: str
    uplink: str
    fallback: str
    bridge: str
    tap: str

    @property
    def name(self) -> str:
        """The interface's name, which is the network's too."""
        return str(self.interface["name"])

    @property
    def is_primary(self) -> bool:
        """Whether it is connected to the network that has the pod's address."""
        return self.uplink == PRIMARY

    @property
    def binding(self) -> str:
        """`masquerade`, `bridge` or `passt`."""
        for kind, field in (("bridge", "bridge"), ("passt", "passtBinding"), ("masquerade", "masquerade")):
            if self.interface.get(field) is not None:
                return kind
        raise errors.InvalidObject(
            f"{self.path}: the interface '{self.name}' has none of masquerade, bridge and passtBinding.",
            field=self.path,
        )


def network_hash(name: str) -> str:
    """What stands for a network in the names of devices, each of which has at most 15 characters."""
    return hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]


def _is_primary(network: Mapping[str, Any]) -> bool:
    return network.get("pod") is not None or bool((network.get("multus") or {}).get("default"))


def _attachment(interface: Mapping[str, Any], network: Mapping[str, Any], path: str, ordinal: int) -> Attachment:
    if _is_primary(network):
        names = {"uplink": PRIMARY, "fallback": PRIMARY, "bridge": f"k6t-{PRIMARY}", "tap": "tap0"}
    else:
        digest = network_hash(network["name"])
        names = {
            "uplink": f"pod{digest}",
            "fallback": f"net{ordinal}",
            "bridge": f"k6t-{digest}",
            "tap": f"tap{digest}",
        }
    return Attachment(interface=interface, network=network, path=path, **names)


def attachments(vmi: Mapping[str, Any]) -> list[Attachment]:
    """The guest's interfaces in the order in which it sees them; those of state `absent` are not there.

    Where neither interfaces nor networks are listed it is one on the pod's network, behind masquerade, unless the VMI says no. Raises InvalidObject for an
    interface without a network.
    """
    spec = vmi["spec"]
    devices = spec["domain"].get("devices") or {}
    listed, networks = devices.get("interfaces") or [], spec.get("networks") or []
    if not listed and not networks and devices.get("autoattachPodInterface", True):
        listed, networks = [{"name": "default", "masquerade": {}}], [{"name": "default", "pod": {}}]
    absent = {interface["name"] for interface in listed if interface.get("state") == "absent"}
    secondary = [n["name"] for n in networks if not _is_primary(n) and n["name"] not in absent]
    by_name = {network["name"]: network for network in networks}
    found = []
    for index, interface in enumerate(listed):
        path, name = f"spec.domain.devices.interfaces[{index}]", interface["name"]
        if name not in by_name:
            raise errors.InvalidObject(f"{path}.name '{name}' not found.", field=f"{path}.name")
        if name not in absent:
            ordinal = secondary.index(name) + 1 if name in secondary else 0
            found.append(_attachment(interface, by_name[name], path, ordinal))
    return found


def queues(vmi: Mapping[str, Any], attachment: Attachment) -> int:
    """How many queues the interface has: one for each virtual CPU with networkInterfaceMultiqueue, and a card and a binding that can have several."""
    devices = vmi["spec"]["domain"].get("devices") or {}
    virtio = attachment.interface.get("model", "virtio") == "virtio"
    if not devices.get("networkInterfaceMultiqueue") or not virtio or attachment.binding == "passt":
        return 1
    return min(guest_resources.virtual_cpus(vmi["spec"]), MAX_QUEUES)
