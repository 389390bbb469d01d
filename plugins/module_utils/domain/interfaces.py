"""The domain's network interfaces.

In: a VMI. Out: interface elements, and what virt-handler makes in the pod's network namespace for them. The tap device is made beforehand by virt-handler,
so that the launcher needs no right to make one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.domain import document, identity, virtio

BRIDGE = "k6t-eth0"
TAP = "tap0"
GATEWAY = "10.0.2.1"
GUEST_ADDRESS = "10.0.2.2"
PREFIX = 24


def pod_interface(vmi: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The interface on the pod's network: the one listed, a masquerade one where nothing is listed, or None."""
    spec = vmi["spec"]
    devices = spec["domain"].get("devices") or {}
    listed = devices.get("interfaces") or []
    if listed:
        found: Mapping[str, Any] = listed[0]
        return found
    if spec.get("networks") or not devices.get("autoattachPodInterface", True):
        return None
    return {"name": "default", "masquerade": {}}


def mac_address(vmi: Mapping[str, Any], interface: Mapping[str, Any]) -> str:
    """The interface's address as written, or one that follows from the domain's UUID."""
    written = interface.get("macAddress")
    if written:
        return str(written).lower().replace("-", ":")
    return metadata.derived_mac(identity.domain_uuid(vmi), interface["name"])


def convert_interfaces(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The interface elements."""
    interface = pod_interface(vmi)
    if interface is None:
        return []
    model = interface.get("model", "virtio")
    return [
        document.element(
            "interface",
            document.element("mac", address=mac_address(vmi, interface)),
            document.element("target", dev=TAP, managed="no"),
            document.element("model", type=virtio.model(vmi["spec"]) if model == "virtio" else model),
            document.element("rom", enabled="no"),
            document.element("alias", name=f"ua-{interface['name']}"),
            type="ethernet",
        )
    ]


def masquerade(vmi: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the pod's network namespace needs: names, addresses, ports; None without an interface."""
    interface = pod_interface(vmi)
    if interface is None:
        return None
    return {
        "bridge": BRIDGE,
        "tap": TAP,
        "gateway": GATEWAY,
        "client": GUEST_ADDRESS,
        "prefix": PREFIX,
        "mac": mac_address(vmi, interface),
        "ports": [
            {"port": port["port"], "protocol": port.get("protocol", "TCP")} for port in interface.get("ports") or []
        ],
    }
