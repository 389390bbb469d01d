"""Waiting for something that the cluster does by itself: look often, until a deadline, and then say what is there instead.

In: what is awaited in words, a deadline, a function that looks. Out: what it found. Called by every story.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_PAUSE_SECONDS = 0.2


def wait_for(what: str, seconds: float, look: Callable[[], Any], *, explain: Callable[[], str] = str) -> Any:
    """What `look` returns once it is true; else an AssertionError with what `explain` says."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}\n{explain()}")
        time.sleep(_PAUSE_SECONDS)
    return found
