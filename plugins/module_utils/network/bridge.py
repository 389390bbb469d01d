"""Bridge: what has to be made in a pod's network namespace so that the guest takes the pod's place on its network.

The pod's interface becomes a port of a bridge, beside the guest's tap device, and gives its addresses away: a guest that asks by DHCP gets the IPv4 address
and the routes. The name of the pod's interface goes to a stand-in, a bridge without ports that keeps the addresses to be seen and answers nobody. What
was taken from the interface is written into its alias first, which the kernel keeps with the device: so a run that follows a crash half way knows it still.
In: `Bridge` (the wish) and `Observed`. Out: as masquerade.py. Pure. Called by: namespace_script.py.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.network import devices

#: the kernel's limit
_MAX_ALIAS = 255
_MARK = "playvirt"
_DEFAULT = "0.0.0.0/0"


@dataclass(frozen=True)
class Taken:
    """What the pod's interface had before it became a port: addresses with prefix lengths, IPv4 routes as destination -> gateway, empty where it is on-link."""

    addresses: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()

    def alias(self) -> str:
        """Return it as the alias of a device. Raises PermanentError where it is too much."""
        text = ";".join([_MARK, *self.addresses, *(f"{destination}>{gateway}" for destination, gateway in self.routes)])
        if len(text) > _MAX_ALIAS:
            raise errors.PermanentError(
                f"the pod's interface has {len(self.addresses)} addresses and {len(self.routes)} routes, which is more than binding"
                " bridge can hand to a guest; use masquerade for this network"
            )
        return text


