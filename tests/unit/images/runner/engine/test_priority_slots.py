"""Slots for plays: the most urgent first, and none after the end was announced."""

from __future__ import annotations

import asyncio

import pytest
from ansible_collections.playvirt.core.images.runner.engine import priority_slots


async def hold(slots: priority_slots.PrioritySlots, priority: int, order: list[int], release: asyncio.Event) -> None:
    async with slots.hold(priority):
        order.append(priority)
        await release.wait()


async def test_the_most_urgent_goes_first() -> None:
    slots, order, release = priority_slots.PrioritySlots(1), list[int](), asyncio.Event()
    release.set()
    async with asyncio.TaskGroup() as group:
        async with slots.hold(0):
            for priority in (1, 10, 5):
                group.create_task(hold(slots, priority, order, release))
            await asyncio.sleep(0)
            assert slots.waiting == 3
    assert order == [10, 5, 1]


async def test_after_the_end_was_announced_nobody_begins_and_who_began_goes_on() -> None:
    slots, order, release = priority_slots.PrioritySlots(1), list[int](), asyncio.Event()
    first = asyncio.create_task(hold(slots, 1, order, release))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(slots, 2, order, release))
    await asyncio.sleep(0)
    slots.close()
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(hold(slots, 3, order, release))
    release.set()
    await first
    assert order == [1]
