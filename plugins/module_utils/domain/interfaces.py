"""The domain's network interfaces.

In: a VMI. Out: interface elements, and what virt-handler makes in the pod's network namespace for them. The tap devices are made beforehand by virt-handler,
so that the launcher needs no right to make one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, guest_networks, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.domain import document, identity, virtio

#: the networks behind masquerade where the VMI says nothing; the guest's gateway has the first address, the guest the second
IPV4_NETWORK, IPV6_NETWORK = "10.0.2.0/24", "fd10:0:2::/120"
#: DHCP on a bridge is answered from a link-local address, another one for each interface
_BRIDGE_SERVER = ipaddress.IPv4Address("169.254.75.10")


def mac_address(vmi: Mapping[str, Any], interface: Mapping[str, Any]) -> str:
    """The interface's address as written, or one that follows from the domain's UUID."""
    written = interface.get("macAddress")
    if written:
        return str(written).lower().replace("-", ":")
    return metadata.derived_mac(identity.domain_uuid(vmi), interface["name"])


def convert_interfaces(vmi: Mapping[str, Any]) -> list[document.Element]:
    """The interface elements. Raises InvalidObject naming the field."""
    return [_convert(vmi, attachment) for attachment in guest_networks.attachments(vmi)]


def _convert(vmi: Mapping[str, Any], attachment: guest_networks.Attachment) -> document.Element:
    interface = attachment.interface
    model, order = interface.get("model", "virtio"), interface.get("bootOrder")
    queues, index = guest_networks.queues(vmi, attachment), interface.get("acpiIndex")
    return document.element(
        "interface",
        document.element("mac", address=mac_address(vmi, interface)),
        *_backend(vmi, attachment),
        document.element("model", type=virtio.model(vmi["spec"]) if model == "virtio" else model),
        document.element("driver", queues=queues) if queues > 1 else None,
        document.element("link", state="down") if interface.get("state") == "down" else None,
        # Only a card that the guest may boot from needs its ROM, which takes time to start.
        document.element("rom", enabled="no") if order is None else document.element("boot", order=order),
        document.element("acpi", index=index) if index is not None else None,
        document.element("alias", name=f"ua-{attachment.name}"),
        _pci_address(attachment),
        type="user" if attachment.binding == "passt" else "ethernet",
    )


def _backend(vmi: Mapping[str, Any], attachment: guest_networks.Attachment) -> list[document.Element]:
    """What the card is connected to: a tap device, or a passt process that libvirt starts."""
    if attachment.binding != "passt":
        return [document.element("target", dev=attachment.tap, managed="no")]
    log = f"{names.PRIVATE_DIRECTORY}/{metadata.meta(vmi)['uid']}/passt-{attachment.name}.log"
    return [
        document.element("source", dev=attachment.uplink),
        *_forwarded_ports(attachment.interface),
        document.element("backend", type="passt", logFile=log),
    ]


def _forwarded_ports(interface: Mapping[str, Any]) -> Iterator[document.Element]:
    """The ports at which the guest is reached; all of them where none is listed."""
    ports = interface.get("ports") or []
    for protocol in ("tcp", "udp"):
        wanted = [port["port"] for port in ports if str(port.get("protocol") or "TCP").lower() == protocol]
        if wanted or not ports:
            ranges = [document.element("range", start=number) for number in sorted(set(wanted))]
            yield document.group("portForward", ranges, proto=protocol)


def _pci_address(attachment: guest_networks.Attachment) -> document.Element | None:
    """The card's place on the guest's bus, from domain:bus:slot.function in hexadecimal digits."""
    written = attachment.interface.get("pciAddress")
    if not written:
        return None
    field = f"{attachment.path}.pciAddress"
    try:
        domain, bus, place = str(written).split(":")
        slot, function = place.split(".")
        parts = {"domain": domain, "bus": bus, "slot": slot, "function": function}
        return document.element(
            "address", type="pci", **{name: f"0x{int(value, 16):0{len(value)}x}" for name, value in parts.items()}
        )
    except ValueError as error:
        raise errors.InvalidObject(
            f"{field} '{written}': not a PCI address such as 0000:81:01.0.", field=field
        ) from error


def pod_interfaces(vmi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the pod's network namespace needs for each interface, as module pod_network takes it. Raises InvalidObject naming the field."""
    attachments = guest_networks.attachments(vmi)
    return [_pod_interface(vmi, attachment, index) for index, attachment in enumerate(attachments)]


def _pod_interface(vmi: Mapping[str, Any], attachment: guest_networks.Attachment, index: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": attachment.name,
        "binding": attachment.binding,
        "uplink": attachment.uplink,
        "fallback": attachment.fallback,
    }
    if attachment.binding == "passt":
        return made
    mac = mac_address(vmi, attachment.interface)
    made |= {
        "bridge": attachment.bridge,
        "tap": attachment.tap,
        "queues": guest_networks.queues(vmi, attachment),
        "mac": mac,
        "told": {"mac": mac, **_told(vmi, attachment.interface)},
    }
    if attachment.binding == "bridge":
        return {**made, "server": str(_BRIDGE_SERVER + index)}
    pod = attachment.network.get("pod") or {}
    gateway, guest = _hosts(pod.get("vmNetworkCIDR") or IPV4_NETWORK, "vmNetworkCIDR")
    gateway6, guest6 = _hosts(pod.get("vmIPv6NetworkCIDR") or IPV6_NETWORK, "vmIPv6NetworkCIDR")
    ports = [
        {"port": port["port"], "protocol": port.get("protocol") or "TCP"}
        for port in attachment.interface.get("ports") or []
    ]
    return {**made, "gateway": gateway, "guest": guest, "gateway6": gateway6, "guest6": guest6, "ports": ports}


def _hosts(cidr: str, field: str) -> tuple[str, str]:
    """The gateway with its prefix length, and the guest's address. Raises InvalidObject for what is no network, or has no two hosts."""
    version = 4 if field == "vmNetworkCIDR" else 6
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError as error:
        raise errors.InvalidObject(f"spec.networks: pod.{field} '{cidr}': {error}.", field=field) from error
    if network.version != version or network.num_addresses < 4:
        message = f"spec.networks: pod.{field} '{cidr}': has to be an IPv{version} network of 4 addresses at least."
        raise errors.InvalidObject(message, field=field)
    return f"{network[1]}/{network.prefixlen}", str(network[2])


def _told(vmi: Mapping[str, Any], interface: Mapping[str, Any]) -> dict[str, Any]:
    """What the guest is told beside its addresses: its name, its domain, the VMI's DHCP options by number."""
    spec = vmi["spec"]
    asked = interface.get("dhcpOptions") or {}
    private = {str(option["option"]): option["value"] for option in asked.get("privateOptions") or []}
    return {
        "hostname": spec.get("hostname") or metadata.meta(vmi)["name"].split(".")[0][:63].rstrip("-"),
        "subdomain": spec.get("subdomain"),
        "boot_file": asked.get("bootFileName"),
        "tftp_server": asked.get("tftpServerName"),
        "ntp_servers": list(asked.get("ntpServers") or []),
        "private_options": private,
    }
