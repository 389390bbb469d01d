"""What the engine's processes ask of the kernel about themselves. Called by `zygote.py`, `worker.py` and `module_host.py`."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; ends at once when that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def wake_when_parent_ends() -> None:
    """Have the kernel continue this process, should it be stopped, when its parent ends, instead of killing it: for who notices the end and has to clean up."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT)


def forks_die_with_this() -> None:
    """Have the kernel kill what this process forks from now on (not what it executes) when it ends itself."""
    prctl = ctypes.CDLL(None).prctl
    os.register_at_fork(after_in_child=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def own_orphans() -> None:
    """Become the parent of everything below this process whose own parent ends, so that it can be found and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def stand_in_front(score: int) -> None:
    """Where memory runs out, have the kernel end this process before those that did not raise their score."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
        if int(file.read()) < score:
            file.seek(0)
            file.write(str(score))
