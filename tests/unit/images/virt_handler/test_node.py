"""The node's service as the runner starts it, between a fake kubelet and a fake API server."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import tempfile

import pytest
from ansible_collections.playvirt.core.images.virt_handler import devices, node
from ansible_collections.playvirt.core.tests.unit.fakes import kubelet as fake_kubelet
from ansible_collections.playvirt.core.tests.unit.fakes import virt_handler as fakes


async def test_node_is_schedulable_once_the_kubelet_has_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_CHECKS", {"tun": ("/dev/null", lambda _: None)})
    context = fakes.Context()
    labels = context.client.node["metadata"]["labels"]
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        monkeypatch.setenv("PLAYVIRT_KUBELET_ROOT", root)
        monkeypatch.setenv("PLAYVIRT_NODE_DIRECTORY", root)
        directory = pathlib.Path(root, "device-plugins")
        directory.mkdir()
        kubelet = fake_kubelet.Kubelet(directory)
        await kubelet.start()
        task = asyncio.create_task(node.serve(context))
        async with asyncio.timeout(60):
            await context.client.patched.wait()
            assert labels == {"kubevirt.io/schedulable": "false"}
            assert "devices.kubevirt.io/tun" in str(context.checks["devices"]())
            assert pathlib.Path(root, "seccomp/playvirt/passt.json").exists(), "before a pod can be scheduled here"
            request = await kubelet.registrations.get()
            async with kubelet.channel(request.endpoint) as channel:
                context.client.patched.clear()
                await kubelet.list_and_watch(channel).read()
                await context.client.patched.wait()
                assert labels == {"kubevirt.io/schedulable": "true"}
                assert context.checks["devices"]() is None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await kubelet.stop()
    assert labels == {"kubevirt.io/schedulable": "false"}
