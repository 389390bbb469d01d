"""How many runs at a time this machine, or the cgroup of this container, can carry.

In: the files of the cgroup (v2 or v1) and the number of processors. Out: a number of runs. Called by `options.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
#: what the runner and the zygote take before there is any worker, and what one more busy worker takes at most in the usual case
BASE_BYTES = 160 * 1024 * 1024
RUN_BYTES = 48 * 1024 * 1024


def processors(root: Path = CGROUP) -> float:
    """The processors that may be used: the cgroup's quota, else those of the machine."""
    count = float(os.cpu_count() or 1)
    text = _read(root / "cpu.max").split()
    if len(text) != 2:
        text = [_read(root / "cpu" / "cpu.cfs_quota_us"), _read(root / "cpu" / "cpu.cfs_period_us")]
    quota, period = text
    if quota.isdigit() and period.isdigit() and int(period):
        return min(count, int(quota) / int(period))
    return count


def memory(root: Path = CGROUP) -> int | None:
    """The bytes that the cgroup may use; None without a limit."""
    text = _read(root / "memory.max") or _read(root / "memory" / "memory.limit_in_bytes")
    # v1 writes "no limit" as a number close to 2**63.
    return int(text) if text.isdigit() and int(text) < 2**60 else None


def default_runs(root: Path = CGROUP) -> int:
    """Two runs per processor, since a run waits for the API server half of its time; at least 2, but not more than the memory carries."""
    found = max(2, round(2 * processors(root)))
    limit = memory(root)
    if limit is not None:
        found = min(found, max(1, (limit - BASE_BYTES) // RUN_BYTES))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
