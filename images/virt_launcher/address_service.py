"""Command serve_dhcp: tells the guest the addresses of its interfaces, by DHCP and, for IPv6, by router advertisements and DHCPv6.

In: {"leases": [{"interface", "mac", "mtu", "hostname", "subdomain", "dns", "search", "boot_file", "tftp_server", "ntp_servers", "private_options", "ipv4",
"ipv6"}]}, a lease for each interface, with ipv4 {"client", "prefix", "server", "router", "routes": [{"destination", "gateway"}]} and ipv6 {"client",
"prefix", "router_mac", "advertiser"}; `dns` and `search` null mean the pod's own. Out: {"interfaces", "changed"}, and answers from then on. What was served
before on another interface or with other words ends. Called by commands.py.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.playvirt.core.images.virt_launcher import (
    arguments,
    dhcp_message,
    dhcp_server,
    dhcpv6_message,
    dhcpv6_server,
    paths,
    resolver,
    router_advertiser,
)

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_INTERFACE = re.compile(r"[A-Za-z0-9._-]{1,15}")
_PRIVATE_OPTIONS = range(224, 255)

logger = logging.getLogger(__name__)


class _Server(Protocol):
    """A server of one protocol on one interface."""

    @property
    def is_serving(self) -> bool: ...

    async def start(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What is to be served on an interface; `index` tells it from its successor of the same name."""

    interface: str
    index: int
    ipv4: dhcp_message.Lease | None = None
    ipv6: dhcpv6_message.Lease | None = None
    advertiser: str | None = None

    def servers(self) -> list[_Server]:
        """The servers that do it, none started."""
        found: list[_Server] = []
        if self.ipv4 is not None:
            found.append(dhcp_server.DhcpServer(self.interface, self.ipv4))
        if self.ipv6 is not None:
            found.append(dhcpv6_server.DhcpV6Server(self.interface, self.index, self.ipv6))
        if self.ipv6 is not None and self.advertiser is not None:
            found.append(router_advertiser.RouterAdvertiser(self.advertiser, self.ipv6))
        return found


class AddressService:
    """The servers of all interfaces; a command takes the place of the one before."""

    def __init__(self, *, resolv_conf: str = paths.RESOLV_CONF) -> None:
        """Nothing is served before the first command."""
        self._resolv_conf = resolv_conf
        self._serving: dict[_Wanted, list[_Server]] = {}

    async def serve_dhcp(self, given: arguments.Arguments) -> Mapping[str, Any]:
        """Serve as the arguments say. Raises errors.PlayvirtError, and then serves what it served before, or less."""
        own = self._own_resolver()
        wanted = [_parse_lease(lease, own) for lease in given.objects("leases")]
        kept = [w for w in wanted if w in self._serving and all(server.is_serving for server in self._serving[w])]
        for ended in [w for w in self._serving if w not in kept]:
            for server in self._serving.pop(ended):
                server.close()
        for new in [w for w in wanted if w not in kept]:
            servers = self._serving[new] = new.servers()
            for server in servers:
                await server.start()
        return {"interfaces": [w.interface for w in wanted], "changed": len(kept) < len(wanted)}

    def _own_resolver(self) -> resolver.Resolver:
        """The pod's name servers and search domains."""
        try:
            with open(self._resolv_conf, encoding="utf-8", errors="replace") as file:
                return resolver.parse_resolv_conf(file.read())
        except OSError as error:
            logger.warning("%s: %s", self._resolv_conf, error.strerror)
            return resolver.Resolver()


def _parse_lease(given: arguments.Arguments, own: resolver.Resolver) -> _Wanted:
    """What the arguments ask for on one interface. Raises errors.InvalidObject."""
    interface = _device(given, "interface")
    mac = given.text("mac").lower()
    if not _MAC.fullmatch(mac):
        raise given.wrong("mac", f"{mac!r} is no Ethernet address")
    ipv4, ipv6 = given.optional_object("ipv4"), given.optional_object("ipv6")
    if ipv4 is None and ipv6 is None:
        raise given.wrong("ipv4", "a lease has ipv4, ipv6 or both")
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        raise given.wrong("interface", f"there is no interface {interface} in the pod") from None
    return _Wanted(
        interface=interface,
        index=index,
        ipv4=None if ipv4 is None else _parse_ipv4(given, ipv4, own),
        ipv6=None if ipv6 is None else _parse_ipv6(given, ipv6, own),
        advertiser=None if ipv6 is None else _device(ipv6, "advertiser"),
    )


