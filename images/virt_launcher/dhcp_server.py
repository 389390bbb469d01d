"""Command serve_dhcp: a DHCP server for the one guest behind the pod's bridge.

In: {"interface", "server", "client", "prefix", "mac", "mtu", "dns", "search", "hostname"}; `dns` and `search` null mean the pod's own.
Out: {"interface", "changed"}, and answers to the guest from then on. Called by commands.py. It needs no privilege: the pod allows low
ports to everybody, and a socket may be bound to a device once. Replies go to the broadcast address unless the guest already uses its
own: reaching an address that does not answer ARP yet would need raw sockets.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import arguments, dhcp_message, paths, resolver
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

SERVER_PORT, CLIENT_PORT = 67, 68
_BROADCAST = "255.255.255.255"
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_INTERFACE = re.compile(r"[A-Za-z0-9._-]{1,15}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Serving:
    """What is served where; `index` tells an interface from its successor of the same name."""

    interface: str
    index: int
    lease: dhcp_message.Lease


class DhcpServer(asyncio.DatagramProtocol):
    """At most one server; a command with other arguments takes its place."""

    def __init__(self, *, resolv_conf: str = paths.RESOLV_CONF) -> None:
        """Nothing is served before the first command."""
        self._resolv_conf = resolv_conf
        self._serving: _Serving | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def serve_dhcp(self, given: arguments.Arguments) -> Mapping[str, Any]:
        """Serve as the arguments say. Raises errors.PlayvirtError."""
        interface = given.text("interface")
        if not _INTERFACE.fullmatch(interface):
            raise given.wrong("interface", f"{interface!r} is no name of an interface")
        lease = self._lease(given)
        try:
            wanted = _Serving(interface=interface, index=socket.if_nametoindex(interface), lease=lease)
        except OSError:
            raise given.wrong("interface", f"there is no interface {interface} in the pod") from None
        if wanted == self._serving and self._transport is not None and not self._transport.is_closing():
            return {"interface": interface, "changed": False}
        await self._listen(interface)
        self._serving = wanted
        logger.info("serving DHCP on %s: %s for %s", interface, lease.client, lease.mac)
        return {"interface": interface, "changed": True}

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a request of our guest."""
        request = dhcp_message.parse_request(data)
        if request is None or self._serving is None or self._transport is None:
            return
        lease = self._serving.lease
        kind = dhcp_message.answer_kind(request, lease)
        if kind is None:
            return
        has_address = request.client is not None and kind != dhcp_message.NAK
        target = str(request.client) if has_address else _BROADCAST
        self._transport.sendto(dhcp_message.format_reply(request, lease, kind), (target, CLIENT_PORT))

    def error_received(self, exc: Exception) -> None:
        """The guest asks again; what went wrong is only worth a line."""
        logger.warning("DHCP: %s", exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note an end that nobody asked for; the handler's next command serves again."""
        if exc is not None:
            logger.error("DHCP server ended: %s", exc)

    async def _listen(self, interface: str) -> None:
        """Bind to port 67 of the interface, instead of what was bound before."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            await asyncio.sleep(0)  # the transport closes its socket in the next round of the loop
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            listener.setblocking(False)
            listener.bind(("", SERVER_PORT))
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=listener)
        except OSError as error:
            listener.close()
            hint = ""
            if error.errno in (errno.EACCES, errno.EPERM):
                hint = "; the pod needs the sysctl net.ipv4.ip_unprivileged_port_start=0"
            raise errors.PlayvirtError(
                f"serve_dhcp: port {SERVER_PORT} of {interface} cannot be bound: {error.strerror}{hint}"
            ) from error

    def _lease(self, given: arguments.Arguments) -> dhcp_message.Lease:
        """The lease that the arguments describe."""
        mac = given.text("mac").lower()
        if not _MAC.fullmatch(mac):
            raise given.wrong("mac", f"{mac!r} is no Ethernet address")
        dns = given.optional_texts("dns")
        search = given.optional_texts("search")
        own = self._own_resolver() if dns is None or search is None else resolver.Resolver()
        return dhcp_message.Lease(
            mac=mac,
            client=_address(given, "client", given.text("client")),
            server=_address(given, "server", given.text("server")),
            prefix=given.number("prefix", least=1, most=32),
            mtu=given.number("mtu", least=68, most=65535),
            dns=own.dns if dns is None else tuple(_address(given, "dns", text) for text in dns),
            search=own.search if search is None else search,
            hostname=given.optional_text("hostname"),
        )

    def _own_resolver(self) -> resolver.Resolver:
        """The pod's name servers and search domains."""
        try:
            with open(self._resolv_conf, encoding="utf-8", errors="replace") as file:
                return resolver.parse_resolv_conf(file.read())
        except OSError as error:
            logger.warning("%s: %s", self._resolv_conf, error.strerror)
            return resolver.Resolver()


def _address(given: arguments.Arguments, name: str, text: str) -> ipaddress.IPv4Address:
    """An IPv4 address. Raises errors.InvalidObject."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise given.wrong(name, f"{text!r} is no IPv4 address") from None