def parse_alias(alias: str) -> Taken | None:
    """Return what an alias says, None when it is none of ours."""
    mark, *entries = alias.split(";")
    if mark != _MARK:
        return None
    routes = [entry.partition(">") for entry in entries if ">" in entry]
    return Taken(
        addresses=tuple(entry for entry in entries if ">" not in entry),
        routes=tuple((destination, gateway) for destination, _, gateway in routes),
    )


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """One bridged interface. `server` is an address that only this pod knows, from which DHCP is answered; `mac` is the guest's."""

    uplink: str = "eth0"
    fallback: str = "eth0"
    bridge: str = "k6t-eth0"
    tap: devices.Tap = devices.TAP0
    mac: str
    server: ipaddress.IPv4Address = field(default_factory=lambda: ipaddress.IPv4Address("169.254.75.10"))

    def __post_init__(self) -> None:
        """Refuse names that could not work; raises InvalidObject naming the field."""
        devices.check_names(uplink=self.uplink, fallback=self.fallback, bridge=self.bridge, tap=self.tap.name)
        devices.check_mac(self.mac)

    def batch(self, observed: devices.Observed) -> list[str]:
        """Return the lines for `ip -batch` that turn the observed devices into the wished ones; none when they are right already."""
        name, port = self._port(observed)
        device, mtu = observed.devices[port], int(observed.devices[port]["mtu"])
        taken = self._taken(observed)
        return [
            *([] if device.get("ifalias") == taken.alias() else [f'link set dev {port} alias "{taken.alias()}"']),
            *devices.bridge_lines(
                observed, self.bridge, address=f"{self.server}/32", mtu=mtu, mac=_own_mac("bridge", self.mac)
            ),
            *self._port_lines(name, port, device),
            *devices.tap_lines(observed, self.tap, mtu),
            *_stand_in_lines(observed.devices.get(name) if port != name else None, name, taken),
        ]

    def late_batch(self, observed: devices.Observed) -> list[str]:
        """Return the IPv6 addresses of the stand-in that it has not got."""
        name, port = self._port(observed)
        found = devices.addresses(observed.devices.get(name, {}), version=6) if port != name else []
        wanted = [address for address in self._taken(observed).addresses if ":" in address]
        return [f"address add {address} dev {name} nodad" for address in wanted if address not in found]

    def watched(self) -> tuple[str, ...]:
        """Return the kernel settings that `sysctls` may speak of."""
        names = dict.fromkeys((self.uplink, self.fallback))
        silent = [self.bridge, *(_port_name(name) for name in names)]
        ipv6 = [f"net/ipv6/conf/{name}/disable_ipv6" for name in ("all", *names, *silent)]
        return ("net/ipv4/conf/all/arp_ignore", *ipv6)

    def sysctls(self, observed: devices.Observed) -> dict[str, str]:
        """Return the kernel settings: the pod says nothing on the guest's network.

        A request for an IPv4 address is answered only on the interface that has it, and so not in the guest's place; bridge and port have no IPv6, with which
        they would get addresses there by themselves.
        """
        name, _ = self._port(observed)
        found = {"net/ipv4/conf/all/arp_ignore": "1"}
        if observed.sysctls.get("net/ipv6/conf/all/disable_ipv6"):
            found |= {f"net/ipv6/conf/{silent}/disable_ipv6": "1" for silent in (self.bridge, _port_name(name))}
        if any(":" in address for address in self._taken(observed).addresses):
            found[f"net/ipv6/conf/{name}/disable_ipv6"] = "0"
        return found

    def ruleset(self, observed: devices.Observed) -> str:
        """Return nothing: no packet is translated."""
        return ""

    def removal(self, observed: devices.Observed) -> list[str]:
        """Return the lines that give the pod its interface back, with addresses and routes."""
        name, port = self._port(observed)
        lines = devices.removal_lines(observed, self.tap.name)
        if port != name:
            taken = self._taken(observed)
            lines += devices.removal_lines(observed, name)
            lines += [f"link set dev {port} nomaster", f"link set dev {port} down", f"link set dev {port} name {name}"]
            lines += [f'link set dev {name} alias ""', f"link set dev {name} up"]
            lines += [f"address add {address} dev {name}" for address in taken.addresses]
            lines += [_route_line(name, destination, gateway) for destination, gateway in taken.routes]
        return [*lines, *devices.removal_lines(observed, self.bridge)]

    def lease(self, observed: devices.Observed) -> dict[str, Any] | None:
        """Return what the guest has to be told of its network, None where the pod has no IPv4 address on it."""
        _, port = self._port(observed)
        taken = self._taken(observed)
        address = next((ipaddress.IPv4Interface(text) for text in taken.addresses if ":" not in text), None)
        if address is None:
            return None
        return {
            "interface": self.bridge,
            "mtu": int(observed.devices[port]["mtu"]),
            "ipv4": {
                "client": str(address.ip),
                "prefix": address.network.prefixlen,
                "server": str(self.server),
                "router": dict(taken.routes).get(_DEFAULT) or None,
                "routes": _routes_to_tell(address, taken),
            },
        }

    def addresses(self, observed: devices.Observed) -> list[str]:
        """Return the addresses that the pod had, IPv4 first, as text without prefix length."""
        found = [address.partition("/")[0] for address in self._taken(observed).addresses]
        return sorted(found, key=lambda address: ":" in address)

    def _port(self, observed: devices.Observed) -> tuple[str, str]:
        """The name of the pod's interface, and the name of the device that was made with it: another one once it is a port of the bridge."""
        for name in dict.fromkeys((self.uplink, self.fallback)):
            port = _port_name(name)
            if port in observed.devices:
                return name, port
        name = devices.uplink_name(observed, self.uplink, self.fallback)
        return name, name

    def _taken(self, observed: devices.Observed) -> Taken:
        name, port = self._port(observed)
        device = observed.devices[port]
        noted = parse_alias(device.get("ifalias", ""))
        if noted is not None:
            return noted
        if port != name:
            raise errors.PermanentError(
                f"the pod's interface {port} does not tell what it had as {name}: somebody has changed its alias; delete the pod"
            )
        found = [address for version in (4, 6) for address in devices.addresses(device, version=version)]
        return Taken(addresses=tuple(found), routes=_routes(observed, name))

    def _port_lines(self, name: str, port: str, device: devices.Device) -> list[str]:
        """The pod's interface as a port: without addresses, with a hardware address that is not the guest's, and nothing learned from it.

        A network that reflects broadcasts to where they came from (a bridge with its ports in hairpin mode, as the CNI plugin makes them) would have the bridge
        believe that the guest is out there, and drop what comes for it.
        """
        wanted, lines = _port_name(name), []
        other_mac = _own_mac("port", self.mac)
        if port != wanted:
            lines += [f"link set dev {port} down", f"address flush dev {port}", f"link set dev {port} name {wanted}"]
        elif device.get("addr_info") and any(info.get("scope") == "global" for info in device["addr_info"]):
            lines.append(f"address flush dev {port}")
        if device.get("address") != other_mac:
            lines.append(f"link set dev {wanted} address {other_mac}")
        if device.get("master") != self.bridge:
            lines.append(f"link set dev {wanted} master {self.bridge}")
        if device.get("master") != self.bridge or _learns(device):
            lines.append(f"link set dev {wanted} type bridge_slave learning off")
        return [*lines, *(devices.up_lines(wanted, device) if port == wanted else [f"link set dev {wanted} up"])]


