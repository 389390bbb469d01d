"""The command serve_dhcp: its arguments, which servers it starts and ends, and their answers over transports that only remember."""

from __future__ import annotations

import asyncio
import copy
import pathlib
import socket
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import (
    address_service,
    arguments,
    dhcp_message,
    dhcp_server,
    dhcpv6_server,
    router_advertiser,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

LEASE: dict[str, Any] = {
    "interface": "k6t-eth0",
    "mac": "52:54:00:11:22:33",
    "mtu": 1500,
    "hostname": "one",
    "ipv4": {"server": "10.0.2.1", "router": "10.0.2.1", "client": "10.0.2.2", "prefix": 24, "routes": []},
}
IPV6 = {"client": "fd10:0:2::2", "prefix": 120, "router_mac": "02:00:00:00:00:00", "advertiser": "tap0-ra"}


class Transport(asyncio.DatagramTransport):
    """Remembers what was sent."""

    def __init__(self, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent: list[tuple[bytes, Any]] = []
        self.closed = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((bytes(data), addr))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def ask(self, data: bytes) -> list[tuple[bytes, Any]]:
        self.protocol.datagram_received(data, ("0.0.0.0", 68))
        return self.sent


class Bench:
    """A service whose sockets are transports as above, in a pod with two bridges."""

    def __init__(self, resolv_conf: str) -> None:
        self.service = address_service.AddressService(resolv_conf=resolv_conf)
        self.transports: list[Transport] = []
        self.indexes = {"k6t-eth0": 7, "k6t-net1": 8}
        self.refused: set[str] = set()

    async def serve(self, *leases: dict[str, Any]) -> Any:
        return await self.service.serve_dhcp(arguments.Arguments("serve_dhcp", {"leases": copy.deepcopy(list(leases))}))

    async def listen(self, protocol: asyncio.DatagramProtocol, interface: str, **_: Any) -> Transport:
        if interface in self.refused:
            raise errors.PlayvirtError(f"serve_dhcp: port 67 of {interface} cannot be bound: Address already in use")
        self.transports.append(Transport(protocol))
        return self.transports[-1]

    def open(self) -> int:
        return sum(not transport.closed for transport in self.transports)

    def index(self, name: str) -> int:
        if name not in self.indexes:
            raise OSError(19, "No such device")
        return self.indexes[name]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Bench:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text(
        "search default.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\nnameserver fd00::1\n"
    )
    made = Bench(str(resolv_conf))
    monkeypatch.setattr(socket, "if_nametoindex", made.index)
    monkeypatch.setattr(dhcp_server, "listen", made.listen)
    return made


def changed(**changes: Any) -> dict[str, Any]:
    return {**LEASE, **changes}


def changed_ipv4(**changes: Any) -> dict[str, Any]:
    return {**LEASE, "ipv4": {**LEASE["ipv4"], **changes}}


def discover(mac: str = "525400112233", client: bytes = bytes(4), kind: int = dhcp_message.DISCOVER) -> bytes:
    head = bytes([1, 1, 6, 0]) + bytes(8) + client + bytes(12) + bytes.fromhex(mac) + bytes(10) + bytes(192)
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind, 255])


async def test_serve_dhcp_answers_by_broadcast(bench: Bench) -> None:
    assert await bench.serve(LEASE) == {"interfaces": ["k6t-eth0"], "changed": True}
    ((reply, target),) = bench.transports[0].ask(discover())
    assert target == ("255.255.255.255", 68)
    assert bytes([53, 1, dhcp_message.OFFER]) in reply
    assert bytes([6, 4, 10, 96, 0, 10, 12]) in reply  # the pod's IPv4 name server, then the host name
    assert b"\x07default\x03svc" in reply


async def test_renewal_is_answered_to_the_guests_address(bench: Bench) -> None:
    await bench.serve(LEASE)
    ((reply, target),) = bench.transports[0].ask(discover(client=bytes([10, 0, 2, 2]), kind=dhcp_message.REQUEST))
    assert target == ("10.0.2.2", 68)
    assert bytes([53, 1, dhcp_message.ACK]) in reply


@pytest.mark.parametrize("data", [b"", b"x" * 600, discover(mac="525400000000")], ids=["empty", "noise", "stranger"])
async def test_silence(bench: Bench, data: bytes) -> None:
    await bench.serve(LEASE)
    assert bench.transports[0].ask(data) == []


async def test_serve_dhcp_again_changes_nothing(bench: Bench) -> None:
    await bench.serve(LEASE)
    assert (await bench.serve(LEASE))["changed"] is False
    assert len(bench.transports) == 1


