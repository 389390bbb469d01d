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
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

SPARE_PLACES = 64
#: the reason of a turn that follows a failed one
RETRY = "retry"


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
    pushed: int | None = None  # the priority at which it lies in the heap
    pushed_at: float = 0.0


class WorkQueue[K: Hashable]:
    """See the file's docstring."""

    def __init__(self, backoff: Backoff | None = None, *, added: Callable[[K], None] = lambda key: None) -> None:
        """`added` hears of every key that did not wait already."""
        self._added = added
        self._backoff = backoff or Backoff()
        self._waiting: dict[K, Item[K]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._numbers = itertools.count()
        self._working: dict[K, float] = {}
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

    def waiting(self) -> list[K]:
        """The keys that wait, those that are held back included."""
        return list(self._waiting)

    def longest_wait(self) -> float:
        """Seconds for which a key waits that could have its turn: neither in work nor held back; 0 without one."""
        now = asyncio.get_running_loop().time()
        return max((now - item.pushed_at for item in self._waiting.values() if item.pushed is not None), default=0.0)

    def in_work(self) -> Mapping[K, float]:
        """The keys in work, and when their turn began (seconds of the event loop's clock)."""
        return dict(self._working)

    def failures(self, key: K) -> int:
        """How often in a row the key failed."""
        return self._failures.get(key, 0)

    def add(self, key: K, *, reason: str, priority: int = 0, urgent: bool = False) -> None:
        """Ask for a turn of the key."""
        item = self._waiting.get(key)
        if item is None:
            item = self._waiting[key] = Item(key, asyncio.get_running_loop().time(), priority)
            self._added(key)
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
        if item.pushed == item.priority:
            return
        if item.pushed is None:
            item.pushed_at = asyncio.get_running_loop().time()
        item.pushed = item.priority
        if len(self._heap) > 2 * len(self._waiting) + SPARE_PLACES:
            self._tidy()
        heapq.heappush(self._heap, (-item.priority, next(self._numbers), item.key))
        self._filled.set()

    def _tidy(self) -> None:
        """Drop the places of keys that were forgotten or raised: nobody comes by to skip them while nothing is taken out."""
        self._heap = [
            place
            for place in self._heap
            if (item := self._waiting.get(place[2])) is not None and item.pushed == -place[0]
        ]
        heapq.heapify(self._heap)

    async def get(self) -> Item[K]:
        """The next turn; `done` must follow."""
        while True:
            while self._heap:
                priority, _, key = heapq.heappop(self._heap)
                item = self._waiting.get(key)
                if item is None or item.pushed != -priority:
                    continue
                item.pushed = None
                if key not in self._working and key not in self._held:
                    del self._waiting[key]
                    self._working[key] = asyncio.get_running_loop().time()
                    self.unschedule(key)
                    return item
            self._filled.clear()
            await self._filled.wait()

    def done(self, key: K, *, failed: bool, pause: float = 0.0) -> float:
        """The turn is over; returns the seconds until the key is tried again after a failure, else 0.

        `pause` holds a key that did not fail back for so many seconds; an urgent event ends that too.
        """
        self._working.pop(key, None)
        if failed:
            self._failures[key] = self._failures.get(key, 0) + 1
            waiting = self._waiting.setdefault(key, Item(key, asyncio.get_running_loop().time()))
            waiting.reasons.add(RETRY)
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
