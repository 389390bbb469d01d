"""libvirtd's lives, with processes that stand in for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import children, supervisor

WAIT_SECONDS = 60


@pytest.mark.parametrize(
    ("previous", "lived", "expected"),
    [(0.0, 0.1, 0.05), (0.05, 0.1, 0.1), (4.0, 0.1, 5.0), (5.0, 0.1, 5.0), (5.0, 31.0, 0.05)],
)
def test_next_delay(previous: float, lived: float, expected: float) -> None:
    assert supervisor.next_delay(previous, lived) == expected


async def test_ended_libvirtd_is_started_again_and_a_hanging_one_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_DELAY_SECONDS", 0.001)
    loop = asyncio.get_running_loop()
    processes = children.Children(lambda pid, name, code: None)
    processes.watch(loop)
    spawned: asyncio.Queue[int] = asyncio.Queue()
    refusals = iter([True, False, False])

    def spawn() -> int:
        if next(refusals):
            raise OSError(11, "Resource temporarily unavailable")
        pid = os.posix_spawnp("sleep", ["sleep", "600"], os.environ)
        spawned.put_nowait(pid)
        return pid

    keeper = supervisor.Supervisor(
        processes=processes, spawn=spawn, pid=os.posix_spawnp("sh", ["sh", "-c", "exit 3"], os.environ)
    )
    task = asyncio.create_task(keeper.run())
    second = await asyncio.wait_for(spawned.get(), WAIT_SECONDS)
    assert keeper.pid == second
    keeper.kill("it hangs")
    third = await asyncio.wait_for(spawned.get(), WAIT_SECONDS)
    assert keeper.pid == third != second
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    os.kill(third, signal.SIGKILL)
    assert await asyncio.wait_for(processes.adopt(third), WAIT_SECONDS) == -9
    loop.remove_signal_handler(signal.SIGCHLD)


async def test_libvirtd_that_died_before_anybody_waited_is_started_again() -> None:
    loop = asyncio.get_running_loop()
    processes = children.Children(lambda pid, name, code: None)
    first = os.posix_spawnp("true", ["true"], os.environ)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    spawned: asyncio.Queue[int] = asyncio.Queue()

    def spawn() -> int:
        pid = os.posix_spawnp("sleep", ["sleep", "600"], os.environ)
        spawned.put_nowait(pid)
        return pid

    keeper = supervisor.Supervisor(processes=processes, spawn=spawn, pid=first)
    processes.watch(loop)
    task = asyncio.create_task(keeper.run())
    second = await asyncio.wait_for(spawned.get(), WAIT_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    os.kill(second, signal.SIGKILL)
    assert await asyncio.wait_for(processes.adopt(second), WAIT_SECONDS) == -9
    loop.remove_signal_handler(signal.SIGCHLD)
