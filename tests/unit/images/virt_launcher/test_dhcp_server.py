"""The DHCP server's command: its arguments, and its answers over a transport that only remembers."""

from __future__ import annotations

import asyncio
import pathlib
import socket
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import arguments, dhcp_message, dhcp_server
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

ARGUMENTS: dict[str, Any] = {
    "interface": "k6t-eth0",
    "server": "10.0.2.1",
    "client": "10.0.2.2",
    "prefix": 24,
    "mac": "52:54:00:11:22:33",
    "mtu": 1500,
    "dns": None,
    "search": None,
    "hostname": "one",
}


class Transport(asyncio.DatagramTransport):
    """Remembers what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, Any]] = []
        self.closed = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((bytes(data), addr))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Bench:
    """A server whose sockets are transports as above, on a machine with one interface."""

    def __init__(self, server: dhcp_server.DhcpServer) -> None:
        self.server = server
        self.transports: list[Transport] = []
        self.indexes = {"k6t-eth0": 7}

    async def serve(self, **changes: Any) -> Any:
        return await self.server.serve_dhcp(arguments.Arguments("serve_dhcp", ARGUMENTS | changes))

    async def listen(self, interface: str) -> None:
        self.transports.append(Transport())
        self.server._transport = self.transports[-1]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Bench:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text(
        "search default.svc.cluster.local cluster.local\nnameserver 10.96.0.10\nnameserver fd00::1\n"
    )
    made = Bench(dhcp_server.DhcpServer(resolv_conf=str(resolv_conf)))

    def index(name: str) -> int:
        if name not in made.indexes:
            raise OSError(19, "No such device")
        return made.indexes[name]

    monkeypatch.setattr(socket, "if_nametoindex", index)
    monkeypatch.setattr(made.server, "_listen", made.listen)
    return made


def discover(mac: str = "525400112233", client: bytes = bytes(4), kind: int = dhcp_message.DISCOVER) -> bytes:
    head = bytes([1, 1, 6, 0]) + bytes(8) + client + bytes(12) + bytes.fromhex(mac) + bytes(10) + bytes(192)
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind, 255])


async def test_serve_dhcp_answers_by_broadcast(bench: Bench) -> None:
    assert await bench.serve() == {"interface": "k6t-eth0", "changed": True}
    bench.server.datagram_received(discover(), ("0.0.0.0", 68))
    ((reply, target),) = bench.transports[0].sent
    assert target == ("255.255.255.255", 68)
    assert bytes([53, 1, dhcp_message.OFFER]) in reply
    assert bytes([6, 4, 10, 96, 0, 10, 12]) in reply  # the pod's IPv4 name server, then the host name
    assert b"\x07default\x03svc" in reply


async def test_renewal_is_answered_to_the_guests_address(bench: Bench) -> None:
    await bench.serve()
    bench.server.datagram_received(discover(client=bytes([10, 0, 2, 2]), kind=dhcp_message.REQUEST), ("10.0.2.2", 68))
    ((reply, target),) = bench.transports[0].sent
    assert target == ("10.0.2.2", 68)
    assert bytes([53, 1, dhcp_message.ACK]) in reply


@pytest.mark.parametrize("data", [b"", b"x" * 600, discover(mac="525400000000")], ids=["empty", "noise", "stranger"])
async def test_silence(bench: Bench, data: bytes) -> None:
    await bench.serve()
    bench.server.datagram_received(data, ("0.0.0.0", 68))
    assert bench.transports[0].sent == []


async def test_serve_dhcp_again_changes_nothing(bench: Bench) -> None:
    await bench.serve()
    assert (await bench.serve())["changed"] is False
    assert len(bench.transports) == 1


async def test_serve_dhcp_with_other_arguments(bench: Bench) -> None:
    await bench.serve()
    assert (await bench.serve(mtu=1400, dns=[], search=["example.org"]))["changed"] is True
    bench.server.datagram_received(discover(), ("0.0.0.0", 68))
    ((reply, _),) = bench.transports[1].sent
    assert bytes([26, 2, 0x05, 0x78]) in reply
    assert b"\x07example\x03org\x00" in reply
    assert bytes([6, 4, 10, 96]) not in reply


async def test_serve_dhcp_on_a_bridge_that_was_made_again(bench: Bench) -> None:
    await bench.serve()
    bench.indexes["k6t-eth0"] = 8
    assert (await bench.serve())["changed"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interface": "eth9"}, "serve_dhcp.interface: there is no interface eth9 in the pod"),
        ({"interface": "a/b"}, "serve_dhcp.interface: 'a/b' is no name"),
        ({"mac": "52-54-00"}, "serve_dhcp.mac: "),
        ({"client": "10.0.2"}, "serve_dhcp.client: '10.0.2' is no IPv4 address"),
        ({"dns": ["fd00::1"]}, "serve_dhcp.dns: 'fd00::1' is no IPv4 address"),
        ({"prefix": 33}, "serve_dhcp.prefix: 33 is not between 1 and 32"),
        ({"mtu": "1500"}, "serve_dhcp.mtu: expected a whole number, got a text"),
        ({"search": "example.org"}, "serve_dhcp.search: expected a list of texts, got a text"),
    ],
)
async def test_serve_dhcp_refuses(bench: Bench, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        await bench.serve(**changes)
    assert str(caught.value).startswith(message)
