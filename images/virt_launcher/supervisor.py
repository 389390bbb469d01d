"""Keeps libvirtd running: starts it again when it ends, kills it when it hangs.

In: a function that starts libvirtd. Out: a running libvirtd, always. Called by run.py; domain_watch.py says when it hangs. QEMU is
not libvirtd's child: it survives, and the next libvirtd finds it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable

from ansible_collections.playvirt.core.images.virt_launcher import children

_FIRST_DELAY_SECONDS = 0.05
_LONGEST_DELAY_SECONDS = 5.0
_STEADY_SECONDS = 30.0

logger = logging.getLogger(__name__)


def next_delay(previous_seconds: float, lived_seconds: float) -> float:
    """How long to wait before the next start, after a libvirtd that lived so long."""
    if previous_seconds == 0.0 or lived_seconds >= _STEADY_SECONDS:
        return _FIRST_DELAY_SECONDS
    return min(previous_seconds * 2, _LONGEST_DELAY_SECONDS)


class Supervisor:
    """One libvirtd at a time. `pid` is the process id of the current one, None between two."""

    def __init__(self, *, processes: children.Children, spawn: Callable[[], int], pid: int) -> None:
        """Take over the libvirtd that runs as `pid`; `spawn` starts the next one. Before `processes` is watched: it may be dead already."""
        self._processes = processes
        self._spawn = spawn
        self._ended = processes.adopt(pid)
        self.pid: int | None = pid

    async def run(self) -> None:
        """Keep libvirtd running until cancelled."""
        loop = asyncio.get_running_loop()
        delay = 0.0
        while True:
            began = loop.time()
            if self.pid is not None:
                code = await asyncio.shield(self._ended)
                self.pid = None
                delay = next_delay(delay, loop.time() - began)
                logger.warning("libvirtd ended with code %d; starting it again in %g s", code, delay)
                await asyncio.sleep(delay)
            try:
                self.pid = self._spawn()
                self._ended = self._processes.adopt(self.pid)
            except OSError as error:
                delay = next_delay(delay, 0.0)
                logger.error("libvirtd did not start: %s; trying again in %g s", error, delay)
                await asyncio.sleep(delay)

    def kill(self, why: str) -> None:
        """Kill a libvirtd that hangs; `run` starts another."""
        if self.pid is not None:
            logger.warning("killing libvirtd, process %d: %s", self.pid, why)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
