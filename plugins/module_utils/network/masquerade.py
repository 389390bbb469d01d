"""Masquerade: what has to be made in a pod's network namespace so that the guest sits behind the pod's address.

The guest's tap device and a bridge with the guest's gateway form a small private network; nftables sends what arrives at the pod's interface to
the guest, and what the guest sends leaves with the pod's address. In: `Masquerade` (the wish) and `Observed` (what `ip -details -json address`
and `nft list table` printed). Out: the text for `ip -batch`, the nftables ruleset, the kernel settings: only what is missing, so that running it
again, also after a crash half way, is right and cheap. Pure: starts nothing, reads nothing. Called by: module pod_network.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

TABLE = "playvirt"
#: the bridge's own address; fixed, or the bridge would take over the address of each port that joins
BRIDGE_MAC = "02:00:00:00:00:00"
_DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True, order=True)
class Port:
    """A port of the guest that is reachable at the pod's address: protocol `tcp` or `udp`."""

    protocol: str
    number: int


@dataclass(frozen=True)
class Masquerade:
    """One masqueraded interface; `ports` empty means that every port and protocol is forwarded."""

    uplink: str = "eth0"
    bridge: str = "k6t-eth0"
    tap: str = "tap0"
    gateway: ipaddress.IPv4Interface = field(default_factory=lambda: ipaddress.IPv4Interface("10.0.2.1/24"))
    guest: ipaddress.IPv4Address = field(default_factory=lambda: ipaddress.IPv4Address("10.0.2.2"))
    owner_uid: int = 107
    owner_gid: int = 107
    ports: tuple[Port, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names and addresses that could not work; raises InvalidObject naming the field."""
        for name in ("uplink", "bridge", "tap"):
            value = getattr(self, name)
            if not _DEVICE_NAME.fullmatch(value):
                raise errors.InvalidObject(
                    f"{name} '{value}' is not a network device name of 1 to 15 characters.", field=name
                )
        if self.guest not in self.gateway.network or self.guest == self.gateway.ip:
            raise errors.InvalidObject(
                f"guest {self.guest} has to be an address of {self.gateway.network} other than {self.gateway.ip}.",
                field="guest",
            )


@dataclass(frozen=True)
class Observed:
    """A network namespace as it is: devices by name (as `ip -details -json address` prints them), nftables text, kernel settings."""

    devices: Mapping[str, Mapping[str, Any]]
    ruleset: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)


def parse_ports(ports: Sequence[Mapping[str, Any]]) -> tuple[Port, ...]:
    """Return the `ports` of a VMI's interface (`port`, `protocol` with default TCP) sorted; raises InvalidObject for others than TCP and UDP."""
    parsed = []
    for index, port in enumerate(ports):
        protocol = str(port.get("protocol") or "TCP").lower()
        if protocol not in _PROTOCOLS:
            raise errors.InvalidObject(
                f"ports[{index}].protocol '{port['protocol']}' cannot be forwarded; use TCP or UDP.",
                field=f"ports[{index}].protocol",
            )
        number = int(port["port"])
        if not 0 < number < 65536:
            raise errors.InvalidObject(
                f"ports[{index}].port {number} is not in 1..65535.", field=f"ports[{index}].port"
            )
        parsed.append(Port(protocol, number))
    return tuple(sorted(set(parsed)))


def parse_devices(text: str) -> dict[str, Mapping[str, Any]]:
    """Return devices by name from what `ip -details -json address show` printed."""
    return {device["ifname"]: device for device in json.loads(text) if device.get("ifname")}


def uplink_mtu(wish: Masquerade, observed: Observed) -> int:
    """Return the MTU that the guest's side must have: that of the pod's interface. Raises NotReady while the pod has no interface."""
    uplink = observed.devices.get(wish.uplink)
    if uplink is None:
        raise errors.NotReady(f"the pod has no interface {wish.uplink} yet; its CNI plugin has to make it first")
    return int(uplink["mtu"])


def uplink_addresses(wish: Masquerade, observed: Observed) -> list[str]:
    """Return the pod's global addresses, IPv4 first, as text without prefix length."""
    infos = observed.devices.get(wish.uplink, {}).get("addr_info", [])
    usable = [info for info in infos if info.get("scope") == "global"]
    return [info["local"] for family in ("inet", "inet6") for info in usable if info.get("family") == family]


def batch(wish: Masquerade, observed: Observed) -> list[str]:
    """Return the lines for `ip -batch` that turn the observed devices into the wished ones; none when they are right already."""
    mtu = uplink_mtu(wish, observed)
    return [*_bridge_lines(wish, observed, mtu), *_tap_lines(wish, observed, mtu)]


def _bridge_lines(wish: Masquerade, observed: Observed, mtu: int) -> list[str]:
    bridge, lines = observed.devices.get(wish.bridge), []
    if bridge is not None and _kind(bridge) != "bridge":
        lines.append(f"link delete dev {wish.bridge}")
        bridge = None
    if bridge is None:
        lines.append(
            f"link add name {wish.bridge} address {BRIDGE_MAC} mtu {mtu} type bridge stp_state 0 forward_delay 0"
        )
        bridge = {"mtu": mtu}
    addresses = {f"{info.get('local')}/{info.get('prefixlen')}" for info in bridge.get("addr_info", [])}
    if str(wish.gateway) not in addresses:
        lines.append(f"address add {wish.gateway} dev {wish.bridge}")
    lines.extend(_mtu_lines(wish.bridge, bridge, mtu))
    lines.extend(_up_lines(wish.bridge, bridge))
    return lines


def _tap_lines(wish: Masquerade, observed: Observed, mtu: int) -> list[str]:
    tap, lines = observed.devices.get(wish.tap), []
    if tap is not None and not _is_wished_tap(wish, tap):
        lines.append(f"link delete dev {wish.tap}")
        tap = None
    if tap is None:
        lines.append(f"tuntap add dev {wish.tap} mode tap user {wish.owner_uid} group {wish.owner_gid} vnet_hdr")
        tap = {"mtu": 1500}
    lines.extend(_mtu_lines(wish.tap, tap, mtu))
    if tap.get("master") != wish.bridge or wish.bridge not in observed.devices:
        lines.append(f"link set dev {wish.tap} master {wish.bridge}")
    lines.extend(_up_lines(wish.tap, tap))
    return lines


def _mtu_lines(name: str, device: Mapping[str, Any], mtu: int) -> list[str]:
    return [] if device.get("mtu") == mtu else [f"link set dev {name} mtu {mtu}"]


def _up_lines(name: str, device: Mapping[str, Any]) -> list[str]:
    return [] if "UP" in device.get("flags", []) else [f"link set dev {name} up"]


def _kind(device: Mapping[str, Any]) -> str:
    return str(device.get("linkinfo", {}).get("info_kind", ""))


def _is_wished_tap(wish: Masquerade, tap: Mapping[str, Any]) -> bool:
    details = tap.get("linkinfo", {}).get("info_data", {})
    owner = (str(details.get("user")), str(details.get("group")))
    return _kind(tap) == "tun" and details.get("type") == "tap" and owner == (str(wish.owner_uid), str(wish.owner_gid))


def ruleset(wish: Masquerade) -> str:
    """Return the text for `nft -f`: it replaces our table in one transaction and touches no other table.

    A comment carries a digest of the rules, by which `has_ruleset` knows them again.
    """
    inbound = _forwarded(wish, f'iifname "{wish.uplink}" ')
    loopback = _forwarded(wish, "ip daddr 127.0.0.1 ")
    rules = "\n".join(
        [
            f"table ip {TABLE} {{",
            *_chain("prerouting", "type nat hook prerouting priority -100; policy accept;", inbound),
            *_chain("output", "type nat hook output priority -100; policy accept;", loopback),
            *_chain(
                "postrouting",
                "type nat hook postrouting priority 100; policy accept;",
                [
                    f'oifname "{wish.uplink}" ip saddr {wish.guest} masquerade',
                    f'oifname "{wish.bridge}" ip saddr 127.0.0.0/8 snat to {wish.gateway.ip}',
                ],
            ),
        ]
    )
    mark = f'\tchain version {{\n\t\taccept comment "{_digest(rules)}"\n\t}}'
    return f"add table ip {TABLE}\ndelete table ip {TABLE}\n{rules}\n{mark}\n}}\n"


def has_ruleset(wish: Masquerade, observed: Observed) -> bool:
    """Return whether the observed nftables table is the one that `ruleset` would make."""
    digests = re.findall(r'comment "([0-9a-f]{16})"', ruleset(wish))
    return bool(digests) and digests[-1] in observed.ruleset


def _forwarded(wish: Masquerade, match: str) -> list[str]:
    if not wish.ports:
        return [f"{match}dnat to {wish.guest}"]
    rules = []
    for protocol in _PROTOCOLS:
        numbers = ", ".join(str(port.number) for port in wish.ports if port.protocol == protocol)
        if numbers:
            rules.append(f"{match}{protocol} dport {{ {numbers} }} dnat to {wish.guest}")
    return rules


def _chain(name: str, hook: str, rules: Sequence[str]) -> list[str]:
    return [f"\tchain {name} {{", f"\t\t{hook}", *(f"\t\t{rule}" for rule in rules), "\t}"]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sysctls(wish: Masquerade) -> dict[str, str]:
    """Return the kernel settings of the namespace as path below /proc/sys -> value: forwarding, and 127.0.0.1 of the pod to the guest."""
    return {"net/ipv4/ip_forward": "1", f"net/ipv4/conf/{wish.bridge}/route_localnet": "1"}


def missing_sysctls(wish: Masquerade, observed: Observed) -> dict[str, str]:
    """Return those of `sysctls` that have another value now."""
    return {path: value for path, value in sysctls(wish).items() if observed.sysctls.get(path) != value}


def removal_batch(wish: Masquerade, observed: Observed) -> list[str]:
    """Return the lines for `ip -batch` that remove the tap and the bridge where they exist."""
    return [f"link delete dev {name}" for name in (wish.tap, wish.bridge) if name in observed.devices]
