"""What a job can ask for and what its result tells, with real workers: playbooks, statistics, another turn, verbosity, cancelling.

Not here: containment (test_engine.py) and equality of the engines (tests/integration/test_engine_equivalence.py), runs in a
process of their own (tests/integration/test_process_per_run.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import FIXTURES

TWO_PLAYS = str(FIXTURES / "playbooks" / "two_plays.yml")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared() -> AsyncIterator[engine.Engine]:
    found = engine.Engine(
        engine.EngineOptions(
            roles=("misbehaving",),
            playbooks=(TWO_PLAYS, "/absent.yml"),
            environment={"ANSIBLE_ROLES_PATH": str(FIXTURES / "roles")},
            workers=1,
        )
    )
    try:
        broken = await found.start()
        assert set(broken) == {"/absent.yml"}
        assert "/absent.yml" in broken["/absent.yml"]
        yield found
    finally:
        await found.close()


async def play(found: engine.Engine, **job: Any) -> tuple[engine.RunResult, list[Mapping[str, Any]]]:
    tasks: list[Mapping[str, Any]] = []
    result = await found.run(
        engine.Job(**{"extra_vars": {"text": "hello"}, "playbook": TWO_PLAYS, **job}), tasks.append
    )
    return result, tasks


async def test_all_plays_of_a_playbook_run_in_order_on_the_same_host(shared: engine.Engine) -> None:
    result, tasks = await play(shared, environment={"TWO_PLAYS": "from outside"})
    assert result.ok
    assert (result.task, result.message, result.failures, result.cancelled) == ("", "", (), False)
    told = {task["task"]: task for task in tasks}
    assert told["Tell"]["msg"] == "hello on localhost by local from outside"
    assert (told["Fail"]["status"], told["Fail"]["rescued"]) == ("failed", True)
    assert told["Fail with errors ignored"]["status"] == "ignored"
    expected = {"ok": 3, "changed": 0, "failures": 0, "skipped": 3, "dark": 0, "rescued": 1, "ignored": 1}
    assert result.stats == expected
    assert result.requeue_after is None
    _, tasks = await play(shared)
    assert {task["task"]: task["msg"] for task in tasks}["Tell"].endswith("by local "), "the environment is gone"


OWN = {"text": "{{ spec_text }}!", "periods": ["{{ hours }}h"], "hours": "{{ 1 + 1 }}"}


@pytest.mark.parametrize("name", ["inline", "fork", pytest.param("subprocess", marks=pytest.mark.full)])
async def test_variables_of_the_operator_are_templates_and_what_they_take_from_the_object_is_not(
    shared: engine.Engine, name: str
) -> None:
    given = {"spec_text": "{{ 1 + 1 }}", "text": "of the object"}
    result, tasks = await play(shared, extra_vars=given, variables=OWN, engine=name)
    assert result.ok, result
    (told,) = [task["msg"] for task in tasks if task["task"] == "Tell"]
    assert told.startswith("{{ 1 + 1 }}! on localhost")
    assert result.requeue_after == 7200


async def test_failures_are_those_that_failed_the_run(shared: engine.Engine) -> None:
    result, _ = await play(shared, extra_vars={"text": "", "fail": True})
    assert result.failures == (engine.Failure(task="Fail when told so", message="told so"),)
    assert (result.ok, result.task, result.message, result.stats["failures"]) == (
        False,
        "Fail when told so",
        "told so",
        1,
    )


async def test_the_smallest_period_is_the_next_turn(shared: engine.Engine) -> None:
    result, _ = await play(shared, extra_vars={"text": "", "periods": ["1h", "90s", "2m"]})
    assert (result.ok, result.requeue_after) == (True, 90.0)
    result, _ = await play(shared, extra_vars={"text": "", "periods": ["soon"]})
    assert (result.ok, result.task) == (False, "requeue_after")
    assert "'soon' is not a duration" in result.message


@pytest.mark.parametrize(
    ("content", "text"), [(None, "/book.yml"), ("- hosts: [", "/book.yml"), ("hosts: localhost", "list of plays")]
)
async def test_a_playbook_that_cannot_be_read_is_a_clear_failure(
    shared: engine.Engine, tmp_path: Path, content: str | None, text: str
) -> None:
    path = tmp_path / "book.yml"
    if content is not None:
        path.write_text(content)
    result, tasks = await play(shared, playbook=str(path))
    assert (result.ok, result.task, tasks) == (False, f"playbook {path}", [])
    assert text in result.message


async def test_verbosity_logs_what_ansible_says_and_gives_results(
    shared: engine.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="runner.engine"):
        _, tasks = await play(shared)
        assert not caplog.records
        assert "result" not in tasks[0]
        _, tasks = await play(shared, verbosity=2)
    assert '"msg": "hello on localhost by local ' in next(t["result"] for t in tasks if t["task"] == "Tell")
    lines = [str(getattr(record, "fields", {}).get("line")) for record in caplog.records]
    assert any("2 plays in" in line for line in lines)


async def test_a_run_can_be_cancelled_and_its_worker_is_replaced(shared: engine.Engine) -> None:
    before = shared.pids[-1]
    job = engine.Job(role="misbehaving", extra_vars={"how": "hang"})
    started = asyncio.Event()
    run = asyncio.create_task(shared.run(job, lambda task: started.set()))
    await started.wait()
    waiting = engine.Job(role="misbehaving", extra_vars={"how": "look"})
    second = asyncio.create_task(shared.run(waiting, lambda task: None))
    await asyncio.sleep(0)
    assert shared.cancel(waiting)
    assert (await second).cancelled
    assert shared.cancel(job)
    result = await run
    assert (result.ok, result.cancelled) == (False, True)
    assert not shared.cancel(job)
    assert (await play(shared))[0].ok
    assert shared.pids[-1] != before


async def test_cancelling_the_caller_ends_the_run(shared: engine.Engine) -> None:
    before = shared.pids[-1]
    started = asyncio.Event()
    job = engine.Job(role="misbehaving", extra_vars={"how": "hang"})
    run = asyncio.create_task(shared.run(job, lambda task: started.set()))
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await play(shared))[0].ok
    assert shared.busy == 0
    assert shared.pids[-1] != before


async def test_artifacts_keep_the_last_runs_and_go_with_the_object(tmp_path: Path) -> None:
    options = engine.EngineOptions(
        roles=(), environment={"ANSIBLE_ROLES_PATH": str(FIXTURES / "roles")}, artifacts=tmp_path, workers=1
    )
    found = engine.Engine(options)
    name = "example.com/v1/Widget/default/one"
    try:
        for number in range(4):
            await play(found, extra_vars={"text": "x", "fail": number == 3}, artifacts=name, keep_artifacts=2)
        directory = tmp_path / name / "artifacts"
        assert sorted(path.name for path in directory.iterdir()) == ["3", "4", "latest"]
        kept = {path.name: path.read_text() for path in (directory / "latest").iterdir()}
        assert (kept["rc"], kept["status"]) == ("1", "failed")
        assert "failed: [Fail when told so] told so\n" in kept["stdout"]
        found.forget_artifacts(name)
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "example.com").write_text("in the way")
        assert (await play(found, artifacts=name))[0].ok, "a full disk fails no run"
    finally:
        await found.close()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({}, "a role or a playbook"),
        ({"role": "a", "playbook": "/b"}, "a role or a playbook"),
        ({"playbook": "b.yml"}, "absolute path"),
        ({"role": "a", "engine": "turbo"}, "'turbo' is not one of"),
    ],
)
async def test_a_job_that_cannot_be_meant_is_refused(wrong: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        engine.Job(extra_vars={}, **wrong)  # type: ignore[arg-type]
