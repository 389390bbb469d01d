"""Contact with the API server: how long this node's launchers may go on without hearing more.

A virtual machine may be started again on another node once this one has been silent for the fencing time, so a launcher must not be renewed by a
handler that is itself cut off. In: the runner's client, asked for this node every few seconds. Out: the seconds for which launchers may be
renewed now: the fencing time, less the time since the API server last answered. Called by: the launcher server.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ansible_collections.playvirt.core.images.virt_handler import context as handler_context
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

LOG = logging.getLogger("virt-handler.contact")

_RETRY_SECONDS = 1.0


def boottime() -> float:
    """Return seconds since boot, including the time that the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Contact:
    """When the API server answered last."""

    def __init__(self, fence_seconds: float, *, clock: Callable[[], float] = boottime) -> None:
        """Begin without contact."""
        self._fence_seconds = fence_seconds
        self._clock = clock
        self._last: float | None = None

    @property
    def grant_seconds(self) -> float:
        """The seconds for which a launcher may be renewed now; 0 or less when it must not be."""
        return 0.0 if self._last is None else self._fence_seconds - (self._clock() - self._last)

    def problem(self) -> str | None:
        """Return what keeps launchers from being renewed, None when nothing does."""
        if self.grant_seconds > 0:
            return None
        return f"the API server has not answered for {self._fence_seconds:g} s: launchers are not renewed"

    async def refresh(self, client: handler_context.Client, node_name: str) -> float:
        """Ask the API server for this node, and keep the time at which the question was asked if there is an answer.

        Returns the seconds after which to ask again. A slow answer is an answer, so the server has half of the fencing time for it.
        """
        asked = self._clock()
        try:
            async with asyncio.timeout(self._fence_seconds / 2):
                await client.get("v1", "Node", namespace=None, name=node_name)
        except errors.Forbidden as error:
            LOG.error("virt-handler may not read its own node; its role lacks a rule: %s", error)
            self._last = asked
        except errors.NotFound:
            LOG.warning("node %s is not in the API any more: launchers are not renewed", node_name)
        except (errors.PlayvirtError, TimeoutError) as error:
            LOG.warning(
                "no contact with the API server, launchers will be renewed for %.0f s more: %s",
                self.grant_seconds,
                str(error) or f"no answer within {self._fence_seconds / 2:g} s",
            )
        else:
            self._last = asked
        return self._fence_seconds / 6 if self._last == asked else _RETRY_SECONDS
