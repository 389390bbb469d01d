"""Modules of kubernetes.core in the module host: the same results and failures as ansible-core's own way, and nothing of one task in the next.

The collection is a fixture of that name, whose module tells how it was started. Not here: the real collection (tests/bench/runner.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.engine import engine, surroundings
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import (
    FIXTURES,
    gone,
    running_below,
    started,
    until,
)

PROBE = str(FIXTURES / "playbooks" / "probe.yml")
Results = dict[str, Any]
pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared() -> AsyncIterator[engine.Engine]:
    async with probed("inline-2.21") as found:
        yield found


def probed(name: str) -> AbstractAsyncContextManager[engine.Engine]:
    paths = os.pathsep.join([str(FIXTURES / "collections"), os.environ["ANSIBLE_COLLECTIONS_PATH"]])
    return started(name, environment={"ANSIBLE_COLLECTIONS_PATH": paths})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def warm(shared: engine.Engine) -> Results:
    return await results(shared, "inline")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plain(shared: engine.Engine) -> Results:
    return await results(shared, "fork")


async def results(found: engine.Engine, name: str, role: str = "") -> Results:
    """The results by task; each of ansible-core's own ways to start a module takes a second, so this is done once."""
    tasks: list[Mapping[str, Any]] = []
    own = Path(found.python)
    another = str(own.with_name("python3" if own.name == "python" else "python"))
    brief = name == "fork"
    hows = ["fail", "raise"] if brief else ["fail", "raise", "kill", "garbage", "flood"]
    variables = {"text": "{{ 1 + 1 }} \U0001f600", "another_python": another, "brief": brief, "hows": hows}
    job = engine.Job(
        role=role, playbook="" if role else PROBE, extra_vars=variables, engine=name, verbosity=1, timeout=200
    )
    result = await found.run(job, tasks.append)
    assert result.ok, result
    return {str(task["task"]): {**task, "result": json.loads(task["result"])} for task in tasks}


def comparable(task: Mapping[str, Any]) -> str:
    """A task's result as text; the numbers of processes, paths and times, and how the module was started, are left out."""
    text = json.dumps({key: value for key, value in task.items() if key != "duration"}, sort_keys=True)
    text = re.sub(r'"(packed|warm)": (true|false)', "", text)
    return re.sub(r'"(child|finished|started|ansible_job_id|results_file)": [^,}]*', "", text)


async def test_results_and_failures_are_those_of_ansible_core(warm: Results, plain: Results) -> None:
    assert warm["Tell"]["result"]["warm"]
    assert not plain["Tell"]["result"]["warm"]
    for name in ("Tell", "Check", "Refuse", "Use what was registered"):
        assert comparable(warm[name]) == comparable(plain[name])
    failed = warm["Fail"]["result"]["results"]
    for ours, theirs in zip(failed, plain["Fail"]["result"]["results"], strict=False):
        for key in ("changed", "item", "msg", "text", "invocation"):
            assert ours.get(key) == theirs.get(key), (ours, theirs)
    assert ["exception" in item for item in failed] == [True] * 5
    told = warm["Tell"]["result"]
    assert told["seen"] == ["{{ 1 + 1 }} \U0001f600"]
    assert told["token"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    assert [item["seen"] for item in warm["Loop"]["result"]["results"]] == [["1"], ["2"]]
    assert not told["leaked"]
    assert "secret" not in json.dumps(warm)
    assert warm["Check"]["status"] == "ok"


async def test_a_task_that_says_how_it_is_started_is_started_so(warm: Results) -> None:
    done = warm
    for name in ("Start it in an environment", "Start it with another interpreter", "Start it in the background"):
        assert not done[name]["result"]["warm"], name
    assert done["Delegate"]["result"]["warm"]
    assert "Timed out" in done["Run out of time"]["msg"] or "timeout" in done["Run out of time"]["msg"].lower()
    await gone(done["Leave a child"]["result"]["child"])


@pytest.mark.parametrize("name", ["inline-2.21", "inline-2.20"])
async def test_a_host_that_is_killed_is_started_again(name: str) -> None:
    async with probed(name) as found:
        assert (await results(found, "inline", "probing"))["Tell"]["result"]["warm"]
        job = engine.Job(role="probing", extra_vars={"text": "", "how": "hang"}, timeout=60)
        play = asyncio.create_task(found.run(job, lambda task: None))
        program = await until(lambda: running_below(found.pids[0], "/bin/sleep"))
        hosts = [
            pid for pid in running_below(found.pids[0], "module_host") if program[0] in surroundings.descendants(pid)
        ]
        assert len(hosts) == 2, "the host, and its child that is the module"
        os.kill(hosts[0], signal.SIGKILL)
        assert not (await play).ok
        await gone(program[0])
        assert (await results(found, "inline", "probing"))["Tell"]["result"]["warm"]
