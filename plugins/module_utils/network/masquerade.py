"""Masquerade: what has to be made in a pod's network namespace so that the guest sits behind the pod's address.

The guest's tap device and a bridge with the guest's gateway form a small private network; nftables sends what arrives at the pod's interface to
the guest, and what the guest sends leaves with the pod's address. IPv4 and IPv6 each where the pod has such an address. In: `Masquerade` (the wish) and
`Observed`. Out: lines for `ip -batch`, the nftables ruleset, the kernel settings, and what the guest has to be told. Pure: starts nothing, reads nothing.
Called by: namespace_script.py.
"""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.network import devices

TABLE = "playvirt"
_PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True, order=True)
class Port:
    """A port of the guest that is reachable at the pod's address: protocol `tcp` or `udp`."""

    protocol: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Masquerade:
    """One masqueraded interface; `ports` empty means that every port and protocol is forwarded."""

    uplink: str = "eth0"
    fallback: str = "eth0"
    bridge: str = "k6t-eth0"
    tap: devices.Tap = devices.TAP0
    gateway: ipaddress.IPv4Interface = field(default_factory=lambda: ipaddress.IPv4Interface("10.0.2.1/24"))
    guest: ipaddress.IPv4Address = field(default_factory=lambda: ipaddress.IPv4Address("10.0.2.2"))
    gateway6: ipaddress.IPv6Interface = field(default_factory=lambda: ipaddress.IPv6Interface("fd10:0:2::1/120"))
    guest6: ipaddress.IPv6Address = field(default_factory=lambda: ipaddress.IPv6Address("fd10:0:2::2"))
    ports: tuple[Port, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names and addresses that could not work; raises InvalidObject naming the field."""
        devices.check_names(uplink=self.uplink, fallback=self.fallback, bridge=self.bridge, tap=self.tap.name)
        _check_guest("guest", self.guest, self.gateway)
        _check_guest("guest6", self.guest6, self.gateway6)

    @property
    def _advertiser(self) -> devices.Tap:
        """The launcher's own way onto the bridge, by which it advertises the router: it has no right to a socket that could."""
        return dataclasses.replace(self.tap, name=f"{self.tap.name}-ra", queues=1)

    def batch(self, observed: devices.Observed) -> list[str]:
        """Return the lines for `ip -batch` that turn the observed devices into the wished ones; none when they are right already."""
        mtu = uplink_mtu(self, observed)
        address = str(self.gateway) if 4 in versions(self, observed) else None
        return [
            *devices.bridge_lines(observed, self.bridge, address=address, mtu=mtu),
            *devices.tap_lines(observed, self.tap, mtu),
            *(devices.tap_lines(observed, self._advertiser, mtu) if 6 in versions(self, observed) else []),
        ]

    def late_batch(self, observed: devices.Observed) -> list[str]:
        """Return the lines that need the kernel settings: a bridge takes an IPv6 address only where IPv6 is on."""
        bridge = observed.devices.get(self.bridge, {})
        if 6 not in versions(self, observed) or devices.has_address(bridge, self.gateway6):
            return []
        return [f"address add {self.gateway6} dev {self.bridge} nodad"]

    def watched(self) -> tuple[str, ...]:
        """Return the kernel settings that `sysctls` may speak of."""
        return (
            "net/ipv4/ip_forward",
            f"net/ipv4/conf/{self.bridge}/route_localnet",
            "net/ipv6/conf/all/forwarding",
            f"net/ipv6/conf/{self.bridge}/disable_ipv6",
        )

    def sysctls(self, observed: devices.Observed) -> dict[str, str]:
        """Return the kernel settings as path below /proc/sys -> value: forwarding, and 127.0.0.1 of the pod to the guest."""
        found = {}
        if 4 in versions(self, observed):
            found = {"net/ipv4/ip_forward": "1", f"net/ipv4/conf/{self.bridge}/route_localnet": "1"}
        if 6 in versions(self, observed):
            found |= {"net/ipv6/conf/all/forwarding": "1", f"net/ipv6/conf/{self.bridge}/disable_ipv6": "0"}
        return found

    def ruleset(self, observed: devices.Observed) -> str:
        """Return the text for `nft -f`, empty when the rules are there already.

        It replaces our tables in one transaction and touches no other table. A comment carries a digest of the rules, by which they are known again.
        """
        uplink = devices.uplink_name(observed, self.uplink, self.fallback)
        found = [_table(self, uplink, version) for version in versions(self, observed)]
        text = "".join(found)
        digests = re.findall(r'comment "([0-9a-f]{16})"', text)
        return "" if all(digest in observed.ruleset for digest in digests) else text

    def removal(self, observed: devices.Observed) -> list[str]:
        """Return the lines for `ip -batch` that remove the tap and the bridge where they exist."""
        return devices.removal_lines(observed, self.tap.name, self._advertiser.name, self.bridge)

    def lease(self, observed: devices.Observed) -> dict[str, Any] | None:
        """Return what the guest has to be told of its network, in the words of the launcher's command serve_dhcp."""
        told: dict[str, Any] = {"interface": self.bridge, "mtu": uplink_mtu(self, observed)}
        if 4 in versions(self, observed):
            told["ipv4"] = {
                "client": str(self.guest),
                "prefix": self.gateway.network.prefixlen,
                "server": str(self.gateway.ip),
                "router": str(self.gateway.ip),
                "routes": [],
            }
        if 6 in versions(self, observed):
            told["ipv6"] = {
                "client": str(self.guest6),
                "prefix": self.gateway6.network.prefixlen,
                "router_mac": devices.BRIDGE_MAC,
                "advertiser": self._advertiser.name,
            }
        return told

    def addresses(self, observed: devices.Observed) -> list[str]:
        """Return the pod's global addresses, IPv4 first, as text without prefix length."""
        uplink = observed.devices[devices.uplink_name(observed, self.uplink, self.fallback)]
        found = [address for version in (4, 6) for address in devices.addresses(uplink, version=version)]
        return [address.partition("/")[0] for address in found]


def _check_guest(
    option: str,
    guest: ipaddress.IPv4Address | ipaddress.IPv6Address,
    gateway: ipaddress.IPv4Interface | ipaddress.IPv6Interface,
) -> None:
    if guest not in gateway.network or guest == gateway.ip:
        raise errors.InvalidObject(
            f"{option} {guest} has to be an address of {gateway.network} other than {gateway.ip}.", field=option
        )


def uplink_mtu(wish: Masquerade, observed: devices.Observed) -> int:
    """Return the MTU that the guest's side must have: that of the pod's interface. Raises PermanentError where the pod has no such interface."""
    return int(observed.devices[devices.uplink_name(observed, wish.uplink, wish.fallback)]["mtu"])


def versions(wish: Masquerade, observed: devices.Observed) -> list[int]:
    """Return the versions of IP that the guest gets: those of which the pod has an address; IPv4 where it has none at all."""
    uplink = observed.devices[devices.uplink_name(observed, wish.uplink, wish.fallback)]
    return [version for version in (4, 6) if devices.addresses(uplink, version=version)] or [4]


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


def _table(wish: Masquerade, uplink: str, version: int) -> str:
    """The rules of one version of IP. Only IPv4 lets packets from the pod's own loopback address leave it."""
    family, guest = ("ip", wish.guest) if version == 4 else ("ip6", wish.guest6)
    outbound = [f'oifname "{uplink}" {family} saddr {guest} masquerade']
    chains = _chain("prerouting", "prerouting priority -100", _forwarded(wish, f'iifname "{uplink}" ', str(guest)))
    if version == 4:
        loopback = _forwarded(wish, "ip daddr 127.0.0.1 ", str(guest))
        chains += _chain("output", "output priority -100", loopback)
        outbound.append(f'oifname "{wish.bridge}" ip saddr 127.0.0.0/8 snat to {wish.gateway.ip}')
    chains += _chain("postrouting", "postrouting priority 100", outbound)
    rules = "\n".join([f"table {family} {TABLE} {{", *chains])
    digest = hashlib.sha256(rules.encode()).hexdigest()[:16]
    mark = f'\tchain version {{\n\t\taccept comment "{digest}"\n\t}}'
    return f"add table {family} {TABLE}\ndelete table {family} {TABLE}\n{rules}\n{mark}\n}}\n"


def _forwarded(wish: Masquerade, match: str, guest: str) -> list[str]:
    if not wish.ports:
        # Neighbours are asked for by ICMPv6, which has no ports to tell it by and is the pod's own business.
        what = "" if "." in guest else "meta l4proto { tcp, udp } "
        return [f"{match}{what}dnat to {guest}"]
    rules = []
    for protocol in _PROTOCOLS:
        numbers = ", ".join(str(port.number) for port in wish.ports if port.protocol == protocol)
        if numbers:
            rules.append(f"{match}{protocol} dport {{ {numbers} }} dnat to {guest}")
    return rules


def _chain(name: str, hook: str, rules: Sequence[str]) -> list[str]:
    return [
        f"\tchain {name} {{",
        f"\t\ttype nat hook {hook}; policy accept;",
        *(f"\t\t{rule}" for rule in rules),
        "\t}",
    ]
