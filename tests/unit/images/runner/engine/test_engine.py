"""Containment: what a task can do to its process ends in a result that names the task, and the next play finds a clean worker.

Not here: equality of the engines (tests/integration/test_engine_equivalence.py), what jobs and results hold (test_engine_jobs.py), what a reconciler
does with a result (test_reconciler.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import (
    ENGINES,
    NAMES,
    ROLES,
    gone,
    misbehave,
    parameter,
    run,
    running_below,
    started,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
DEAD = "dead state"  # what ansible-core says when its own process for a task is gone


# The last of each is for the first engine only: what it does shows the same on the others, and each costs a new worker.
ENDS = {
    "exit": ("exit code 3", DEAD),
    "segv": ("signal SIGSEGV", DEAD),
    "close": ("ended during the play", ""),
    "kill": ("signal SIGKILL", DEAD),
    "system_exit": ("exit code 1", DEAD),
    "interrupt": ("ended during the play", DEAD),
}
FAILS = {
    "raise": "a bug",
    "hog": "Task failed",  # all that ansible-core says of a MemoryError
    "unpicklable": "queue send failure",
    "fail": "it did not work",
    "big_message": "m" * 4096,
}
LEAVES = ("dirty", "orphan", "big_result", "flood", "flood_descriptors", "thread", "child")
LEAKS = ("leak_and_exit", "leak_result", "leak_and_raise", "leak", "leak_and_interrupt", "leak_and_exit_with")


def on_engines(hows: Iterable[str], *, everywhere: int) -> pytest.MarkDecorator:
    """All of them on the first engine, some on the others."""
    several = list(hows)
    pairs = [parameter(name, how) for name in NAMES for how in (several if name == NAMES[0] else several[:everywhere])]
    return pytest.mark.parametrize(("shared", "how"), pairs, indirect=["shared"])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engines() -> AsyncIterator[Callable[[str], Awaitable[engine.Engine]]]:
    """Each engine is started once, for all tests: each has to leave it usable."""
    found: dict[str, engine.Engine] = {}
    async with AsyncExitStack() as stack:

        async def get(name: str) -> engine.Engine:
            if name not in found:
                found[name] = await stack.enter_async_context(started(name, growth_kib=10_000, plays_per_worker=12))
            return found[name]

        yield get


@pytest_asyncio.fixture(loop_scope="module", params=ENGINES)
async def shared(request: pytest.FixtureRequest, engines: Callable[[str], Awaitable[engine.Engine]]) -> engine.Engine:
    return await engines(request.param)


async def look(found: engine.Engine) -> tuple[str, int]:
    """What the next play finds: "clean" or "dirty", and the process that its task runs in."""
    told = (await run(found, "misbehaving", how="look")).tasks[-1]["msg"].split()
    return told[0], int(told[1])


@on_engines(ENDS, everywhere=3)
async def test_a_task_that_ends_its_process_is_a_failed_run(shared: engine.Engine, how: str) -> None:
    inline, forked = ENDS[how]
    assert (await misbehave(shared, "look")).ok
    before = shared.pids[1]
    result = await misbehave(shared, how, timeout=60)
    assert (result.ok, result.task) == (False, "Misbehave")
    assert result.failures == (engine.Failure(task="Misbehave", message=result.message),)
    assert (inline if shared.inline else forked) in result.message
    assert (await look(shared))[0] == "clean"
    if shared.inline:
        assert before not in shared.pids
        await gone(before)


@on_engines(FAILS, everywhere=3)
async def test_a_task_that_fails_keeps_its_worker_usable(shared: engine.Engine, how: str) -> None:
    result = await misbehave(shared, how)
    assert not result.ok
    assert result.task == "Misbehave" or how == "unpicklable"  # a forked task's substitute has no name
    assert FAILS[how] in result.message
    assert len(result.message) <= 4096
    assert (await look(shared))[0] == "clean"


async def test_a_failed_task_costs_no_worker(shared: engine.Engine) -> None:
    for _ in range(2):  # the first may be the worker's last, at its age
        assert (await misbehave(shared, "look")).ok
    before = shared.pids
    assert not (await misbehave(shared, "fail")).ok
    assert shared.pids == before or len(shared.pids) == 1


@on_engines(LEAVES, everywhere=3)
async def test_what_a_play_leaves_does_not_reach_the_next(shared: engine.Engine, how: str) -> None:
    done = await run(shared, "misbehaving", how=how)
    assert done.result.ok
    assert (await look(shared))[0] == "clean"
    if done.tasks[-1]["msg"].startswith("child"):
        await gone(int(done.tasks[-1]["msg"].split()[1]))


async def test_a_thread_that_is_left_running_costs_the_worker(shared: engine.Engine) -> None:
    assert (await misbehave(shared, "look")).ok
    before = shared.pids[1]
    assert (await misbehave(shared, "thread")).ok
    assert (before not in shared.pids) == shared.inline, "a forked task takes its threads with it"


async def test_a_play_that_hangs_is_ended_with_everything_it_started(shared: engine.Engine) -> None:
    started_children: list[int] = []

    def note(task: object) -> None:
        worker = shared.pids[-1]
        with open(f"/proc/{worker}/task/{worker}/children", encoding="ascii") as children:
            started_children.extend([worker, *map(int, children.read().split())])

    job = engine.Job(role="misbehaving", extra_vars={"how": "hang"}, timeout=3)
    result = await shared.run(job, note)
    assert (result.ok, result.task) == (False, "Misbehave")
    assert "3 s" in result.message
    assert (await look(shared))[0] == "clean"
    assert started_children
    await gone(*started_children)


async def test_a_worker_that_grew_or_is_old_is_replaced(shared: engine.Engine) -> None:
    assert (await misbehave(shared, "look")).ok
    worker = shared.pids[1]
    assert (await misbehave(shared, "grow")).ok
    assert (worker not in shared.pids) == shared.inline
    workers = set()
    for _ in range(13):
        assert (await misbehave(shared, "look")).ok
        workers.update(shared.pids[1:])
    assert 2 <= len(workers) <= 3


async def test_workers_go_first_where_memory_runs_out(shared: engine.Engine) -> None:
    assert (await misbehave(shared, "look")).ok
    with open(f"/proc/{shared.pids[-1]}/oom_score_adj", encoding="ascii") as score:
        assert int(score.read()) >= 500


async def test_a_zygote_that_is_killed_is_started_again(shared: engine.Engine) -> None:
    if not shared.pids[1:]:
        assert (await misbehave(shared, "look")).ok
    zygote, worker = shared.pids
    os.kill(zygote, signal.SIGKILL)
    await gone(worker)  # before that it may still take a play
    result = await misbehave(shared, "look")
    if not result.ok:  # it came before the news
        result = await misbehave(shared, "look")
    assert result.ok
    assert shared.problem() is None
    assert shared.unready() is None
    assert engine.Engine(engine.EngineOptions()).unready() == "no worker is ready yet"


async def test_a_zygote_that_dies_under_a_play_is_a_failed_run(shared: engine.Engine) -> None:
    job = engine.Job(role="misbehaving", extra_vars={"how": "hang_with_child"}, timeout=30)
    play = asyncio.create_task(shared.run(job, lambda task: None))
    program = await until(lambda: running_below(shared.pids[0], "/bin/sleep"))
    os.kill(shared.pids[0], signal.SIGKILL)
    result = await play
    assert not result.ok
    assert result.task in ("Misbehave", "role misbehaving")  # it may not have begun its next task
    assert "ended during the play" in result.message
    await gone(program[0])
    assert (await look(shared))[0] == "clean"


@on_engines(LEAKS, everywhere=2)
async def test_what_hides_itself_is_told_nowhere(
    shared: engine.Engine, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        job = engine.Job(role="secretive", extra_vars={"hows": [how]}, verbosity=4)
        tasks: list[object] = []
        result = await shared.run(job, tasks.append)
    told = f"{result} {tasks} {[vars(record) for record in caplog.records]}"
    assert "Keep it for yourself" in told
    assert "SECRET" not in told


async def test_what_does_not_hide_itself_is_told_in_the_log(
    shared: engine.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The counterpart: without it the test above would pass for a runner that loses everything."""
    with caplog.at_level(logging.DEBUG):
        result = await misbehave(shared, "leak_and_exit" if shared.inline else "leak_result")
    told = f"{result} {[vars(record) for record in caplog.records]}"
    if shared.inline:
        assert "SECRET-in-stderr" in told
    assert "SECRET" not in result.message


