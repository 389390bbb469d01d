"""DHCP messages from bytes and to bytes."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import dhcp_message

MAC = "52:54:00:11:22:33"
CLIENT = ipaddress.IPv4Address("10.0.2.2")
SERVER = ipaddress.IPv4Address("10.0.2.1")
LEASE = dhcp_message.Lease(
    mac=MAC,
    client=CLIENT,
    server=SERVER,
    router=SERVER,
    prefix=24,
    mtu=1450,
    dns=(ipaddress.IPv4Address("10.96.0.10"),),
    search=("default.svc.cluster.local", "cluster.local"),
    hostname="vm-one",
)


def packet(
    kind: int,
    *,
    mac: str = MAC,
    client: str = "0.0.0.0",
    relay: str = "0.0.0.0",
    options: bytes = b"",
    flags: int = 0x8000,
) -> bytes:
    """A client's message, written by hand from RFC 2131."""
    fixed = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0xCAFE, 3, flags)
    addresses = ipaddress.IPv4Address(client).packed + bytes(8) + ipaddress.IPv4Address(relay).packed
    hardware = bytes.fromhex(mac.replace(":", "")) + bytes(10)
    return fixed + addresses + hardware + bytes(192) + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


def option(code: int, address: ipaddress.IPv4Address) -> bytes:
    return bytes([code, 4]) + address.packed


def reply_options(reply: bytes) -> dict[int, bytes]:
    """The options of a reply, split anew."""
    assert reply[236:240] == b"\x63\x82\x53\x63"
    found, rest = {}, reply[240:]
    while rest[0] != 255:
        found[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return found


def answer(data: bytes) -> tuple[int | None, bytes]:
    request = dhcp_message.parse_request(data)
    assert request is not None
    kind = dhcp_message.answer_kind(request, LEASE)
    return kind, b"" if kind is None else dhcp_message.format_reply(request, LEASE, kind)


def test_parse_request_discover() -> None:
    request = dhcp_message.parse_request(packet(dhcp_message.DISCOVER))
    assert request == dhcp_message.Request(kind=dhcp_message.DISCOVER, transaction=0xCAFE, flags=0x8000, mac=MAC)


def test_discover_is_answered_by_an_offer_with_everything() -> None:
    kind, reply = answer(packet(dhcp_message.DISCOVER))
    assert kind == dhcp_message.OFFER
    assert reply[:4] == bytes([2, 1, 6, 0])
    assert reply[4:8] == struct.pack(">I", 0xCAFE)
    assert reply[16:20] == CLIENT.packed
    assert reply[28:34] == bytes.fromhex(MAC.replace(":", ""))
    assert reply_options(reply) == {
        53: bytes([dhcp_message.OFFER]),
        54: SERVER.packed,
        51: b"\xff\xff\xff\xff",
        1: bytes([255, 255, 255, 0]),
        28: ipaddress.IPv4Address("10.0.2.255").packed,
        3: SERVER.packed,
        26: struct.pack(">H", 1450),
        6: ipaddress.IPv4Address("10.96.0.10").packed,
        12: b"vm-one",
        15: b"default.svc.cluster.local",
        119: b"\x07default\x03svc\x07cluster\x05local\x00\x07cluster\x05local\x00",
    }
    assert len(reply) >= 300


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (packet(dhcp_message.REQUEST, options=option(50, CLIENT) + option(54, SERVER)), dhcp_message.ACK),
        (packet(dhcp_message.REQUEST, options=option(50, CLIENT)), dhcp_message.ACK),
        (packet(dhcp_message.REQUEST, client="10.0.2.2"), dhcp_message.ACK),
        (packet(dhcp_message.REQUEST, options=option(50, SERVER)), dhcp_message.NAK),
        (packet(dhcp_message.REQUEST, client="192.168.0.9"), dhcp_message.NAK),
        (packet(dhcp_message.REQUEST, options=option(50, CLIENT) + option(54, CLIENT)), None),
        (packet(dhcp_message.INFORM, client="10.0.2.2"), dhcp_message.ACK),
        (packet(dhcp_message.RELEASE, client="10.0.2.2"), None),
        (packet(dhcp_message.DECLINE), None),
        (packet(dhcp_message.DISCOVER, mac="52:54:00:00:00:01"), None),
        (packet(dhcp_message.DISCOVER, relay="10.0.2.9"), None),
        (packet(99), None),
    ],
    ids=[
        "selecting", "rebooting", "renewing", "wants-another", "renews-another", "chose-another-server", "inform",
        "release", "decline", "stranger", "relayed", "unknown-type",
    ],
)  # fmt: skip
def test_answer_kind(data: bytes, kind: int | None) -> None:
    assert answer(data)[0] == kind


