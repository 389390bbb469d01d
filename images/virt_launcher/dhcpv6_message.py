"""DHCPv6 messages (RFC 8415, options of RFC 3646): bytes to a request, a request and a lease to the bytes of a reply. Pure.

In and out: bytes, Request, Lease. Called by dhcpv6_server.py; router_advertisement.py tells the same lease in other words.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.playvirt.core.images.virt_launcher import dhcp_message

SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE, INFORMATION = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    11,
)
INFINITE = 0xFFFFFFFF

_CLIENT_ID, _SERVER_ID, _IA_NA, _IA_ADDRESS, _STATUS, _RAPID_COMMIT, _DNS, _DOMAINS = 1, 2, 3, 5, 13, 14, 23, 24
_SUCCESS, _NO_ADDRESSES, _NOT_ON_LINK = 0, 2, 4
#: which requests name the server that they mean, and which must not
_TO_ONE, _TO_ALL = (REQUEST, RENEW, RELEASE, DECLINE), (SOLICIT, CONFIRM, REBIND)
_IA_HEADER = struct.Struct(">4sII")


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The one address of the guest, and its router, which has the link-local address that follows from `router_mac`."""

    client: ipaddress.IPv6Address
    prefix: int
    router_mac: str
    mtu: int
    dns: tuple[ipaddress.IPv6Address, ...] = ()
    search: tuple[str, ...] = ()

    @property
    def server_id(self) -> bytes:
        """The server's DUID, made of a hardware address (DUID-LL)."""
        return struct.pack(">HH", 3, 1) + bytes.fromhex(self.router_mac.replace(":", ""))


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client sent: `associations` are the ids of the address sets (IA_NA) that it asks for, `addresses` those in them."""

    kind: int
    transaction: bytes
    client_id: bytes
    server_id: bytes | None
    is_rapid: bool
    associations: tuple[bytes, ...]
    addresses: tuple[ipaddress.IPv6Address, ...]


def parse_request(packet: bytes) -> Request | None:
    """The request in a packet, None when it is none that a server answers: cut off, a reply, without the client's id."""
    if len(packet) < 4:
        return None
    options = list(_parse_options(packet[4:]))
    values = dict(options)
    associations = [value for code, value in options if code == _IA_NA and len(value) >= _IA_HEADER.size]
    inner = [entry for value in associations for entry in _parse_options(value[_IA_HEADER.size :])]
    request = Request(
        kind=packet[0],
        transaction=packet[1:4],
        client_id=values.get(_CLIENT_ID, b""),
        server_id=values.get(_SERVER_ID),
        is_rapid=_RAPID_COMMIT in values,
        associations=tuple(value[:4] for value in associations),
        addresses=tuple(ipaddress.IPv6Address(v[:16]) for code, v in inner if code == _IA_ADDRESS and len(v) >= 16),
    )
    if request.kind == INFORMATION:
        return request
    return request if request.client_id and request.kind in (*_TO_ONE, *_TO_ALL) else None


def format_reply(request: Request, lease: Lease) -> bytes | None:
    """The packet that answers the request, None when the server stays silent because another one is meant."""
    if request.server_id not in (None, lease.server_id) or (request.kind in _TO_ONE and request.server_id is None):
        return None
    if request.kind in _TO_ALL and request.server_id is not None:
        return None
    rapid = request.kind == SOLICIT and request.is_rapid
    kind = ADVERTISE if request.kind == SOLICIT and not rapid else REPLY
    body = _option(_SERVER_ID, lease.server_id)
    if request.client_id:
        body += _option(_CLIENT_ID, request.client_id)
    if rapid:
        body += _option(_RAPID_COMMIT, b"")
    return bytes([kind]) + request.transaction + body + _answer(request, lease)


def _answer(request: Request, lease: Lease) -> bytes:
    if request.kind == CONFIRM:
        is_ours = all(address == lease.client for address in request.addresses)
        return _status(_SUCCESS if is_ours else _NOT_ON_LINK)
    if request.kind in (RELEASE, DECLINE):
        return _status(_SUCCESS)
    found = b"" if request.kind == INFORMATION else _associations(request, lease)
    if lease.dns:
        found += _option(_DNS, b"".join(address.packed for address in lease.dns))
    if lease.search:
        found += _option(_DOMAINS, dhcp_message.format_search(lease.search))
    return found


def _associations(request: Request, lease: Lease) -> bytes:
    """The address for the first set asked for; there is no other for the rest."""
    address = _option(_IA_ADDRESS, lease.client.packed + struct.pack(">II", INFINITE, INFINITE))
    return b"".join(
        _option(_IA_NA, _IA_HEADER.pack(identity, INFINITE, INFINITE) + (_status(_NO_ADDRESSES) if index else address))
        for index, identity in enumerate(request.associations)
    )


def _status(code: int) -> bytes:
    return _option(_STATUS, struct.pack(">H", code))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack(">HH", code, len(value)) + value


def _parse_options(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Options with their codes; one that is cut off ends the list."""
    position = 0
    while position + 4 <= len(content):
        code, length = struct.unpack_from(">HH", content, position)
        value = content[position + 4 : position + 4 + length]
        if len(value) < length:
            return
        yield code, value
        position += 4 + length
