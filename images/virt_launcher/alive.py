"""The file that is locked for as long as the launcher lives.

In: a path. Out: a lock. Called by run.py; container guest-console-log waits on it (console-log.sh). The kernel drops the lock when
the process ends, in whatever manner, and the file appears with the lock already held.
"""

from __future__ import annotations

import fcntl
import os


def hold(path: str) -> int:
    """Create the file and lock it; returns the descriptor that holds the lock, which programs started later do not inherit."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    unfinished = f"{path}.unfinished"
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.rename(unfinished, path)
    return descriptor
