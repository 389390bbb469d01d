"""The device plugin against a fake kubelet on real unix sockets. Not here: which devices a node has (test_devices)."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import tempfile
from collections.abc import AsyncIterator, Callable

import pytest
from ansible_collections.playvirt.core.images.virt_handler import device_plugin, devices
from ansible_collections.playvirt.core.tests.unit.fakes import kubelet as fake_kubelet

TUN = devices.HostDevice("tun", "/dev/net/tun", ("/var/run/playvirt",))


@pytest.fixture
async def kubelet() -> AsyncIterator[fake_kubelet.Kubelet]:
    # pytest's own directories are too long for a socket address
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        fake = fake_kubelet.Kubelet(pathlib.Path(directory))
        await fake.start()
        yield fake
        await fake.stop()


@contextlib.asynccontextmanager
async def running(plugin: device_plugin.Plugin) -> AsyncIterator[None]:
    task = asyncio.create_task(plugin.run())
    try:
        async with asyncio.timeout(60):
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def plugin_for(kubelet: fake_kubelet.Kubelet, on_change: Callable[[], None] = lambda: None) -> device_plugin.Plugin:
    return device_plugin.Plugin(TUN, str(kubelet.directory), on_change=on_change, poll_seconds=0.01)


async def test_registers_resource(kubelet: fake_kubelet.Kubelet) -> None:
    async with running(plugin_for(kubelet)):
        request = await kubelet.registrations.get()
    assert (request.version, request.resource_name) == ("v1beta1", "devices.kubevirt.io/tun")
    assert "/" not in request.endpoint


async def test_lists_units_and_keeps_stream_open(kubelet: fake_kubelet.Kubelet) -> None:
    changed = asyncio.Event()
    plugin = plugin_for(kubelet, on_change=changed.set)
    async with running(plugin):
        request = await kubelet.registrations.get()
        assert not plugin.offered
        async with kubelet.channel(request.endpoint) as channel:
            stream = kubelet.list_and_watch(channel)
            units = (await stream.read()).devices
            await changed.wait()
            assert plugin.offered
            assert not stream.done()
        changed.clear()
        if plugin.offered:
            await changed.wait()
        assert not plugin.offered
    assert len({unit.ID for unit in units}) == devices.UNITS
    assert {unit.health for unit in units} == {"Healthy"}


async def test_allocate_gives_device_and_node_directory(kubelet: fake_kubelet.Kubelet) -> None:
    async with running(plugin_for(kubelet)):
        request = await kubelet.registrations.get()
        (answer,) = await kubelet.allocate(request.endpoint, ["tun7"])
    (device,) = answer.devices
    (mount,) = answer.mounts
    assert (device.host_path, device.container_path, device.permissions) == ("/dev/net/tun", "/dev/net/tun", "rw")
    assert (mount.host_path, mount.container_path, mount.read_only) == ("/var/run/playvirt", "/var/run/playvirt", True)


async def test_registers_again_after_kubelet_restart(kubelet: fake_kubelet.Kubelet) -> None:
    plugin = plugin_for(kubelet)
    async with running(plugin):
        first = await kubelet.registrations.get()
        await kubelet.restart()
        second = await kubelet.registrations.get()
        (answer,) = await kubelet.allocate(second.endpoint, ["tun0"])
    assert first.resource_name == second.resource_name
    assert answer.devices[0].host_path == "/dev/net/tun"
    assert not plugin.offered


async def test_tries_again_when_kubelet_refuses(
    kubelet: fake_kubelet.Kubelet, caplog: pytest.LogCaptureFixture
) -> None:
    kubelet.refuse = "not now"
    async with running(plugin_for(kubelet)):
        await kubelet.registrations.get()
    assert "not now" in caplog.text


async def test_waits_for_kubelet_that_is_not_there_yet(kubelet: fake_kubelet.Kubelet) -> None:
    await kubelet.stop()
    async with running(plugin_for(kubelet)):
        await kubelet.start()
        request = await kubelet.registrations.get()
    assert request.resource_name == "devices.kubevirt.io/tun"


async def test_leaves_leftover_of_a_killed_predecessor_behind(kubelet: fake_kubelet.Kubelet) -> None:
    (kubelet.directory / "playvirt-tun.sock").write_bytes(b"")
    async with running(plugin_for(kubelet)):
        request = await kubelet.registrations.get()
        (answer,) = await kubelet.allocate(request.endpoint, ["tun0"])
    assert answer.devices