def _parse_ipv4(given: arguments.Arguments, ipv4: arguments.Arguments, own: resolver.Resolver) -> dhcp_message.Lease:
    dns = given.optional_texts("dns")
    router = ipv4.optional_text("router")
    return dhcp_message.Lease(
        mac=given.text("mac").lower(),
        client=_ipv4(ipv4, "client", ipv4.text("client")),
        server=_ipv4(ipv4, "server", ipv4.text("server")),
        prefix=ipv4.number("prefix", least=1, most=32),
        mtu=given.number("mtu", least=68, most=65535),
        router=None if router is None else _ipv4(ipv4, "router", router),
        routes=tuple(_parse_route(route) for route in ipv4.objects("routes")),
        dns=own.dns if dns is None else tuple(_ipv4(given, "dns", text) for text in dns if ":" not in text),
        search=_search(given, own),
        hostname=given.optional_text("hostname"),
        extra=dhcp_message.options_asked_for(
            given.optional_text("boot_file"),
            given.optional_text("tftp_server"),
            tuple(_ipv4(given, "ntp_servers", text) for text in given.optional_texts("ntp_servers") or ()),
            _private_options(given),
        ),
    )


def _parse_ipv6(given: arguments.Arguments, ipv6: arguments.Arguments, own: resolver.Resolver) -> dhcpv6_message.Lease:
    dns = given.optional_texts("dns")
    mac = ipv6.text("router_mac").lower()
    if not _MAC.fullmatch(mac):
        raise ipv6.wrong("router_mac", f"{mac!r} is no Ethernet address")
    return dhcpv6_message.Lease(
        client=_ipv6(ipv6, "client", ipv6.text("client")),
        prefix=ipv6.number("prefix", least=1, most=128),
        router_mac=mac,
        mtu=given.number("mtu", least=68, most=65535),
        dns=own.dns6 if dns is None else tuple(_ipv6(given, "dns", text) for text in dns if ":" in text),
        search=_search(given, own),
    )


def _device(given: arguments.Arguments, name: str) -> str:
    """The name of a network device. Raises errors.InvalidObject."""
    text = given.text(name)
    if not _INTERFACE.fullmatch(text):
        raise given.wrong(name, f"{text!r} is no name of an interface")
    return text


def _search(given: arguments.Arguments, own: resolver.Resolver) -> tuple[str, ...]:
    told = given.optional_texts("search")
    return resolver.search_with_subdomain(own.search if told is None else told, given.optional_text("subdomain"))


def _private_options(given: arguments.Arguments) -> dict[int, str]:
    texts = given.texts_by_name("private_options") if given.has("private_options") else {}
    for number in texts:
        if not number.isdecimal() or int(number) not in _PRIVATE_OPTIONS:
            raise given.wrong("private_options", f"{number!r} is no option for private use, from 224 to 254")
    return {int(number): text for number, text in texts.items()}


def _parse_route(given: arguments.Arguments) -> dhcp_message.Route:
    destination, gateway = given.text("destination"), given.optional_text("gateway")
    try:
        network = ipaddress.IPv4Network(destination)
    except ValueError:
        raise given.wrong("destination", f"{destination!r} is no IPv4 network") from None
    return dhcp_message.Route(
        destination=network, gateway=None if gateway is None else _ipv4(given, "gateway", gateway)
    )


def _ipv4(given: arguments.Arguments, name: str, text: str) -> ipaddress.IPv4Address:
    """An IPv4 address. Raises errors.InvalidObject."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise given.wrong(name, f"{text!r} is no IPv4 address") from None


def _ipv6(given: arguments.Arguments, name: str, text: str) -> ipaddress.IPv6Address:
    """An IPv6 address. Raises errors.InvalidObject."""
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        raise given.wrong(name, f"{text!r} is no IPv6 address") from None
