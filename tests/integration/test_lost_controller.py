"""A controller that was stopped past its lease is killed by its zygote, with its workers; one that renews it is left alone.

One that is killed leaves nothing running, whatever its plays have started.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import ROLES, alive

pytestmark = pytest.mark.integration

# A controller that is stopped (by itself, at a known moment) with a lease for another second; `renewed` says whether it goes on in time.
STOPPED = textwrap.dedent("""
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

    asyncio.run(asyncio.wait_for(main(), 240))
""")


# A controller that ends with a play in work that has started a program. `killed` says that it is killed; else it is stopped, as its zygote is.
KILLED = textwrap.dedent("""
    import asyncio, os, signal, sys
    from ansible_collections.playvirt.core.images.runner.engine import engine, surroundings
    from ansible_collections.playvirt.core.tests.unit.images.runner.engine import engines

    async def main():
        async with engines.started("inline-2.21") as found:
            job = engine.Job(role="misbehaving", extra_vars={"how": "hang_with_child"}, engine=sys.argv[1])
            asyncio.create_task(found.run(job, lambda task: None))
            await engines.until(lambda: engines.running_below(os.getpid(), "/bin/sleep"))
            print(*surroundings.descendants(os.getpid()), flush=True)
            if sys.argv[2] == "stopped":
                os.kill(found.pids[0], signal.SIGSTOP)
                os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(asyncio.wait_for(main(), 240))
""")


def controller(program: str, *arguments: str, seconds: float = 60) -> tuple[int, list[int]]:
    """Run one, and kill it that long after it told what it has to tell; returns its exit code and what it told, the ids of processes."""
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as told:
        try:
            pids = [int(pid) for pid in told.readline().split()]
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            process.wait()
    return process.returncode, pids


def assert_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if alive(pid)]


def test_a_stopped_controller_is_killed_with_its_workers_when_the_lease_has_passed() -> None:
    code, pids = controller(STOPPED, str(ROLES), "stopped")
    assert code == -signal.SIGKILL
    assert len(pids) == 2
    assert_gone(pids)


def test_one_that_renews_lives_on() -> None:
    assert controller(STOPPED, str(ROLES), "renewing")[0] == 0


@pytest.mark.parametrize("how", ["killed", "stopped"])
@pytest.mark.parametrize("name", engine.ENGINES)
def test_one_that_is_killed_leaves_nothing_running(name: str, how: str) -> None:
    code, pids = controller(KILLED, name, how, seconds=1)
    assert code == -signal.SIGKILL
    assert len(pids) >= 3, "zygote, worker, program"
    assert_gone(pids)
