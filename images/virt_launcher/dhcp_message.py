"""DHCP messages (RFC 2131, options of RFC 2132, 3397 and 3442): bytes to a request, a request and a lease to the bytes of a reply. Pure.

In and out: bytes, Request, Lease. Called by dhcp_server.py.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from dataclasses import dataclass

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = 1, 2, 3, 4, 5, 6, 7, 8
INFINITE = 0xFFFFFFFF

_BOOTREQUEST, _BOOTREPLY = 1, 2
_ETHERNET = 1
_COOKIE = b"\x63\x82\x53\x63"
_HEADER = struct.Struct(">BBBBIHH4s4s4s4s16s64s128s")
_SMALLEST = 300

_PAD, _END = 0, 255
_NETMASK, _ROUTER, _DNS, _HOSTNAME, _DOMAIN = 1, 3, 6, 12, 15
_NTP, _TFTP_SERVER, _BOOT_FILE, _ROUTES = 42, 66, 67, 121
_MTU, _BROADCAST, _REQUESTED, _LEASE_TIME, _TYPE, _SERVER = 26, 28, 50, 51, 53, 54
_SEARCH = 119


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client sent: `kind` is one of the message types above, addresses are None when they are missing or zero."""

    kind: int
    transaction: int
    flags: int
    mac: str
    relay: ipaddress.IPv4Address | None = None
    client: ipaddress.IPv4Address | None = None
    requested: ipaddress.IPv4Address | None = None
    server: ipaddress.IPv4Address | None = None


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way of the guest's to `destination`, over `gateway` or, without one, straight over the interface."""

    destination: ipaddress.IPv4Network
    gateway: ipaddress.IPv4Address | None = None


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The one lease of a server: `client` with `prefix` bits of network.

    `server` answers; `router` leads out, and a client that is told `routes` uses only them. `extra` are options by number that the guest's owner asked for.
    """

    mac: str
    client: ipaddress.IPv4Address
    server: ipaddress.IPv4Address
    prefix: int
    mtu: int
    router: ipaddress.IPv4Address | None = None
    routes: tuple[Route, ...] = ()
    extra: tuple[tuple[int, bytes], ...] = ()
    dns: tuple[ipaddress.IPv4Address, ...] = ()
    search: tuple[str, ...] = ()
    hostname: str | None = None


def parse_request(packet: bytes) -> Request | None:
    """The request in a packet, None when it is none that a server answers: too short, a reply, not Ethernet, no message type."""
    if len(packet) < _HEADER.size + len(_COOKIE):
        return None
    header = _HEADER.unpack_from(packet)
    operation, hardware, length, _, transaction, _, flags, client, _, _, relay, address, _, _ = header
    if (operation, hardware, length) != (_BOOTREQUEST, _ETHERNET, 6) or packet[_HEADER.size :][:4] != _COOKIE:
        return None
    options = _parse_options(packet[_HEADER.size + len(_COOKIE) :])
    kind = options.get(_TYPE, b"")
    if len(kind) != 1:
        return None
    return Request(
        kind=kind[0],
        transaction=transaction,
        flags=flags,
        mac=address[:6].hex(":"),
        relay=_address(relay),
        client=_address(client),
        requested=_address(options.get(_REQUESTED, b"")),
        server=_address(options.get(_SERVER, b"")),
    )


def answer_kind(request: Request, lease: Lease) -> int | None:
    """Which message answers the request, None when the server stays silent."""
    if request.mac != lease.mac or request.relay is not None:
        return None
    match request.kind:
        case n if n == DISCOVER:
            return OFFER
        case n if n == INFORM:
            return ACK
        case n if n == REQUEST:
            if request.server not in (None, lease.server):
                return None  # the client chose another server
            return ACK if (request.requested or request.client) == lease.client else NAK
    return None


def format_reply(request: Request, lease: Lease, kind: int) -> bytes:
    """The packet of `kind` OFFER, ACK or NAK that answers the request."""
    given = lease.client if kind != NAK and request.kind != INFORM else None
    header = _HEADER.pack(
        _BOOTREPLY,
        _ETHERNET,
        6,
        0,
        request.transaction,
        0,
        request.flags,
        _packed(request.client if kind == ACK else None),
        _packed(given),
        _packed(lease.server if kind != NAK else None),
        bytes(4),
        bytes.fromhex(request.mac.replace(":", "")) + bytes(10),
        bytes(64),
        bytes(128),
    )
    options = {_TYPE: bytes([kind]), _SERVER: lease.server.packed}
    if kind != NAK:
        if request.kind != INFORM:
            options[_LEASE_TIME] = struct.pack(">I", INFINITE)
        options |= _network_options(lease)
    body = b"".join(_format_option(code, value) for code, value in options.items())
    return (header + _COOKIE + body + bytes([_END])).ljust(_SMALLEST, b"\0")


def format_routes(routes: tuple[Route, ...]) -> bytes:
    """Routes as classless static routes (RFC 3442): of a destination only as many bytes as its prefix fills."""
    encoded = b""
    for route in routes:
        length = route.destination.prefixlen
        encoded += (
            bytes([length]) + route.destination.network_address.packed[: (length + 7) // 8] + _packed(route.gateway)
        )
    return encoded


def options_asked_for(
    boot_file: str | None,
    tftp_server: str | None,
    ntp_servers: tuple[ipaddress.IPv4Address, ...],
    private: Mapping[int, str],
) -> tuple[tuple[int, bytes], ...]:
    """The options that a VMI's dhcpOptions ask for, by number."""
    options = {number: text.encode() for number, text in private.items()}
    if boot_file:
        options[_BOOT_FILE] = boot_file.encode()
    if tftp_server:
        options[_TFTP_SERVER] = tftp_server.encode()
    if ntp_servers:
        options[_NTP] = b"".join(address.packed for address in ntp_servers)
    return tuple(sorted(options.items()))


