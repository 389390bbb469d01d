"""Router advertisements over a device that is a pair of sockets. That a kernel takes them from a real tap device is shown in tests/integration."""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import (
    dhcpv6_message,
    router_advertisement,
    router_advertiser,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

LEASE = dhcpv6_message.Lease(
    client=ipaddress.IPv6Address("fd10:0:2::2"), prefix=120, router_mac="02:00:00:00:00:00", mtu=1500
)
FRAME = router_advertisement.format_frame(LEASE, "02:00:00:00:00:01")
QUESTION = bytes(12) + b"\x86\xdd" + bytes(6) + b"\x3a\xff" + bytes(32) + b"\x85" + bytes(15)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other end of the device that is opened, where the bridge would be."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    descriptor = near.detach()
    os.set_blocking(descriptor, False)
    far.settimeout(10)
    monkeypatch.setattr(router_advertiser.os, "open", lambda *_: descriptor)
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: 0)
    yield far
    far.close()


async def receive(bridge: socket.socket) -> bytes:
    return await asyncio.to_thread(bridge.recv, 65536)


async def test_first_advertisement_is_not_waited_for_and_each_question_is_answered(bridge: socket.socket) -> None:
    advertiser = router_advertiser.RouterAdvertiser("tap0-ra", LEASE)
    await advertiser.start()
    try:
        assert await receive(bridge) == FRAME
        bridge.send(b"what somebody else says")
        bridge.send(QUESTION)
        assert await receive(bridge) == FRAME
        bridge.settimeout(0.05)
        with pytest.raises(TimeoutError):
            await receive(bridge)
        assert advertiser.is_serving
    finally:
        advertiser.close()
    assert not advertiser.is_serving


async def test_advertises_now_and_then(bridge: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_advertiser, "PERIOD_SECONDS", 0.01)
    advertiser = router_advertiser.RouterAdvertiser("tap0-ra", LEASE)
    await advertiser.start()
    try:
        assert [await receive(bridge) for _ in range(3)] == [FRAME] * 3
    finally:
        advertiser.close()


async def test_device_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(1, "Operation not permitted")

    near, far = socket.socketpair()
    monkeypatch.setattr(router_advertiser.os, "open", lambda *_: near.detach())
    monkeypatch.setattr(fcntl, "ioctl", refuse)
    advertiser = router_advertiser.RouterAdvertiser("tap0-ra", LEASE)
    with pytest.raises(
        errors.PlayvirtError, match="device tap0-ra cannot be opened through /dev/net/tun: Operation not"
    ):
        await advertiser.start()
    assert not advertiser.is_serving
    assert far.recv(1) == b"", "nothing stays open"
    far.close()
