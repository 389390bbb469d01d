"""A controller that was stopped past its lease is killed by its zygote, with its workers; one that renews it is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import ROLES

pytestmark = pytest.mark.integration

# A controller that is stopped (by itself, at a known moment) with a lease for another second; `renewed` says whether it goes on in time.
CONTROLLER = textwrap.dedent("""
    import asyncio, os, signal, sys
    from ansible_collections.playvirt.core.images.runner.api import lease
    from ansible_collections.playvirt.core.images.runner.engine import engine

    async def main():
        found = engine.Engine(engine.EngineOptions(roles=("widget",), environment={"ANSIBLE_ROLES_PATH": sys.argv[1]}, workers=1))
        await found.start()
        found.live_until(lease.boot_time() + 1)
        print(*found.pids, flush=True)
        if sys.argv[2] == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        for _ in range(8):
            await asyncio.sleep(0.25)
            found.live_until(lease.boot_time() + 1)
        await found.close()

    asyncio.run(main())
""")


def controller(how: str) -> tuple[int, list[int]]:
    """Run one; returns its exit code and the ids of its zygote and workers."""
    command = [sys.executable, "-c", CONTROLLER, str(ROLES), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        out, _ = process.communicate(timeout=240)
    finally:
        process.kill()
        process.wait()
    return process.returncode, [int(pid) for pid in out.split()]


def test_a_stopped_controller_is_killed_with_its_workers_when_the_lease_has_passed() -> None:
    code, pids = controller("stopped")
    assert code == -signal.SIGKILL
    assert len(pids) == 2
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_one_that_renews_lives_on() -> None:
    assert controller("renewing")[0] == 0