def format_search(domains: tuple[str, ...]) -> bytes:
    """A search list as DNS names without compression (RFC 3397); names that DNS does not allow are left out."""
    encoded = b""
    for name in domains:
        labels = name.strip(".").encode("ascii", "ignore").split(b".")
        if all(0 < len(label) < 64 for label in labels):
            encoded += b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return encoded


def _network_options(lease: Lease) -> dict[int, bytes]:
    """What the lease says about the network, by option."""
    network = ipaddress.IPv4Network((lease.client, lease.prefix), strict=False)
    options = {
        _NETMASK: network.netmask.packed,
        _BROADCAST: network.broadcast_address.packed,
        _MTU: struct.pack(">H", lease.mtu),
    }
    if lease.router is not None:
        options[_ROUTER] = lease.router.packed
    if lease.routes:
        options[_ROUTES] = format_routes(lease.routes)
    if lease.dns:
        options[_DNS] = b"".join(address.packed for address in lease.dns)
    if lease.hostname:
        options[_HOSTNAME] = lease.hostname.encode("ascii", "ignore")
    if lease.search:
        options[_DOMAIN] = lease.search[0].strip(".").encode("ascii", "ignore")
        options[_SEARCH] = format_search(lease.search)
    return options | dict(lease.extra)


def _format_option(code: int, value: bytes) -> bytes:
    """One option, split into several of the same code when it is long (RFC 3396); nothing for an empty value."""
    parts = [value[start : start + 255] for start in range(0, len(value), 255)]
    return b"".join(bytes([code, len(part)]) + part for part in parts)


def _parse_options(content: bytes) -> Mapping[int, bytes]:
    """Options by code; values of a repeated code are joined, a value that is cut off ends the list."""
    options: dict[int, bytes] = {}
    position = 0
    while position < len(content) and content[position] != _END:
        if content[position] == _PAD:
            position += 1
            continue
        if position + 2 > len(content):
            break
        code, length = content[position], content[position + 1]
        value = content[position + 2 : position + 2 + length]
        if len(value) < length:
            break
        options[code] = options.get(code, b"") + value
        position += 2 + length
    return options


def _address(packed: bytes) -> ipaddress.IPv4Address | None:
    """An address, None when there is none."""
    return ipaddress.IPv4Address(packed) if len(packed) == 4 and any(packed) else None


def _packed(address: ipaddress.IPv4Address | None) -> bytes:
    """The four bytes of an address, zeros for None."""
    return bytes(4) if address is None else address.packed
