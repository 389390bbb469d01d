"""Router advertisements (RFC 4861, options of RFC 8106) as Ethernet frames: a lease to a frame, a frame to whether it asks for one. Pure.

An advertisement tells the guest its router, that it gets its address by DHCPv6, which addresses are on the link, and the name servers. In and out: bytes,
and the lease of dhcpv6_message.py. Called by router_advertiser.py.
"""

from __future__ import annotations

import ipaddress
import struct

from ansible_collections.playvirt.core.images.virt_launcher import dhcp_message, dhcpv6_message

#: the router is used for so long after each advertisement, the longest that the RFC allows
ROUTER_SECONDS = 9000
_INFINITE = 0xFFFFFFFF

_ETHERTYPE, _ICMPV6, _HOP_LIMIT = 0x86DD, 58, 255
_SOLICITATION, _ADVERTISEMENT = 133, 134
_MANAGED_AND_OTHER, _ON_LINK = 0xC0, 0x80
_ETHERNET = struct.Struct(">6s6sH")
_IPV6 = struct.Struct(">IHBB16s16s")
_ALL_NODES = ipaddress.IPv6Address("ff02::1")
_ALL_NODES_MAC = bytes.fromhex("333300000001")


def link_local(mac: str) -> ipaddress.IPv6Address:
    """The link-local address that the kernel makes of a hardware address (modified EUI-64)."""
    parts = bytes.fromhex(mac.replace(":", ""))
    return ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([parts[0] ^ 2]) + parts[1:3] + b"\xff\xfe" + parts[3:])


def is_solicitation(frame: bytes) -> bool:
    """Whether a frame is a guest's question for routers."""
    if len(frame) < _ETHERNET.size + _IPV6.size + 8:
        return False
    _, _, ethertype = _ETHERNET.unpack_from(frame)
    _, _, following, hop_limit, _, _ = _IPV6.unpack_from(frame, _ETHERNET.size)
    asked = frame[_ETHERNET.size + _IPV6.size]
    return (ethertype, following, hop_limit, asked) == (_ETHERTYPE, _ICMPV6, _HOP_LIMIT, _SOLICITATION)


def format_frame(lease: dhcpv6_message.Lease, sender_mac: str) -> bytes:
    """The advertisement for all nodes; `sender_mac` is that of the device that sends it in the router's place."""
    source = link_local(lease.router_mac)
    message = _message(lease)
    checksum = _checksum(source.packed + _ALL_NODES.packed + struct.pack(">II", len(message), _ICMPV6) + message)
    message = message[:2] + struct.pack(">H", checksum) + message[4:]
    header = _IPV6.pack(0x60000000, len(message), _ICMPV6, _HOP_LIMIT, source.packed, _ALL_NODES.packed)
    sender = bytes.fromhex(sender_mac.replace(":", ""))
    return _ETHERNET.pack(_ALL_NODES_MAC, sender, _ETHERTYPE) + header + message


def _message(lease: dhcpv6_message.Lease) -> bytes:
    """The ICMPv6 message with an empty checksum."""
    network = ipaddress.IPv6Network((lease.client, lease.prefix), strict=False)
    prefix = struct.pack(">BBIII", lease.prefix, _ON_LINK, _INFINITE, _INFINITE, 0) + network.network_address.packed
    parts = [
        struct.pack(">BBHBBHII", _ADVERTISEMENT, 0, 0, 64, _MANAGED_AND_OTHER, ROUTER_SECONDS, 0, 0),
        _option(1, bytes.fromhex(lease.router_mac.replace(":", ""))),
        _option(5, struct.pack(">HI", 0, lease.mtu)),
        _option(3, prefix),
    ]
    if lease.dns:
        servers = b"".join(address.packed for address in lease.dns)
        parts.append(_option(25, struct.pack(">HI", 0, _INFINITE) + servers))
    if lease.search:
        parts.append(_option(31, struct.pack(">HI", 0, _INFINITE) + dhcp_message.format_search(lease.search)))
    return b"".join(parts)


def _option(code: int, value: bytes) -> bytes:
    """An option, which is a multiple of eight bytes long and says of how many."""
    padded = value + bytes(-(len(value) + 2) % 8)
    return bytes([code, (len(padded) + 2) // 8]) + padded


def _checksum(content: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = content + bytes(len(content) % 2)
    total = sum(int.from_bytes(padded[start : start + 2]) for start in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