def _port_name(name: str) -> str:
    """`eth0-nic`, and without the prefix `pod` that a hash has, which would be too long."""
    return f"{name.removeprefix('pod')}-nic"


def _learns(port: devices.Device) -> bool:
    """Whether a bridge learns addresses from a port of its."""
    return bool(((port.get("linkinfo") or {}).get("info_slave_data") or {}).get("learning", True))


def _own_mac(device: str, guest: str) -> str:
    """A hardware address for a device of ours on the guest's network, which is no other pod's there."""
    digest = hashlib.sha256(f"{device}/{guest}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def _stand_in_lines(device: devices.Device | None, name: str, taken: Taken) -> list[str]:
    if not taken.addresses:
        return []
    lines = [] if device else [f"link add name {name} type bridge"]
    found = devices.addresses(device or {}, version=4)
    lines += [f"address add {text} dev {name}" for text in taken.addresses if ":" not in text and text not in found]
    return [*lines, *devices.up_lines(name, device or {})]


def _routes(observed: devices.Observed, name: str) -> tuple[tuple[str, str], ...]:
    """The IPv4 routes over a device, but for those that follow from its addresses."""
    found = [route for route in observed.routes if route.get("dev") == name and route.get("protocol") != "kernel"]
    pairs = [(_destination(str(route["dst"])), str(route.get("gateway", ""))) for route in found]
    return tuple(sorted({(destination, gateway) for destination, gateway in pairs if ":" not in destination + gateway}))


def _destination(text: str) -> str:
    return _DEFAULT if text == "default" else text if "/" in text else f"{text}/32"


def _route_line(name: str, destination: str, gateway: str) -> str:
    return f"route add {destination} {f'via {gateway} ' if gateway else ''}dev {name}{' onlink' if gateway else ''}"


def _routes_to_tell(address: ipaddress.IPv4Interface, taken: Taken) -> list[Mapping[str, str | None]]:
    """The routes that the address and one router do not tell already: then all of them, since guests who are told routes look at no router."""
    unreachable = [gateway for _, gateway in taken.routes if gateway and _is_beyond(gateway, address)]
    if not unreachable and all(destination == _DEFAULT for destination, _ in taken.routes):
        return []
    on_link = [{"destination": f"{gateway}/32", "gateway": None} for gateway in dict.fromkeys(unreachable)]
    told = {entry["destination"] for entry in on_link}
    others = [pair for pair in taken.routes if pair[0] not in told]
    return [*on_link, *({"destination": destination, "gateway": gateway or None} for destination, gateway in others)]


def _is_beyond(gateway: str, address: ipaddress.IPv4Interface) -> bool:
    return ipaddress.IPv4Address(gateway) not in address.network
