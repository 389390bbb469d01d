"""Objects that are written again and again without coming to rest, because somebody undoes what is written or a plan never ends: they are slowed down.

In: how each turn of a key ended, and when. Out: for how many seconds the key is held back. Turns that were asked for by time, and turns that
lie apart, are not meant. Called by `reconciler.py`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

TURNS = 8
LONGEST_SECONDS = 10.0
#: turns further apart than this are not one row
APART_SECONDS = 30.0
WRITING = frozenset({"status", "succeeded"})


@dataclass
class Restless[K: Hashable]:
    """Counts the turns in a row that wrote."""

    _rows: dict[K, tuple[int, float]] = field(default_factory=dict)

    def note(self, key: K, *, result: str, by_time: bool, now: float) -> float:
        """Take the end of a turn at `now` (seconds); returns the seconds to hold the key back."""
        turns, last = self._rows.get(key, (0, now))
        if result not in WRITING or by_time:
            self._rows.pop(key, None)
            return 0.0
        turns = turns + 1 if now - last <= APART_SECONDS else 1
        self._rows[key] = (turns, now)
        return min(LONGEST_SECONDS, 0.1 * 2 ** min(turns - TURNS, 10)) if turns >= TURNS else 0.0

    def turns(self, key: K) -> int:
        """How many turns in a row wrote."""
        return self._rows.get(key, (0, 0.0))[0]

    def forget(self, key: K) -> None:
        """The object is gone."""
        self._rows.pop(key, None)
