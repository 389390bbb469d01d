"""What surrounds a play in its process, taken before it and put back after it, so that the next play finds what the first one found.

In: nothing; `Surroundings()` notes the environment, working directory, umask, signal handlers, standard streams and threads. Out: `restore()` undoes
changes, ends the processes that were left running, and says what it could not undo: the process is not to be used again then. Called by `worker.py`;
`zygote.py` and `module_host.py` end processes with the same functions.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

SIGNALS = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
_END_SECONDS, _LOOK_SECONDS = 5.0, 0.005


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, nearest first."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{thread}/children", encoding="ascii") as children:
                    waiting.extend(pids := [int(child) for child in children.read().split()])
                    found.extend(pids)
    return found


def kill_tree(pid: int) -> None:
    """Kill a child that leads its process group, and everything below it; this process reaps it as it does when the child ends by itself.

    From the top: a parent that saw its children die could end as if all were well, or start others.
    """
    for one in [pid, *descendants(pid)]:
        with suppress(OSError):
            os.kill(one, signal.SIGKILL)
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def end_descendants() -> None:
    """Kill every process below this one and reap them: this process is their subreaper. Gives up after 5 s on what cannot be killed."""
    multiprocessing.active_children()  # reaps those that ansible-core has finished with
    deadline = time.monotonic() + _END_SECONDS
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not list(reap()):
            time.sleep(_LOOK_SECONDS)
    list(reap())


def reap() -> Iterator[tuple[int, int]]:
    """Reap what has ended: process id and status of each, as it is waited for."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended


class Surroundings:
    """The surroundings as they are now."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._directory = os.getcwd()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._threads = set(threading.enumerate())
        self._descriptors = _descriptors()
        self._limits = {number: resource.getrlimit(number) for number in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)}

    def restore(self) -> str:
        """Put everything back; what is left that cannot be undone, empty where nothing is."""
        end_descendants()
        if os.environ != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        os.chdir(self._directory)
        os.umask(self._umask)
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        for limit, values in self._limits.items():
            if resource.getrlimit(limit) != values:
                return "a resource limit was changed"
        if left := [thread.name for thread in threading.enumerate() if thread not in self._threads]:
            return f"{len(left)} thread(s) left running"
        if closed := self._descriptors - _descriptors():
            return f"{len(closed)} descriptor(s) closed or opened anew"
        return ""


def _descriptors() -> set[tuple[int, str]]:
    """The standard streams and sockets that are open: what a play must not have closed or replaced."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if int(name) <= 2 or target.startswith("socket:"):
                found.add((int(name), target))
    return found
