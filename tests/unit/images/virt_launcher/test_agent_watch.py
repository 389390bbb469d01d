"""Following a guest's agent that comes, changes, hangs and goes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import agent_watch
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_agent, guest_information

WAIT_SECONDS = 60


class Guest:
    """A domain with an agent, or without; `failure` is what libvirt says to every question."""

    def __init__(self) -> None:
        self.connected = False
        self.hostname = "a"
        self.failure: errors.HypervisorError | None = None
        self.asked = 0

    async def call(self, verb: Callable[[Any, str], Any]) -> Any:
        self.asked += 1
        if self.failure:
            raise self.failure
        if verb is guest_agent.is_connected:
            return self.connected
        assert isinstance(verb, functools.partial)
        assert verb.keywords == {"timeout_seconds": agent_watch.ANSWER_SECONDS}
        return guest_information.Information(True, {}, self.hostname)


class Bench:
    """A watch on a guest, and what it told."""

    def __init__(self, pauses_seconds: tuple[float, ...]) -> None:
        self.guest = Guest()
        self.told: asyncio.Queue[guest_information.Information] = asyncio.Queue()
        self.watch = agent_watch.AgentWatch(
            domain=self.guest, on_information=self.told.put_nowait, pauses_seconds=pauses_seconds
        )

    async def next(self) -> guest_information.Information:
        return await asyncio.wait_for(self.told.get(), WAIT_SECONDS)

    async def asked_again(self) -> None:
        """Return when the guest was asked a few times more."""
        enough = self.guest.asked + 6
        async with asyncio.timeout(WAIT_SECONDS):
            while self.guest.asked < enough:
                await asyncio.sleep(0.001)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench((0.001,))
    task = asyncio.create_task(made.watch.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_news_are_told_once(bench: Bench) -> None:
    bench.guest.connected = True
    bench.watch.notice()
    assert (await bench.next()).hostname == "a"
    await bench.asked_again()
    assert bench.told.empty()
    bench.guest.hostname = "b"
    assert (await bench.next()).hostname == "b"


async def test_an_agent_that_goes_is_not_asked_again_before_it_comes(bench: Bench) -> None:
    bench.guest.connected = True
    bench.watch.notice()
    assert (await bench.next()).connected
    bench.guest.connected = False
    assert await bench.next() == guest_information.Information(connected=False)
    asked = bench.guest.asked
    await asyncio.sleep(0.05)
    assert bench.guest.asked == asked
    bench.guest.connected = True
    bench.watch.notice()
    assert (await bench.next()).connected


async def test_an_agent_that_hangs_keeps_what_it_said(bench: Bench) -> None:
    bench.guest.connected = True
    bench.watch.notice()
    await bench.next()
    bench.guest.failure = errors.HypervisorError("Guest agent is not responding")
    await bench.asked_again()
    assert bench.told.empty()
    bench.guest.failure = errors.DomainNotFound("gone")
    assert await bench.next() == guest_information.Information(connected=False)


async def test_word_of_a_change_ends_the_pause() -> None:
    bench = Bench((3600.0,))
    task = asyncio.create_task(bench.watch.run())
    bench.guest.connected = True
    bench.watch.notice()
    await bench.next()
    bench.guest.connected = False
    bench.watch.notice()
    assert not (await bench.next()).connected
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
