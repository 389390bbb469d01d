"""The domain's IO threads: threads of QEMU that serve virtio disks beside those of the virtual CPUs.

In: a VMI's spec. Out: how many there are, and which ones serve a disk.

shared: one thread for all disks. auto: threads are dealt out disk by disk, twice as many as virtual CPUs at most. supplementalPool: every disk is served by all
threads of a pool. A disk with dedicatedIOThread has one more to itself under each policy, and without one is the only kind that has any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, processor

_THREADS_PER_CPU = 2


@dataclass(frozen=True)
class Threads:
    """How many threads there are; disk name -> the thread of that disk alone or in turn, and those of the pool. Threads count from 1."""

    count: int = 0
    of_disk: Mapping[str, int] = field(default_factory=dict)
    pool: tuple[int, ...] = ()

    def convert_driver(self, disk: str) -> tuple[document.Element | None, int | None]:
        """What a disk's driver element holds, and its attribute iothread."""
        if disk in self.of_disk:
            return None, self.of_disk[disk]
        if not self.pool:
            return None, None
        return document.group("iothreads", [document.element("iothread", id=thread) for thread in self.pool]), None


def threads(spec: Mapping[str, Any], virtio_disks: Mapping[str, bool]) -> Threads:
    """The threads; `virtio_disks` maps the name of each virtio disk to whether it has a thread of its own."""
    domain = spec["domain"]
    policy = domain.get("ioThreadsPolicy")
    alone = [name for name, dedicated in virtio_disks.items() if dedicated]
    others = [name for name, dedicated in virtio_disks.items() if not dedicated]
    if not policy:
        shared = 0
    elif policy == "supplementalPool":
        shared = int((domain.get("ioThreads") or {}).get("supplementalPoolThreadCount") or 1)
    elif policy == "auto":
        room = processor.topology(spec).total * _THREADS_PER_CPU - len(alone)
        shared = max(1, min(len(others), room))
    else:
        shared = 1
    own = {name: shared + place for place, name in enumerate(alone, start=1)}
    if policy == "supplementalPool":
        return Threads(shared + len(alone), own, tuple(range(1, shared + 1)))
    dealt = {name: place % shared + 1 for place, name in enumerate(others)} if shared else {}
    return Threads(shared + len(alone), {**dealt, **own})


def convert_count(given: Threads) -> document.Element | None:
    """How many threads."""
    return document.element("iothreads", str(given.count)) if given.count else None
