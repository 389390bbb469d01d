"""A DHCP server for the one guest behind a bridge of the pod.

In: an interface and the lease. Out: answers to the guest from then on. Called by address_service.py. It needs no privilege: the pod allows low
ports to everybody, and a socket may be bound to a device once. Replies go to the broadcast address unless the guest already uses its
own: reaching an address that does not answer ARP yet would need raw sockets.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import dhcp_message
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

SERVER_PORT, CLIENT_PORT = 67, 68
_BROADCAST = "255.255.255.255"

logger = logging.getLogger(__name__)


class DhcpServer(asyncio.DatagramProtocol):
    """Serves one lease on one interface, from `start` to `close`."""

    def __init__(self, interface: str, lease: dhcp_message.Lease) -> None:
        """Nothing is served before `start`."""
        self._interface = interface
        self._lease = lease
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def is_serving(self) -> bool:
        """Whether the socket is open."""
        return self._transport is not None and not self._transport.is_closing()

    async def start(self) -> None:
        """Bind to port 67 of the interface. Raises errors.PlayvirtError."""
        self._transport = await listen(self, self._interface, family=socket.AF_INET, port=SERVER_PORT)
        logger.info("serving DHCP on %s: %s for %s", self._interface, self._lease.client, self._lease.mac)

    def close(self) -> None:
        """Serve no longer."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a request of our guest."""
        request = dhcp_message.parse_request(data)
        if request is None or self._transport is None:
            return
        kind = dhcp_message.answer_kind(request, self._lease)
        if kind is None:
            return
        has_address = request.client is not None and kind != dhcp_message.NAK
        target = str(request.client) if has_address else _BROADCAST
        self._transport.sendto(dhcp_message.format_reply(request, self._lease, kind), (target, CLIENT_PORT))

    def error_received(self, exc: Exception) -> None:
        """The guest asks again; what went wrong is only worth a line."""
        logger.warning("DHCP on %s: %s", self._interface, exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note an end that nobody asked for; the handler's next command serves again."""
        if exc is not None:
            logger.error("DHCP server on %s ended: %s", self._interface, exc)


async def listen(
    protocol: asyncio.DatagramProtocol, interface: str, *, family: socket.AddressFamily, port: int
) -> asyncio.DatagramTransport:
    """Have `protocol` receive what arrives at a UDP port of one interface. Raises errors.PlayvirtError where it cannot be bound."""
    await asyncio.sleep(0)  # a transport that was closed just now closes its socket in the next round of the loop
    listener = socket.socket(family, socket.SOCK_DGRAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        listener.setblocking(False)
        listener.bind(("", port))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, sock=listener)
    except OSError as error:
        listener.close()
        hint = ""
        if error.errno in (errno.EACCES, errno.EPERM):
            hint = "; the pod needs the sysctl net.ipv4.ip_unprivileged_port_start=0"
        raise errors.PlayvirtError(
            f"serve_dhcp: port {port} of {interface} cannot be bound: {error.strerror}{hint}"
        ) from error
    return transport
