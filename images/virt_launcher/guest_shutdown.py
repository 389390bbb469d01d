"""The guest's shutdown when the pod is told to end: asks by ACPI, asks again, and pulls the plug when the grace period is over.

In: the domain (domain_watch.py) and the grace period. Out: a domain that is off, or dead. Called by run.py on SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

REPEAT_SECONDS = 5.0
_DESTROY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Domain(Protocol):
    """What is asked of domain_watch.DomainWatch."""

    async def shutdown(self) -> None:
        """Ask the guest to turn itself off."""

    async def destroy(self) -> None:
        """Turn the domain off."""


async def shut_down(
    found: Domain, *, grace_seconds: float, ended: asyncio.Future[Any], kill: Callable[[], object]
) -> None:
    """Have the domain off; returns when `ended` is done, or after `kill` was called on what did not end otherwise.

    Some guests miss a button that is pressed while they boot: it is pressed every REPEAT_SECONDS.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_seconds
    while (left := deadline - loop.time()) > 0:
        asking = asyncio.ensure_future(_try(found.shutdown))
        await asyncio.wait([ended], timeout=min(REPEAT_SECONDS, left))
        asking.cancel()
        if ended.done():
            return
    logger.warning("the guest is still on after %g s of grace: destroying it", grace_seconds)
    destroying = asyncio.ensure_future(_try(found.destroy))
    await asyncio.wait([ended], timeout=_DESTROY_SECONDS)
    destroying.cancel()
    if not ended.done():
        logger.error("libvirtd did not destroy the domain within %g s: killing QEMU", _DESTROY_SECONDS)
        kill()


async def _try(call: Callable[[], Any]) -> None:
    """Do it; a refusal is only worth a line, as it will be tried again."""
    try:
        await call()
    except errors.HypervisorError as error:
        logger.warning("%s", error)