async def test_serve_dhcp_with_other_arguments(bench: Bench) -> None:
    await bench.serve(LEASE)
    assert (await bench.serve(changed(mtu=1400, dns=[], search=["example.org"])))["changed"] is True
    assert (bench.transports[0].closed, bench.open()) == (True, 1)
    ((reply, _),) = bench.transports[1].ask(discover())
    assert bytes([26, 2, 0x05, 0x78]) in reply
    assert b"\x07example\x03org\x00" in reply
    assert bytes([6, 4, 10, 96]) not in reply


async def test_serve_dhcp_on_a_bridge_that_was_made_again(bench: Bench) -> None:
    await bench.serve(LEASE)
    bench.indexes["k6t-eth0"] = 9
    assert (await bench.serve(LEASE))["changed"] is True
    assert bench.open() == 1


async def test_each_interface_has_a_server_and_one_that_is_not_named_again_has_none(bench: Bench) -> None:
    other = changed(interface="k6t-net1", mac="52:54:00:00:00:02")
    assert (await bench.serve(LEASE, other))["interfaces"] == ["k6t-eth0", "k6t-net1"]
    assert bench.open() == 2
    assert len(bench.transports[1].ask(discover(mac="525400000002"))) == 1
    assert (await bench.serve(LEASE))["changed"] is False
    assert [transport.closed for transport in bench.transports] == [False, True]


async def test_server_that_could_not_start_is_started_by_the_next_command(bench: Bench) -> None:
    bench.refused.add("k6t-eth0")
    with pytest.raises(errors.PlayvirtError, match="port 67 of k6t-eth0 cannot be bound"):
        await bench.serve(LEASE)
    bench.refused.clear()
    assert (await bench.serve(LEASE))["changed"] is True
    assert bench.open() == 1


async def test_options_that_the_vmi_asks_for(bench: Bench) -> None:
    asked = {"boot_file": "pxelinux.0", "tftp_server": "tftp.example.org", "ntp_servers": ["192.0.2.1"]}
    await bench.serve(changed(**asked, private_options={"240": "{{ text }}"}, subdomain="shops"))
    ((reply, _),) = bench.transports[0].ask(discover())
    assert bytes([67, 10]) + b"pxelinux.0" in reply
    assert bytes([66, 16]) + b"tftp.example.org" in reply
    assert bytes([42, 4, 192, 0, 2, 1]) in reply
    assert bytes([240, 10]) + b"{{ text }}" in reply
    assert bytes([15, 31]) + b"shops.default.svc.cluster.local" in reply


async def test_lease_of_ipv6_alone_starts_dhcpv6_and_advertisements(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    async def start(server: Any) -> None:
        started.append(server)

    monkeypatch.setattr(dhcpv6_server.DhcpV6Server, "start", start)
    monkeypatch.setattr(router_advertiser.RouterAdvertiser, "start", start)
    lease = {key: value for key, value in LEASE.items() if key != "ipv4"}
    await bench.serve({**lease, "ipv6": IPV6})
    assert [type(server) for server in started] == [dhcpv6_server.DhcpV6Server, router_advertiser.RouterAdvertiser]
    assert bench.transports == []


@pytest.mark.parametrize(
    ("lease", "message"),
    [
        (changed(interface="eth9"), "interface: there is no interface eth9 in the pod"),
        (changed(interface="a/b"), "interface: 'a/b' is no name"),
        (changed(mac="52-54-00"), "mac: "),
        (changed(ipv4=None), "ipv4: a lease has ipv4, ipv6 or both"),
        (changed_ipv4(client="10.0.2"), "ipv4.client: '10.0.2' is no IPv4 address"),
        (changed_ipv4(prefix=33), "ipv4.prefix: 33 is not between 1 and 32"),
        (changed_ipv4(routes=[{"destination": "10.0.0.1/8"}]), "ipv4.routes[0].destination: '10.0.0.1/8' is no IPv4"),
        (changed(dns=["one"]), "dns: 'one' is no IPv4 address"),
        (changed(mtu="1500"), "mtu: expected a whole number, got a text"),
        (changed(search="example.org"), "search: expected a list of texts, got a text"),
        (changed(private_options={"6": "x"}), "private_options: '6' is no option for private use"),
        (changed(ipv6={**IPV6, "client": "10.0.2.2"}), "ipv6.client: '10.0.2.2' is no IPv6 address"),
        (changed(ipv6={**IPV6, "router_mac": ""}), "ipv6.router_mac: expected a text"),
        (changed(ipv6={**IPV6, "advertiser": "../tap"}), "ipv6.advertiser: '../tap' is no name"),
    ],
)
async def test_serve_dhcp_refuses(bench: Bench, lease: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        await bench.serve(lease)
    assert str(caught.value).startswith(f"serve_dhcp.leases[0].{message}")
    assert bench.transports == []
