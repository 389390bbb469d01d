"""The work queue: one turn of a key at a time, gathered reasons, priorities, back-off, timers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.turns import workqueue

Queue = workqueue.WorkQueue[str]
# Longer than a busy machine holds this process up between two lines of a test.
QUICK = workqueue.Backoff(first=0.2, longest=0.4, jitter=0)


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[Queue]:
    found: Queue = workqueue.WorkQueue(QUICK)
    yield found
    found.close()


async def soon(queue: Queue) -> workqueue.Item[str]:
    async with asyncio.timeout(30):
        return await queue.get()


async def empty(queue: Queue) -> bool:
    try:
        async with asyncio.timeout(0):
            await queue.get()
    except TimeoutError:
        return True
    return False


async def test_reasons_are_gathered_into_one_turn(queue: Queue) -> None:
    queue.add("a", reason="one")
    queue.add("a", reason="two")
    assert (await soon(queue)).reasons == {"one", "two"}
    assert await empty(queue)


async def test_a_key_in_work_is_not_given_out_again_until_it_is_done(queue: Queue) -> None:
    queue.add("a", reason="one")
    await soon(queue)
    queue.add("a", reason="two", urgent=True)
    queue.add("a", reason="three")
    assert await empty(queue)
    assert queue.working == 1
    queue.done("a", failed=False)
    assert (await soon(queue)).reasons == {"two", "three"}


async def test_higher_priority_goes_first_then_arrival(queue: Queue) -> None:
    for key, priority in (("low", 0), ("first", 5), ("second", 5), ("raised", 0)):
        queue.add(key, reason="r", priority=priority)
    queue.add("raised", reason="r", priority=9)
    assert [(await soon(queue)).key for _ in range(4)] == ["raised", "first", "second", "low"]
    assert await empty(queue)


async def test_a_failed_key_waits_longer_each_time_and_events_wait_with_it(queue: Queue) -> None:
    queue.add("a", reason="one")
    delays = []
    for _ in range(3):
        await soon(queue)
        delays.append(queue.done("a", failed=True))
        queue.add("a", reason="something around it")
        assert await empty(queue)
    assert delays == [0.2, 0.4, 0.4]
    assert (await soon(queue)).reasons == {"retry", "something around it"}
    queue.done("a", failed=False)
    assert queue.failures("a") == 0


@pytest.mark.parametrize("during", [True, False])
async def test_an_urgent_event_does_not_wait_for_the_back_off(queue: Queue, during: bool) -> None:
    queue.add("a", reason="one")
    await soon(queue)
    if during:
        queue.add("a", reason="spec changed", urgent=True)
    queue.done("a", failed=True)
    if not during:
        queue.add("a", reason="spec changed", urgent=True)
    async with asyncio.timeout(0.01):
        assert "spec changed" in (await queue.get()).reasons


async def test_schedule_replaces_and_forget_removes_everything(queue: Queue) -> None:
    queue.schedule("a", delay=60, reason="later")
    queue.schedule("a", delay=0, reason="time to look again")
    assert (await soon(queue)).reasons == {"time to look again"}
    queue.done("a", failed=True)
    queue.schedule("a", delay=0, reason="x")
    queue.forget("a")
    queue.schedule("b", delay=0.05, reason="b")
    assert (await soon(queue)).key == "b"
    assert queue.failures("a") == 0
    assert len(queue) == 0


async def test_a_turn_cancels_what_was_scheduled(queue: Queue) -> None:
    queue.schedule("a", delay=0.01, reason="later")
    queue.add("a", reason="now")
    assert (await soon(queue)).reasons == {"now"}
    queue.done("a", failed=False)
    queue.schedule("b", delay=0.03, reason="b")
    assert (await soon(queue)).key == "b"
    assert await empty(queue)


async def test_events_of_waiting_and_of_deleted_keys_leave_no_trace_while_nothing_is_taken(queue: Queue) -> None:
    """As in a replica that waits for the lease: it gathers keys and nobody works on them."""
    for number in range(5000):
        queue.add("kept", reason="changed")
        queue.add(f"gone-{number}", reason="appeared")
        queue.add(f"gone-{number}", reason="changed", priority=5)
        queue.forget(f"gone-{number}")
    assert len(queue) == 1
    assert len(queue._heap) < 100
    assert (await soon(queue)).key == "kept"
    queue.done("kept", failed=True)
    queue.forget("kept")
    assert not any((queue._waiting, queue._failures, queue._held, queue._timers, queue._working))


async def test_a_key_that_was_skipped_while_held_back_has_its_turn_later(queue: Queue) -> None:
    queue.add("a", reason="one")
    await soon(queue)
    queue.done("a", failed=True)
    queue.add("a", reason="two")
    assert await empty(queue)
    assert (await soon(queue)).reasons == {"retry", "two"}
    queue.done("a", failed=False)
    queue.add("a", reason="three")
    assert (await soon(queue)).reasons == {"three"}


async def test_added_keys_are_told_once() -> None:
    added: list[str] = []
    queue: Queue = workqueue.WorkQueue(QUICK, added=added.append)
    queue.add("a", reason="one")
    queue.add("a", reason="two")
    await soon(queue)
    queue.add("a", reason="three")
    assert added == ["a", "a"]
    assert (queue.waiting(), list(queue.in_work())) == (["a"], ["a"])


async def test_only_a_key_that_could_have_its_turn_is_late(queue: Queue) -> None:
    queue.add("a", reason="r")
    queue.add("b", reason="r")
    await asyncio.sleep(0.02)
    assert 0.02 <= queue.longest_wait() < 10
    assert {(await queue.get()).key, (await queue.get()).key} == {"a", "b"}
    queue.add("a", reason="while it is in work")
    await asyncio.sleep(0.02)
    assert queue.longest_wait() == 0.0
    queue.done("a", failed=True)
    assert queue.longest_wait() == 0.0, "held back"
    queue.done("b", failed=False)
