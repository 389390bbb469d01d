"""The engine with its real zygote and workers: results, containment, equality of inline and forked tasks.

Not here: what a reconciler does with a result (test_reconciler.py).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner import engine

ROLES = Path(__file__).parents[2] / "fixtures" / "roles"


@asynccontextmanager
async def started(roles: Path, *, kind: str = "inline", **options: Any) -> AsyncIterator[engine.Engine]:
    found = engine.Engine(
        engine.EngineOptions(
            roles=("widget", "misbehaving", "many_features"),
            environment={"ANSIBLE_ROLES_PATH": str(roles)},
            engine=kind,
            **{"workers": 1, **options},
        )
    )
    try:
        assert await found.start() == {}
        yield found
    finally:
        await found.close()


class Run:
    """A finished run and its tasks."""

    def __init__(self, result: engine.RunResult, tasks: list[Mapping[str, Any]]) -> None:
        self.result = result
        self.tasks = tasks


async def run(found: engine.Engine, role: str, *, timeout: float = 60.0, **extra_vars: Any) -> Run:
    tasks: list[Mapping[str, Any]] = []
    job = engine.Job(role=role, extra_vars=extra_vars, timeout=timeout)
    return Run(await found.run(job, tasks.append), tasks)


async def misbehave(found: engine.Engine, how: str, **more: Any) -> engine.RunResult:
    return (await run(found, "misbehaving", how=how, **more)).result


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared() -> AsyncIterator[engine.Engine]:
    """One engine for the tests that leave it usable; a zygote takes a second to start."""
    async with started(ROLES, growth_kib=10_000, plays_per_worker=30) as found:
        yield found


async def test_failures_are_contained_and_the_worker_is_replaced(shared: engine.Engine) -> None:
    result = await misbehave(shared, "fail")
    assert (result.ok, result.task, result.message) == (False, "Misbehave", "it did not work")
    result = await misbehave(shared, "raise")
    assert not result.ok
    assert "a bug" in result.message
    before = shared.pids
    assert (await misbehave(shared, "look")).ok
    assert shared.pids == before, "a failed task keeps its worker"
    for how, text in (("exit", "exit code 3"), ("kill", "SIGKILL"), ("system_exit", "")):
        result = await misbehave(shared, how)
        assert (result.ok, result.task) == (False, "Misbehave"), how
        assert text in result.message
        assert (await misbehave(shared, "look")).ok
        assert shared.pids != before
        before = shared.pids


async def test_a_play_that_hangs_is_ended_with_everything_it_started(shared: engine.Engine) -> None:
    result = await misbehave(shared, "child")
    child = int(result.message.split()[-1])
    assert alive(child)
    result = await misbehave(shared, "hang", timeout=0.5)
    assert (result.ok, result.task) == (False, "Misbehave")
    assert "0.5 s" in result.message
    assert (await misbehave(shared, "look")).ok
    assert not alive(child)


async def test_output_and_surroundings_of_a_play_do_not_reach_the_next(shared: engine.Engine) -> None:
    assert (await misbehave(shared, "flood")).ok
    worker = shared.pids[-1]
    assert (await misbehave(shared, "dirty")).ok
    looked = await run(shared, "misbehaving", how="look")
    assert looked.tasks[-1]["msg"] == f"clean {worker}"


async def test_a_worker_that_grew_or_is_old_is_replaced(shared: engine.Engine) -> None:
    assert (await misbehave(shared, "look")).ok
    worker = shared.pids[-1]
    assert (await misbehave(shared, "grow")).ok
    assert worker not in shared.pids
    pids = {(await run(shared, "misbehaving", how="look")).tasks[-1]["msg"] for _ in range(31)}
    assert len(pids) == 2


def comparable(done: Run) -> list[tuple[Any, ...]]:
    return [(t["task"], t["action"], t["status"], t["msg"]) for t in done.tasks]


async def test_inline_and_forked_tasks_give_the_same_results(shared: engine.Engine) -> None:
    variables = {"ansible_operator_meta": {"name": "one"}, "text": "{{ 1 + 1 }} {% raw %}"}
    async with started(ROLES, kind="fork") as forked:
        assert shared.inline
        assert not forked.inline
        ours = await run(shared, "many_features", **variables)
        again = await run(shared, "many_features", **variables)
        theirs = await run(forked, "many_features", **variables)
        died = await misbehave(forked, "exit")
        assert (died.ok, died.task) == (False, "Misbehave")
        assert (await misbehave(forked, "look")).ok
    assert comparable(ours) == comparable(theirs) == comparable(again)
    assert ours.result.stats == theirs.result.stats
    assert (ours.result.task, ours.result.message) == (theirs.result.task, theirs.result.message)
    assert ours.result.message == "the last failure: one-{{ 1 + 1 }} {% raw %}"
    said = [task["msg"] for task in ours.tasks if task["task"] == "Say the included item"]
    assert said == ["included a", "included b"]
    told = {task["task"]: task["msg"] for task in ours.tasks}
    assert told["Tell what failed"] == "Fail first: the first failure of one"
    assert told["See the group"] == "another"
    assert "secret" not in told["Keep a secret"].replace("hidden due to the fact that 'no_log: true'", "")


async def test_a_zygote_that_is_killed_is_started_again(shared: engine.Engine) -> None:
    zygote, worker = shared.pids
    os.kill(zygote, 9)
    result = await misbehave(shared, "look")
    if not result.ok:  # it came before the news
        result = await misbehave(shared, "look")
    assert result.ok
    assert not alive(worker)
    assert shared.problem() is None


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
    from ansible_collections.playvirt.core.images.runner import inline_tasks

    before = strategy.WorkerProcess
    monkeypatch.setattr(inline_tasks, "EXPECTED_ARGUMENTS", inline_tasks.EXPECTED_ARGUMENTS - {missing})
    assert inline_tasks.install() is False
    assert strategy.WorkerProcess is before is worker.WorkerProcess