async def test_start_reports_a_role_that_does_not_exist() -> None:
    options = engine.EngineOptions(roles=("absent",), environment={"ANSIBLE_ROLES_PATH": str(ROLES)})
    found = engine.Engine(options)
    try:
        broken = await found.start()
    finally:
        await found.close()
    assert "The role 'absent' was not found" in broken["absent"]


@pytest.mark.parametrize("missing", ["final_q", "task"])
async def test_inline_tasks_leave_an_unknown_ansible_core_alone(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    from ansible.executor.process import worker
    from ansible.plugins import strategy
    from ansible_collections.playvirt.core.images.runner.engine import inline_tasks

    before = strategy.WorkerProcess
    monkeypatch.setattr(inline_tasks, "EXPECTED_ARGUMENTS", inline_tasks.EXPECTED_ARGUMENTS - {missing})
    assert inline_tasks.install() is False
    assert strategy.WorkerProcess is before is worker.WorkerProcess


async def test_workers_and_their_zygote_leave_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with started("inline-2.21", plays_per_worker=2) as found:
        for how in ("fail", "fail", "fail", "exit"):
            await misbehave(found, how)
        assert found.replaced == 2
        pids = found.pids[1:]
        await until(lambda: len(folders(tmp_path)) <= len(pids))
    assert list(tmp_path.iterdir()) == []


def folders(directory: Path) -> list[str]:
    """Those of workers."""
    return [path.name for path in directory.iterdir() if path.name.startswith("pymp-")]
