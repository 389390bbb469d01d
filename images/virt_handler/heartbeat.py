"""The heartbeat: says on the Node that its virt-handler lives, and whether virtual machines may be scheduled to it.

In: the runner's client, and whether the kubelet has this node's devices. Out: annotation kubevirt.io/heartbeat and label kubevirt.io/schedulable of
this node, once a minute and at each change; the label becomes false when the process ends in order. Called by: node.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections.abc import Callable
from typing import Any

from ansible_collections.playvirt.core.images.virt_handler import context as handler_context
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

LOG = logging.getLogger("virt-handler.heartbeat")

PERIOD_SECONDS = 60.0
RETRY_SECONDS = 5.0
FAREWELL_SECONDS = 5.0


def patch(*, schedulable: bool, now: datetime.datetime) -> dict[str, Any]:
    """Return the merge patch of the Node."""
    stamp = now.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "metadata": {
            "labels": {"kubevirt.io/schedulable": "true" if schedulable else "false"},
            "annotations": {"kubevirt.io/heartbeat": stamp},
        }
    }


async def beat(context: handler_context.Context, *, schedulable: bool) -> None:
    """Write the heartbeat once; raises APIError and TransientError."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": context.node_name}}
    await context.client.patch(node, patch(schedulable=schedulable, now=datetime.datetime.now(datetime.UTC)))


class Heart:
    """Beats until cancelled."""

    def __init__(self, context: handler_context.Context, *, is_schedulable: Callable[[], bool]) -> None:
        """`is_schedulable` is asked before each beat; call `changed` when its answer has changed."""
        self._context = context
        self._is_schedulable = is_schedulable
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Have the next beat come at once."""
        self._changed.set()

    async def run(self) -> None:
        """Beat until cancelled, then say that nothing more may be scheduled here."""
        try:
            while True:
                self._changed.clear()
                delay = await self._try(schedulable=self._is_schedulable())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._changed.wait()
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._try(schedulable=False)

    async def _try(self, *, schedulable: bool) -> float:
        """Beat once; returns the seconds until the next beat."""
        try:
            await beat(self._context, schedulable=schedulable)
        except errors.PlayvirtError as error:
            LOG.warning("heartbeat of node %s: %s", self._context.node_name, error)
            return RETRY_SECONDS
        return PERIOD_SECONDS
