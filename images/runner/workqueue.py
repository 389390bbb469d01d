"""The work queue: which object is looked at next.

In: keys with reasons, from the cache's changes, timers and services. Out: one item at a time, the highest priority first. A key is never in
work twice at once; what arrives meanwhile is gathered, with its reasons, into one more turn. A key that failed waits, longer each time;
events that only say "something around it changed" wait with it, an urgent one (its own spec changed, it is being deleted) does not.
Called by `reconciler.py`; runs on the event loop.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Seconds: the first pause, the longest one, and the part that is random."""

    first: float = 0.5
    longest: float = 60.0
    jitter: float = 0.2

    def delay(self, failures: int) -> float:
        """The pause after that many failures in a row."""
        delay: float = min(self.longest, self.first * 2 ** min(failures - 1, 30))
        return delay * random.uniform(1 - self.jitter, 1 + self.jitter)


@dataclass
class Item[K: Hashable]:
    """A key's turn: why, how urgent, and since when it waited (seconds of the event loop's clock)."""

    key: K
    since: float
    priority: int = 0
    urgent: bool = False
    reasons: set[str] = field(default_factory=set)


class WorkQueue[K: Hashable]:
    """See the file's docstring."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._waiting: dict[K, Item[K]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._numbers = itertools.count()
        self._working: set[K] = set()
        self._failures: dict[K, int] = {}
        self._held: dict[K, asyncio.TimerHandle] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def working(self) -> int:
        """How many keys are in work."""
        return len(self._working)

    def failures(self, key: K) -> int:
        """How often in a row the key failed."""
        return self._failures.get(key, 0)

    def add(self, key: K, *, reason: str, priority: int = 0, urgent: bool = False) -> None:
        """Ask for a turn of the key."""
        item = self._waiting.get(key)
        if item is None:
            item = self._waiting[key] = Item(key, asyncio.get_running_loop().time(), priority)
        item.reasons.add(reason)
        item.priority = max(item.priority, priority)
        item.urgent = item.urgent or urgent
        if urgent and key in self._held:
            self._held.pop(key).cancel()
        if key not in self._working and key not in self._held:
            self._push(item)

    def schedule(self, key: K, *, delay: float, reason: str, priority: int = 0) -> None:
        """Ask for a turn after `delay` seconds; replaces what was scheduled for the key before."""
        self.unschedule(key)
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(delay, self._timer_ended, key, reason, priority)

    def unschedule(self, key: K) -> None:
        """Forget what was scheduled for the key."""
        if timer := self._timers.pop(key, None):
            timer.cancel()

    def _timer_ended(self, key: K, reason: str, priority: int) -> None:
        self._timers.pop(key, None)
        self.add(key, reason=reason, priority=priority)

    def _push(self, item: Item[K]) -> None:
        heapq.heappush(self._heap, (-item.priority, next(self._numbers), item.key))
        self._filled.set()

    async def get(self) -> Item[K]:
        """The next turn; `done` must follow."""
        while True:
            while self._heap:
                priority, _, key = heapq.heappop(self._heap)
                item = self._waiting.get(key)
                stale = item is None or -priority != item.priority or key in self._working or key in self._held
                if item is not None and not stale:
                    del self._waiting[key]
                    self._working.add(key)
                    self.unschedule(key)
                    return item
            self._filled.clear()
            await self._filled.wait()

    def done(self, key: K, *, failed: bool, pause: float = 0.0) -> float:
        """The turn is over; returns the seconds until the key is tried again after a failure, else 0.

        `pause` holds a key that did not fail back for so many seconds; an urgent event ends that too.
        """
        self._working.discard(key)
        if failed:
            self._failures[key] = self._failures.get(key, 0) + 1
            waiting = self._waiting.setdefault(key, Item(key, asyncio.get_running_loop().time()))
            waiting.reasons.add("retry")
            if waiting.urgent:
                self._push(waiting)
                return 0.0
            delay = self._backoff.delay(self._failures[key])
            self._held[key] = asyncio.get_running_loop().call_later(delay, self._release, key)
            return delay
        self._failures.pop(key, None)
        item = self._waiting.get(key)
        if pause > 0 and not (item and item.urgent):
            self._held[key] = asyncio.get_running_loop().call_later(pause, self._release, key)
        elif item:
            self._push(item)
        return 0.0

    def _release(self, key: K) -> None:
        self._held.pop(key, None)
        if (item := self._waiting.get(key)) and key not in self._working:
            item.since = asyncio.get_running_loop().time()  # being held back is not waiting
            self._push(item)

    def forget(self, key: K) -> None:
        """The object is gone: nothing about it is remembered or scheduled; a turn in work may end."""
        self._waiting.pop(key, None)
        self._failures.pop(key, None)
        self.unschedule(key)
        if held := self._held.pop(key, None):
            held.cancel()

    def close(self) -> None:
        """Cancel every timer."""
        for timer in [*self._timers.values(), *self._held.values()]:
            timer.cancel()
        self._timers.clear()
        self._held.clear()
