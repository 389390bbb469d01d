"""Fencing: stops QEMU when virt-handler has not renewed its permission in time.

A node that lost touch with the cluster may be replaced after that time, so its virtual machines must be off by then. In: renewals
(handler_link.py), and the news that a domain was started. Out: a call of `fall`, once. Called by run.py. The clock is CLOCK_BOOTTIME,
which goes on while the machine sleeps, and the watching is a thread of its own, which neither libvirt nor the event loop can hold up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_STEP_SECONDS = 1.0


def boottime() -> float:
    """Seconds since the machine was started, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Fence:
    """Counts from its making, and again from each renewal. `seconds` is the longest time that a renewal can give."""

    def __init__(self, *, seconds: float, fall: Callable[[float], None], clock: Callable[[], float] = boottime) -> None:
        """`fall` is called in the fence's thread with the seconds since the last renewal."""
        self._seconds = seconds
        self._fall = fall
        self._clock = clock
        self._lock = threading.Lock()
        self._renewed = clock()
        self._granted = seconds
        self._armed = False

    def arm(self) -> None:
        """A domain was started: from now on the fence may fall."""
        self._armed = True

    def renew(self, seconds: float) -> None:
        """The handler lets the domain run `seconds` from now; never longer than the pod was told when it was made."""
        with self._lock:
            self._renewed = self._clock()
            self._granted = min(max(seconds, 0.0), self._seconds)

    def overdue(self) -> float | None:
        """The seconds since the last renewal when that is too long, else None."""
        with self._lock:
            age = self._clock() - self._renewed
            return age if self._armed and age > self._granted else None

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._watch, name="fence", daemon=True).start()

    def _watch(self) -> None:
        """Look once a second until the fence falls."""
        wake = threading.Event()
        while (age := self.overdue()) is None:
            wake.wait(_STEP_SECONDS)
        self._fall(age)
