"""Slots for plays: as many at a time as allowed, and the most urgent of those who wait goes first.

In: a limit. Out: an async context manager. Called by `engine.py`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class PrioritySlots:
    """A semaphore whose waiters are served by priority (higher first), then in order of arrival."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return sum(not future.done() for _, _, future in self._heap)

    @asynccontextmanager
    async def hold(self, priority: int) -> AsyncIterator[None]:
        """Wait for a slot, hold it for the block."""
        await self._acquire(priority)
        try:
            yield
        finally:
            self._release()

    def close(self) -> None:
        """Give out no more slots: who waits, or comes, is cancelled; who holds one goes on."""
        self._closed = True
        for _, _, future in self._heap:
            future.cancel()

    async def _acquire(self, priority: int) -> None:
        if self._closed:
            raise asyncio.CancelledError("no more slots are given out")
        if self._free > 0:
            self._free -= 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, (-priority, next(self._numbers), future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._heap:
            _, _, future = heapq.heappop(self._heap)
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
