"""Waiting for processes, with real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import children
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Bench:
    """Children, and the orphans that were reported."""

    def __init__(self) -> None:
        self.orphans: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.processes = children.Children(lambda pid, name, code: self.orphans.put_nowait((name, code)))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    loop = asyncio.get_running_loop()
    made.processes.watch(loop)
    yield made
    await asyncio.wait_for(asyncio.gather(*made.processes._exits.values()), 60)
    loop.remove_signal_handler(signal.SIGCHLD)


async def test_run_returns_output(bench: Bench) -> None:
    assert await bench.processes.run(["sh", "-c", "echo out; echo err >&2"], timeout_seconds=60) == "out\nerr\n"


async def test_run_failure_is_pasteable(bench: Bench) -> None:
    with pytest.raises(errors.CommandFailed, match=r"`sh -c 'echo no; exit 4'` ended with code 4: no") as caught:
        await bench.processes.run(["sh", "-c", "echo no; exit 4"], timeout_seconds=60)
    assert caught.value.returncode == 4


async def test_run_missing_program(bench: Bench) -> None:
    with pytest.raises(errors.CommandFailed, match="did not start: No such file"):
        await bench.processes.run(["/nonexistent/program"], timeout_seconds=60)


async def test_run_timeout_kills(bench: Bench) -> None:
    with pytest.raises(errors.CommandFailed, match="did not end within 0.05 s"):
        await bench.processes.run(["cat", "/dev/zero"], timeout_seconds=0.05)


async def test_adopted_child_reports_its_signal(bench: Bench) -> None:
    pid = os.posix_spawnp("sh", ["sh", "-c", "kill -9 $$"], os.environ)
    assert await asyncio.wait_for(bench.processes.adopt(pid), 60) == -9
    assert bench.orphans.empty()


async def test_unknown_child_is_an_orphan_with_a_name(bench: Bench) -> None:
    os.posix_spawnp("sh", ["sh", "-c", "exit 7"], os.environ)
    assert await asyncio.wait_for(bench.orphans.get(), 60) == ("sh", 7)


async def test_watch_reaps_what_ended_before() -> None:
    made = Bench()
    pid = os.posix_spawnp("true", ["true"], os.environ)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    loop = asyncio.get_running_loop()
    made.processes.watch(loop)
    loop.remove_signal_handler(signal.SIGCHLD)
    assert made.orphans.get_nowait() == ("true", 0)


def test_kill_programs_by_prefix() -> None:
    with subprocess.Popen(
        ["sh", "-c", "echo playvirt-kill-me > /proc/$$/comm; echo ready; read x"], stdout=-1, stdin=-1
    ) as found:
        assert found.stdout is not None
        assert found.stdout.readline() == b"ready\n"
        assert children.kill_programs("playvirt-kill") == 1
        assert found.wait(60) == -signal.SIGKILL


def test_kill_programs_without_a_match() -> None:
    assert children.kill_programs("no-such-program") == 0
