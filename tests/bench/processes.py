"""What a tree of processes costs: memory (PSS) and processor time, read from /proc. Called by the benchmarks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ansible_collections.playvirt.core.images.runner.engine import surroundings


def pss_mib(pid: int) -> float:
    """PSS of a process and all below it."""
    return sum(map(own_pss_mib, [pid, *surroundings.descendants(pid)]))


def own_pss_mib(pid: int) -> float:
    """PSS of one process; 0 where it is gone."""
    return _own_mib(pid, "Pss:")


def own_rss_mib(pid: int) -> float:
    """RSS of one process, in which pages count that others have too; 0 where it is gone."""
    return _own_mib(pid, "Rss:")


def _own_mib(pid: int, row: str) -> float:
    """One row of what the kernel tells of a process's memory."""
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith(row)) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Processor time so far of a process, of all below it and of those below it that were waited for."""
    ticks = 0
    for one in [pid, *surroundings.descendants(pid)]:
        with suppress(OSError), open(f"/proc/{one}/stat", encoding="ascii") as stat:
            ticks += sum(map(int, stat.read().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Peak:
    """The largest PSS that was seen, in MiB."""

    mib = 0.0


@contextmanager
def watched(
    pid: int, *, without: frozenset[int] = frozenset(), only_below: bool = False, seconds: float = 0.5
) -> Iterator[Peak]:
    """Look at the tree every half a second; `without` are direct children that do not belong to it, with `only_below` the process itself does not."""
    peak = Peak()
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(seconds):
            skipped = sum(pss_mib(child) for child in without) + (own_pss_mib(pid) if only_below else 0.0)
            peak.mib = max(peak.mib, pss_mib(pid) - skipped)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
