"""The launcher's own view of its domain, against libvirt's test driver."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import children, domain_watch, supervisor
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import connection, domain, events

URI = "test:///default"
WAIT_SECONDS = 60


class Libvirtd(supervisor.Supervisor):
    """Remembers why it was killed."""

    def __init__(self) -> None:
        super().__init__(processes=children.Children(lambda pid, name, code: None), spawn=lambda: 0, pid=0)
        self.killed: asyncio.Queue[str] = asyncio.Queue()

    def kill(self, why: str) -> None:
        self.killed.put_nowait(why)


class Bench:
    """A watch on a domain, a connection to play with that domain, and the states that the watch reported."""

    def __init__(self) -> None:
        self.name = f"default_{uuid.uuid4()}"
        self.states: asyncio.Queue[domain.DomainState] = asyncio.Queue()
        self.libvirtd = Libvirtd()
        self.watch = domain_watch.DomainWatch(
            uri=URI, name=self.name, libvirtd=self.libvirtd, on_state=self.states.put_nowait
        )
        connection.start_event_loop()
        self.conn = connection.open_connection(URI)

    def define(self, name: str | None = None) -> None:
        domain.define(
            self.conn,
            f"<domain type='test'><name>{name or self.name}</name><memory>65536</memory><os><type>hvm</type></os></domain>",
        )

    async def next(self) -> domain.DomainState:
        return await asyncio.wait_for(self.states.get(), WAIT_SECONDS)

    async def until(self, state: str) -> domain.DomainState:
        while (seen := await self.next()).state != state:
            continue
        return seen


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    # The test driver has no keepalive, being no connection at all.
    monkeypatch.setattr(connection, "set_keepalive", lambda conn, *, interval_seconds, count: None)
    made = Bench()
    task = asyncio.create_task(made.watch.run())
    await asyncio.wait_for(made.watch.ready.wait(), WAIT_SECONDS)
    assert await made.next() == domain.DomainState(state="absent")
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    connection.close(made.conn)


async def test_life_is_reported_in_order(bench: Bench) -> None:
    bench.define()
    assert (await bench.next()).state == "shutoff"
    assert not bench.watch.started
    domain.create(bench.conn, bench.name)
    assert await bench.next() == domain.DomainState(state="running", reason="booted")
    assert bench.watch.started
    domain.suspend(bench.conn, bench.name)
    assert await bench.next() == domain.DomainState(state="paused", reason="user")
    domain.resume(bench.conn, bench.name)
    assert await bench.next() == domain.DomainState(state="running", reason="unpaused")
    await bench.watch.destroy()
    assert await bench.next() == domain.DomainState(state="shutoff", reason="destroyed")
    domain.undefine(bench.conn, bench.name)
    assert await bench.next() == domain.DomainState(state="absent")


async def test_reason_survives_an_immediate_undefine(bench: Bench) -> None:
    bench.define()
    domain.create(bench.conn, bench.name)
    await bench.until("running")
    domain.destroy(bench.conn, bench.name)
    domain.undefine(bench.conn, bench.name)
    assert await bench.until("shutoff") == domain.DomainState(state="shutoff", reason="destroyed")


async def test_life_shorter_than_a_look_counts_as_started(bench: Bench) -> None:
    bench.define()
    domain.create(bench.conn, bench.name)
    domain.destroy(bench.conn, bench.name)
    while not ((await bench.next()).reason == "destroyed" and bench.watch.started):
        continue


async def test_end_is_reported_again_once_its_start_is_known(bench: Bench) -> None:
    ended = domain.DomainState(state="shutoff", reason="destroyed")
    bench.watch._saw(ended)
    bench.watch._saw(ended)
    bench.watch.started = True
    bench.watch._saw(ended)
    bench.watch._saw(domain.DomainState(state="shutoff", reason="failed"))
    assert [await bench.next() for _ in range(2)] == [ended, ended]
    assert bench.states.empty()


@pytest.mark.parametrize(
    ("state", "told"),
    [("shutoff", "crashed"), ("running", "failed"), ("absent", "failed")],
    ids=["off", "back", "gone"],
)
async def test_crash_that_libvirts_event_calls_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, state: str, told: str
) -> None:
    found = domain.DomainState(state=state, reason="crashed" if state == "shutoff" else "")
    monkeypatch.setattr(domain, "get_state", lambda conn, name: found)
    bench.watch._notices.put_nowait(events.LifecycleEvent(domain_name=bench.name, event="stopped", reason="failed"))
    assert await bench.next() == domain.DomainState(state="shutoff", reason=told)


async def test_other_domains_are_not_ours(bench: Bench) -> None:
    other = f"other_{uuid.uuid4()}"
    bench.define(other)
    domain.create(bench.conn, other)
    bench.define()
    assert (await bench.next()).state == "shutoff"
    assert not bench.watch.started


async def test_unchanged_state_is_reported_once(bench: Bench) -> None:
    bench.watch.refresh()
    bench.watch.refresh()
    bench.define()
    assert (await bench.next()).state == "shutoff"


async def test_shutdown_error_is_passed_on(bench: Bench) -> None:
    with pytest.raises(errors.DomainNotFound):
        await bench.watch.shutdown()


async def test_lost_connection_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    closers: asyncio.Queue[object] = asyncio.Queue()
    monkeypatch.setattr(connection, "set_keepalive", lambda conn, *, interval_seconds, count: None)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(
        connection, "on_close", lambda conn, callback: loop.call_soon_threadsafe(closers.put_nowait, callback)
    )
    made = Bench()
    task = asyncio.create_task(made.watch.run())
    for reason in ("end of file", "keepalive", None):
        closed = await asyncio.wait_for(closers.get(), WAIT_SECONDS)
        await asyncio.wait_for(made.watch.ready.wait(), WAIT_SECONDS)
        if reason is not None:
            assert callable(closed)
            made.watch.ready.clear()
            closed(reason)
    assert await asyncio.wait_for(made.libvirtd.killed.get(), WAIT_SECONDS) == "no answer for 30 s"
    assert made.libvirtd.killed.empty()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    connection.close(made.conn)


async def test_libvirtd_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asyncio.Event()
    loop = asyncio.get_running_loop()
    opened = connection.open_connection

    def slowly(uri: str) -> connection.Connection:
        asyncio.run_coroutine_threadsafe(answer.wait(), loop).result()
        return opened(uri)

    made = Bench()
    monkeypatch.setattr(connection, "set_keepalive", lambda conn, *, interval_seconds, count: None)
    monkeypatch.setattr(connection, "open_connection", slowly)
    monkeypatch.setattr(domain_watch, "_ANSWER_SECONDS", 0.01)
    task = asyncio.create_task(made.watch.run())
    assert [await asyncio.wait_for(made.libvirtd.killed.get(), WAIT_SECONDS) for _ in range(2)] == [
        "no answer within 0.01 s of its start",
        "no answer within 0.02 s of its start",
    ]
    answer.set()
    await asyncio.wait_for(made.watch.ready.wait(), WAIT_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    connection.close(made.conn)
