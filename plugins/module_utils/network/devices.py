"""A network namespace as it was seen, and lines for `ip -batch` that bring one device into the wished state.

In: what `ip -details -json address`, `ip -json route` and `nft list table` printed. Out: `Observed`, and lines: only what is missing, so that running them
again, also after a crash half way, is right and cheap. Pure. Called by: the bindings beside this file.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

#: a bridge's own address; fixed, or the bridge would take over the address of each port that joins
BRIDGE_MAC = "02:00:00:00:00:00"
_DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")

Device = Mapping[str, Any]


@dataclass(frozen=True)
class Observed:
    """A network namespace as it is.

    Devices by name as `ip -details -json address` prints them, routes of the main tables as `ip -json route` prints them, our nftables tables as text,
    kernel settings by path below /proc/sys.
    """

    devices: Mapping[str, Device]
    routes: Sequence[Mapping[str, Any]] = ()
    ruleset: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tap:
    """The guest's end of a bridge: who may open it, and with how many queues."""

    name: str
    bridge: str
    owner_uid: int = 107
    owner_gid: int = 107
    queues: int = 1


#: the guest's end on the pod's own network
TAP0 = Tap(name="tap0", bridge="k6t-eth0")


def check_names(**names: str) -> None:
    """Raise InvalidObject for what is not a name of a network device, naming the option."""
    for option, value in names.items():
        if not _DEVICE_NAME.fullmatch(value):
            raise errors.InvalidObject(
                f"{option} '{value}' is not a network device name of 1 to 15 characters.", field=option
            )


def check_mac(mac: str) -> None:
    """Raise InvalidObject for what is not a hardware address in lower case with colons."""
    if not _MAC.fullmatch(mac):
        raise errors.InvalidObject(f"mac '{mac}' is not an Ethernet address such as 02:1a:2b:3c:4d:5e.", field="mac")


def parse_devices(text: str) -> dict[str, Device]:
    """Return devices by name from what `ip -details -json address show` printed."""
    return {device["ifname"]: device for device in json.loads(text) if device.get("ifname")}


def parse_routes(text: str) -> list[Mapping[str, Any]]:
    """Return routes from what `ip -json route show` printed, several times one after the other; an empty answer has none."""
    return [route for line in text.splitlines() if line.strip() for route in json.loads(line) if route.get("dst")]


def uplink_name(observed: Observed, *candidates: str) -> str:
    """Return the first of the names that the pod has an interface of. Raises PermanentError naming all of them.

    It is permanent because a pod's interfaces are made before its processes start.
    """
    for name in candidates:
        if name in observed.devices:
            return name
    names = " or ".join(dict.fromkeys(candidates))
    raise errors.PermanentError(
        f"the pod has no interface {names}: its CNI plugins have not made it, and make none once the pod runs. Is Multus in this"
        f" cluster, and does the network that the VirtualMachineInstance names exist? Then delete the instance, or restart its machine"
    )


def kind(device: Device) -> str:
    """Return what a device is, in the kernel's words; empty for a plain one."""
    return str(device.get("linkinfo", {}).get("info_kind", ""))


def addresses(device: Device, *, version: int) -> list[str]:
    """Return the global addresses of a device with their prefix lengths, such as 10.244.1.7/24."""
    family = {4: "inet", 6: "inet6"}[version]
    infos = [info for info in device.get("addr_info", []) if info.get("scope") == "global"]
    return [f"{info['local']}/{info['prefixlen']}" for info in infos if info.get("family") == family]


def mtu_lines(name: str, device: Device, mtu: int) -> list[str]:
    """Return the line that gives a device its MTU, if it has another."""
    return [] if device.get("mtu") == mtu else [f"link set dev {name} mtu {mtu}"]


def up_lines(name: str, device: Device) -> list[str]:
    """Return the line that turns a device on, if it is off."""
    return [] if "UP" in device.get("flags", []) else [f"link set dev {name} up"]


def bridge_lines(observed: Observed, name: str, *, address: str | None, mtu: int, mac: str = BRIDGE_MAC) -> list[str]:
    """Return the lines for a bridge with one IPv4 address and a fixed hardware address."""
    bridge, lines = observed.devices.get(name), []
    if bridge is not None and kind(bridge) != "bridge":
        lines.append(f"link delete dev {name}")
        bridge = None
    if bridge is None:
        lines.append(f"link add name {name} address {mac} mtu {mtu} type bridge stp_state 0 forward_delay 0")
        bridge = {"mtu": mtu}
    if address is not None and address not in _all_addresses(bridge):
        lines.append(f"address add {address} dev {name}")
    return [*lines, *mtu_lines(name, bridge, mtu), *up_lines(name, bridge)]


def _all_addresses(device: Device) -> set[str]:
    return {f"{info.get('local')}/{info.get('prefixlen')}" for info in device.get("addr_info", [])}


def has_address(device: Device, address: ipaddress.IPv6Interface) -> bool:
    """Return whether a device has an IPv6 address, however it is written."""
    return str(address) in {str(ipaddress.ip_interface(text)) for text in addresses(device, version=6)}


def tap_lines(observed: Observed, wish: Tap, mtu: int) -> list[str]:
    """Return the lines for a tap device in its bridge; one that another user may open, or with another number of queues, is made anew."""
    tap, lines = observed.devices.get(wish.name), []
    if tap is not None and not _is_wished(tap, wish):
        lines.append(f"link delete dev {wish.name}")
        tap = None
    if tap is None:
        several = " multi_queue" if wish.queues > 1 else ""
        lines.append(
            f"tuntap add dev {wish.name} mode tap user {wish.owner_uid} group {wish.owner_gid} vnet_hdr{several}"
        )
        tap = {"mtu": 1500}
    lines.extend(mtu_lines(wish.name, tap, mtu))
    if tap.get("master") != wish.bridge or wish.bridge not in observed.devices:
        lines.append(f"link set dev {wish.name} master {wish.bridge}")
    return [*lines, *up_lines(wish.name, tap)]


def _is_wished(tap: Device, wish: Tap) -> bool:
    details = tap.get("linkinfo", {}).get("info_data", {})
    owner = (str(details.get("user")), str(details.get("group")))
    several = bool(details.get("multi_queue")) == (wish.queues > 1)
    return kind(tap) == "tun" and details.get("type") == "tap" and owner == _owner(wish) and several


def _owner(wish: Tap) -> tuple[str, str]:
    return str(wish.owner_uid), str(wish.owner_gid)


def removal_lines(observed: Observed, *names: str) -> list[str]:
    """Return the lines that remove these devices where they exist."""
    return [f"link delete dev {name}" for name in names if name in observed.devices]