def test_nak_gives_no_address() -> None:
    _, reply = answer(packet(dhcp_message.REQUEST, options=option(50, SERVER)))
    assert reply[12:24] == bytes(12)
    assert reply_options(reply) == {53: bytes([dhcp_message.NAK]), 54: SERVER.packed}


def test_inform_gets_options_without_lease() -> None:
    _, reply = answer(packet(dhcp_message.INFORM, client="10.0.2.2"))
    assert reply[12:16] == CLIENT.packed
    assert reply[16:20] == bytes(4)
    options = reply_options(reply)
    assert 51 not in options
    assert options[26] == struct.pack(">H", 1450)


@pytest.mark.parametrize("length", range(len(packet(dhcp_message.DISCOVER))))
def test_parse_request_survives_every_truncation(length: int) -> None:
    request = dhcp_message.parse_request(packet(dhcp_message.DISCOVER)[:length])
    assert request is None or request.kind == dhcp_message.DISCOVER


@pytest.mark.parametrize(
    "data",
    [
        b"\x02" + packet(1)[1:],
        packet(1)[:1] + b"\x06" + packet(1)[2:],
        packet(1).replace(b"\x63\x82", b"\x00\x00"),
        b"",
    ],
    ids=["reply", "not-ethernet", "no-cookie", "empty"],
)
def test_parse_request_of_something_else(data: bytes) -> None:
    assert dhcp_message.parse_request(data) is None


def test_parse_request_joins_split_options_and_skips_padding() -> None:
    split = b"\x00\x00" + bytes([50, 2, 10, 0]) + bytes([50, 2, 2, 2])
    request = dhcp_message.parse_request(packet(dhcp_message.REQUEST, options=split))
    assert request is not None
    assert request.requested == CLIENT


def test_long_search_list_is_split_into_options() -> None:
    names = tuple(f"{'x' * 60}{number}.example" for number in range(5))
    lease = dhcp_message.Lease(mac=MAC, client=CLIENT, server=SERVER, prefix=24, mtu=1500, search=names)
    request = dhcp_message.parse_request(packet(dhcp_message.DISCOVER))
    assert request is not None
    reply = dhcp_message.format_reply(request, lease, dhcp_message.OFFER)
    encoded = dhcp_message.format_search(names)
    assert len(encoded) > 255
    assert bytes([119, 255]) + encoded[:255] + bytes([119, len(encoded) - 255]) + encoded[255:] in reply


def test_format_search_leaves_out_what_dns_refuses() -> None:
    assert dhcp_message.format_search(("a..b", "x" * 64, "ok.")) == b"\x02ok\x00"


def test_routes_have_only_the_bytes_that_their_prefix_fills() -> None:
    gateway = ipaddress.IPv4Address("10.1.1.1")
    routes = (
        dhcp_message.Route(destination=ipaddress.IPv4Network("0.0.0.0/0"), gateway=gateway),
        dhcp_message.Route(destination=ipaddress.IPv4Network("10.96.0.0/12"), gateway=gateway),
        dhcp_message.Route(destination=ipaddress.IPv4Network("169.254.1.1/32")),
    )
    assert dhcp_message.format_routes(routes) == bytes.fromhex("00 0a010101  0c 0a60 0a010101  20 a9fe0101 00000000")


def test_options_asked_for_come_by_number() -> None:
    servers = (ipaddress.IPv4Address("192.0.2.1"),)
    found = dhcp_message.options_asked_for("pxelinux.0", "tftp.example.org", servers, {240: "é"})
    assert found == ((42, servers[0].packed), (66, b"tftp.example.org"), (67, b"pxelinux.0"), (240, "é".encode()))
    assert dhcp_message.options_asked_for(None, None, (), {}) == ()
