"""The engine `subprocess`: a run below an ansible-playbook of its own tells what a warm one tells, fails clearly, and leaves nothing behind."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import FIXTURES, gone, started

TWO_PLAYS = str(FIXTURES / "playbooks" / "two_plays.yml")
pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared() -> AsyncIterator[engine.Engine]:
    async with started("inline-2.21", playbooks=(TWO_PLAYS,)) as found:
        yield found


async def play(found: engine.Engine, **job: Any) -> tuple[engine.RunResult, list[Mapping[str, Any]]]:
    tasks: list[Mapping[str, Any]] = []
    result = await found.run(
        engine.Job(**{"extra_vars": {"text": "hello"}, "playbook": TWO_PLAYS, **job}), tasks.append
    )
    return result, tasks


async def test_a_process_per_run_tells_the_same(shared: engine.Engine, caplog: pytest.LogCaptureFixture) -> None:
    warm, warm_tasks = await play(shared, extra_vars={"text": "{{ 1 + 1 }}", "periods": ["90s"]})
    with caplog.at_level(logging.INFO, logger="runner.engine"):
        cold, cold_tasks = await play(
            shared, extra_vars={"text": "{{ 1 + 1 }}", "periods": ["90s"]}, engine="subprocess", verbosity=2
        )
    assert caplog.records
    for task in [*warm_tasks, *cold_tasks]:
        del task["duration"]  # type: ignore[attr-defined]
    for task in cold_tasks:
        assert task.pop("result")  # type: ignore[attr-defined]
    assert cold_tasks == warm_tasks
    assert (cold.ok, cold.stats, cold.requeue_after) == (warm.ok, warm.stats, 90.0)


@pytest.mark.parametrize(
    ("job", "task", "text"),
    [
        ({"role": "misbehaving", "extra_vars": {"how": "fail"}}, "Misbehave", "it did not work"),
        ({"role": "misbehaving", "extra_vars": {"how": "exit"}}, "Misbehave", "exit code 1"),
        ({"role": "misbehaving", "extra_vars": {"how": "hang"}, "timeout": 6.0}, "", "did not end within 6 s"),
        ({"playbook": "/absent.yml"}, "playbook /absent.yml", "/absent.yml could not be found"),
        ({"role": "absent"}, "", "absent"),
    ],
)
async def test_a_process_per_run_fails_clearly(
    shared: engine.Engine, job: dict[str, Any], task: str, text: str
) -> None:
    result, _ = await play(shared, **{"playbook": "", "engine": "subprocess", **job})
    assert not result.ok
    assert text in result.message
    assert task in result.task
    assert shared.busy == 0


async def test_a_process_per_run_leaves_nothing_behind(
    shared: engine.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _, tasks = await play(shared, playbook="", role="misbehaving", extra_vars={"how": "orphan"}, engine="subprocess")
    child = int(tasks[-1]["msg"].split()[1])
    await play(shared)
    await gone(child)
    assert list(tmp_path.iterdir()) == []


async def test_nor_does_one_that_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with started("inline-2.21") as found:
        result, _ = await play(
            found, playbook="", role="misbehaving", extra_vars={"how": "hang"}, engine="subprocess", timeout=6.0
        )
        assert "did not end within 6 s" in result.message
    assert list(tmp_path.iterdir()) == []
