"""Durations as Go writes them (`1h30m`, `250ms`, `0`), which is how ansible-operator's files and annotations give them.

In: text. Out: seconds. Pure. Called by `watches.py`, `reconciler.py` and `options.py`.
"""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)")


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `10h`, `1m30s`, `0`.

    Raises ValueError for anything else.
    """
    text = text.strip()
    if text == "0":
        return 0.0
    position, seconds = 0, 0.0
    for match in _PART.finditer(text):
        if match.start() != position:
            break
        seconds += float(match[1]) * _UNITS[match[2]]
        position = match.end()
    if not text or position != len(text):
        raise ValueError(f"'{text}' is not a duration; write it like 30s, 10m or 1h30m")
    return seconds
