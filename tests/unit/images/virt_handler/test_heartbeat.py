"""The heartbeat on a fake API server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator

import pytest
from ansible_collections.playvirt.core.images.virt_handler import heartbeat
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import virt_handler as fakes


def test_patch_has_utc_time_without_fraction() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    now = datetime.datetime(2026, 3, 1, 1, 30, 5, 999, tzinfo=east)
    assert heartbeat.patch(schedulable=True, now=now) == {
        "metadata": {
            "labels": {"kubevirt.io/schedulable": "true"},
            "annotations": {"kubevirt.io/heartbeat": "2026-02-28T23:30:05Z"},
        }
    }


class Node:
    """A node that may be schedulable, and its heart."""

    def __init__(self) -> None:
        self.context = fakes.Context()
        self.schedulable = False
        self.heart = heartbeat.Heart(self.context, is_schedulable=lambda: self.schedulable)

    def label(self) -> str | None:
        label: str | None = self.context.client.node["metadata"]["labels"].get("kubevirt.io/schedulable")
        return label

    async def patched(self) -> None:
        async with asyncio.timeout(60):
            await self.context.client.patched.wait()
        self.context.client.patched.clear()


@contextlib.asynccontextmanager
async def beating(node: Node) -> AsyncIterator[None]:
    task = asyncio.create_task(node.heart.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_node_is_schedulable_when_it_says_so_and_until_it_ends() -> None:
    node = Node()
    async with beating(node):
        await node.patched()
        assert node.label() == "false"
        node.schedulable = True
        node.heart.changed()
        await node.patched()
        assert node.label() == "true"
        assert node.context.client.node["metadata"]["annotations"]["kubevirt.io/heartbeat"].endswith("Z")
    assert node.label() == "false"


async def test_heart_tries_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "RETRY_SECONDS", 0)
    node = Node()
    node.schedulable = True
    node.context.client.failures = [errors.TransientError("connection refused")]
    async with beating(node):
        await node.patched()
    assert "node01: connection refused" in caplog.text
