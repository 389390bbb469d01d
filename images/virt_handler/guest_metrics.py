"""Prometheus metrics of this node's guests, read from their launchers when somebody scrapes.

In: the launchers that are connected. Out: a collector for /metrics. All launchers are asked at the same time and have the same few seconds; one that does not
answer in time is left out of this scrape and holds up no other, one that is gone is not asked. What was read a moment ago is told again. Called by:
launchers.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from ansible_collections.playvirt.core.images.virt_handler import guest_series
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from prometheus_client import core

LOG = logging.getLogger("virt-handler.metrics")

#: scrapes that follow each other faster tell the same
FRESH_SECONDS = 5.0
_ALIVE = frozenset(("running", "blocked", "paused", "pmsuspended", "shutdown"))


class Launcher(Protocol):
    """What is asked of launcher_connection.LauncherConnection."""

    async def request(self, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Have the launcher do a command; raises PermanentError and TransientError."""
        ...


Asked = tuple[str, str, Launcher]
"""The namespace and name of a guest's instance, and its launcher."""


class GuestMetrics:
    """See the file's docstring."""

    def __init__(
        self,
        node: str,
        *,
        guests: Callable[[], list[Asked]],
        phases: Callable[[], list[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`guests` are those to ask now; `phases` are those of all instances of this node."""
        self._node = node
        self._guests = guests
        self._phases = phases
        self._clock = clock
        self._read: list[guest_series.Guest] = []
        self._read_at = -FRESH_SECONDS
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the statistics of every guest, unless that was done a moment ago."""
        async with self._reading:
            if self._clock() - self._read_at < FRESH_SECONDS:
                return
            read = await asyncio.gather(*(self._ask(*asked) for asked in self._guests()))
            self._read = [guest for guest in read if guest is not None]
            self._read_at = self._clock()

    async def _ask(self, namespace: str, name: str, launcher: Launcher) -> guest_series.Guest | None:
        try:
            answer = await launcher.request("get_statistics", {})
        except errors.PlayvirtError as error:
            LOG.info("no statistics of %s/%s: %s", namespace, name, error)
            return None
        told = answer.get("statistics")
        return guest_series.Guest(self._node, namespace, name, told) if isinstance(told, dict) else None

    def collect(self) -> Iterator[core.Metric]:
        """The series as they were read last, and how many instances are in which phase."""
        yield from guest_series.render(self._read)
        counted = core.GaugeMetricFamily(
            "kubevirt_vmi_phase_count", "Instances of this node by phase.", labels=["node", "phase"]
        )
        for phase, count in sorted(collections.Counter(self._phases()).items()):
            counted.add_metric([self._node, phase.lower()], count)
        yield counted


def is_alive(state: str) -> bool:
    """Whether a domain in that state has statistics."""
    return state in _ALIVE
