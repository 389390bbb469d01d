"""A DHCPv6 server for the one guest behind a bridge of the pod.

In: an interface and the lease. Out: answers to the guest from then on. Called by address_service.py. As dhcp_server.py, it needs no privilege.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import dhcp_server, dhcpv6_message
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

SERVER_PORT = 547
#: all servers and relays of a link
_GROUP = "ff02::1:2"

logger = logging.getLogger(__name__)


class DhcpV6Server(asyncio.DatagramProtocol):
    """Serves one lease on one interface, from `start` to `close`."""

    def __init__(self, interface: str, index: int, lease: dhcpv6_message.Lease) -> None:
        """Nothing is served before `start`; `index` is the interface's."""
        self._interface = interface
        self._index = index
        self._lease = lease
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def is_serving(self) -> bool:
        """Whether the socket is open."""
        return self._transport is not None and not self._transport.is_closing()

    async def start(self) -> None:
        """Bind to port 547 of the interface and join the servers' group. Raises errors.PlayvirtError."""
        self._transport = await dhcp_server.listen(self, self._interface, family=socket.AF_INET6, port=SERVER_PORT)
        membership = socket.inet_pton(socket.AF_INET6, _GROUP) + struct.pack("@I", self._index)
        try:
            listener: socket.socket = self._transport.get_extra_info("socket")
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        except OSError as error:
            self.close()
            raise errors.PlayvirtError(
                f"serve_dhcp: {self._interface} cannot join {_GROUP}: {error.strerror}; is IPv6 on in the pod?"
            ) from error
        logger.info("serving DHCPv6 on %s: %s", self._interface, self._lease.client)

    def close(self) -> None:
        """Serve no longer."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a request of our guest."""
        request = dhcpv6_message.parse_request(data)
        reply = None if request is None else dhcpv6_message.format_reply(request, self._lease)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """The guest asks again; what went wrong is only worth a line."""
        logger.warning("DHCPv6 on %s: %s", self._interface, exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note an end that nobody asked for; the handler's next command serves again."""
        if exc is not None:
            logger.error("DHCPv6 server on %s ended: %s", self._interface, exc)
