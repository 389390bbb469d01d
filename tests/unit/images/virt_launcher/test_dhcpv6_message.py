"""DHCPv6 and router advertisements as bytes, against what the RFCs say. That clients take them is shown in tests/integration."""

from __future__ import annotations

import dataclasses
import ipaddress
import struct

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import dhcpv6_message, router_advertisement

LEASE = dhcpv6_message.Lease(
    client=ipaddress.IPv6Address("fd10:0:2::2"),
    prefix=120,
    router_mac="02:00:00:00:00:00",
    mtu=1450,
    dns=(ipaddress.IPv6Address("fd00:96::a"),),
    search=("ns.svc.cluster.local",),
)
CLIENT = b"\0\3\0\1\2\0\0\0\0\7"


def option(code: int, value: bytes) -> bytes:
    return struct.pack(">HH", code, len(value)) + value


def message(kind: int, *options: bytes) -> bytes:
    return bytes([kind]) + b"abc" + b"".join(options)


def answer(packet: bytes) -> tuple[int, dict[int, bytes]] | None:
    """The kind of the reply and its options; None for silence."""
    request = dhcpv6_message.parse_request(packet)
    reply = None if request is None else dhcpv6_message.format_reply(request, LEASE)
    if reply is None:
        return None
    assert reply[1:4] == b"abc"
    return reply[0], dict(dhcpv6_message._parse_options(reply[4:]))


ME, SERVER, ASK = option(1, CLIENT), option(2, LEASE.server_id), option(3, b"iaid" + bytes(8))
FOREIGN = option(2, b"somebody else")


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (message(dhcpv6_message.SOLICIT, ME, ASK), dhcpv6_message.ADVERTISE),
        (message(dhcpv6_message.SOLICIT, ME, ASK, option(14, b"")), dhcpv6_message.REPLY),
        (message(dhcpv6_message.REQUEST, ME, SERVER, ASK), dhcpv6_message.REPLY),
        (message(dhcpv6_message.RENEW, ME, SERVER, ASK), dhcpv6_message.REPLY),
        (message(dhcpv6_message.REBIND, ME, ASK), dhcpv6_message.REPLY),
    ],
)
def test_guest_gets_its_address_and_names(packet: bytes, kind: int) -> None:
    found = answer(packet)
    assert found is not None
    assert found[0] == kind
    options = found[1]
    assert (options[1], options[2]) == (CLIENT, LEASE.server_id)
    assert options[3][:4] == b"iaid"
    assert options[3][12:] == option(5, LEASE.client.packed + b"\xff" * 8)
    assert options[23] == LEASE.dns[0].packed
    assert options[24] == b"\2ns\3svc\7cluster\5local\0"


def test_there_is_no_second_address() -> None:
    second = option(3, b"more" + bytes(8))
    request = dhcpv6_message.parse_request(message(dhcpv6_message.SOLICIT, ME, ASK, second))
    assert request is not None
    reply = dhcpv6_message.format_reply(request, LEASE)
    assert reply is not None
    assert option(3, b"more" + b"\xff" * 8 + option(13, b"\0\2")) in reply


@pytest.mark.parametrize(("address", "status"), [("fd10:0:2::2", 0), ("fd10:0:2::3", 4)])
def test_confirm(address: str, status: int) -> None:
    held = option(3, b"iaid" + bytes(8) + option(5, ipaddress.IPv6Address(address).packed + bytes(8)))
    found = answer(message(dhcpv6_message.CONFIRM, ME, held))
    assert found is not None
    assert found[1][13] == struct.pack(">H", status)


def test_question_for_names_alone() -> None:
    found = answer(message(dhcpv6_message.INFORMATION))
    assert found is not None
    assert 3 not in found[1]
    assert found[1][23] == LEASE.dns[0].packed


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\1ab",
        message(dhcpv6_message.SOLICIT, ASK),
        message(dhcpv6_message.SOLICIT, ME, SERVER, ASK),
        message(dhcpv6_message.REQUEST, ME, ASK),
        message(dhcpv6_message.REQUEST, ME, FOREIGN, ASK),
        message(dhcpv6_message.REPLY, ME, SERVER, ASK),
        message(dhcpv6_message.SOLICIT, ME[:-3]),
    ],
    ids=["empty", "short", "nameless", "solicit-to-one", "request-to-all", "other-server", "reply", "cut"],
)
def test_silence(packet: bytes) -> None:
    assert answer(packet) is None


def test_link_local_address_is_the_kernels() -> None:
    assert router_advertisement.link_local("02:00:00:00:00:00") == ipaddress.IPv6Address("fe80::ff:fe00:0")
    assert router_advertisement.link_local("e6:a5:57:37:6f:e5") == ipaddress.IPv6Address("fe80::e4a5:57ff:fe37:6fe5")


def test_advertisement_tells_router_prefix_mtu_and_names() -> None:
    frame = router_advertisement.format_frame(LEASE, "02:00:00:00:00:01")
    assert frame[:14].hex() == "333300000001" + "020000000001" + "86dd"
    header, body = frame[14:54], frame[54:]
    assert ipaddress.IPv6Address(header[8:24]) == ipaddress.IPv6Address("fe80::ff:fe00:0")
    assert (header[7], len(body)) == (255, struct.unpack_from(">H", header, 4)[0])
    pseudo = header[8:40] + struct.pack(">II", len(body), 58)
    assert router_advertisement._checksum(pseudo + body) == 0, "a packet with the right checksum sums up to nothing"
    assert (body[0], body[5], struct.unpack_from(">H", body, 6)[0]) == (134, 0xC0, 9000)
    options = body[16:]
    assert bytes.fromhex("0101020000000000") in options
    assert bytes([5, 1, 0, 0, 0, 0, 0x05, 0xAA]) in options
    assert bytes([3, 4, 120, 0x80]) in options
    assert bytes([25, 3, 0, 0]) + b"\xff" * 4 + LEASE.dns[0].packed in options
    assert len(options) % 8 == 0


def test_advertisement_without_names_has_no_option_for_them() -> None:
    frame = router_advertisement.format_frame(dataclasses.replace(LEASE, dns=(), search=()), "02:00:00:00:00:01")
    assert len(frame) == 14 + 40 + 16 + 8 + 8 + 32


@pytest.mark.parametrize(
    ("change", "asks"),
    [({}, True), ({20: b"\x11"}, False), ({21: b"\x40"}, False), ({54: b"\x87"}, False), ({12: b"\x08\x00"}, False)],
    ids=["solicitation", "udp", "from-afar", "neighbour", "ipv4"],
)
def test_only_a_question_for_routers_is_one(change: dict[int, bytes], asks: bool) -> None:
    frame = bytearray(bytes(12) + b"\x86\xdd" + bytes(6) + b"\x3a\xff" + bytes(32) + b"\x85" + bytes(15))
    for position, value in change.items():
        frame[position : position + len(value)] = value
    assert router_advertisement.is_solicitation(bytes(frame)) is asks
    assert not router_advertisement.is_solicitation(bytes(frame[:40]))
