"""A role that uses what Ansible offers gives the same events and results inline, forked, in a process of its own, and with ansible-playbook as people run it.

The role is tests/unit/fixtures/roles/many_features. Not here: misbehaviour (tests/unit/images/runner/engine/test_engine.py), modules of kubernetes.core
(test_warm_modules.py).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import (
    ROLES,
    Run,
    ansible_playbook,
    started,
)

pytestmark = pytest.mark.integration

TEXT = "{{ 1 + 1 }} {% raw %}"
BECOME = {
    "ANSIBLE_BECOME_PLUGINS": str(ROLES / "many_features" / "become_plugins"),
    "ANSIBLE_BECOME_ALLOW_SAME_USER": "True",
}


def variables(directory: Path) -> dict[str, Any]:
    return {"ansible_operator_meta": {"name": "one"}, "text": TEXT, "directory": str(directory)}


def comparable(done: Run) -> list[dict[str, Any]]:
    """The events without their durations; a process of ansible's own counts the seconds of a task that runs in the background."""
    return [{key: value for key, value in task.items() if key != "duration"} for task in done.tasks]


async def execute(found: engine.Engine, name: str, directory: Path) -> Run:
    tasks: list[Any] = []
    job = engine.Job(role="many_features", extra_vars=variables(directory), engine=name, timeout=200)
    return Run(await found.run(job, tasks.append), tasks)


@pytest.mark.parametrize("core", ["2.21", "2.20"])
async def test_every_engine_gives_the_same_events_and_results(core: str, tmp_path: Path) -> None:
    async with started(f"inline-{core}", roles=("many_features",), environment=BECOME) as found:
        inline = await execute(found, "inline", tmp_path)
        forked = await execute(found, "fork", tmp_path)
        again = await execute(found, "inline", tmp_path)
        process = await execute(found, "subprocess", tmp_path) if core == "2.21" else forked
    for other in (forked, again, process):
        assert comparable(other) == comparable(inline)
        assert other.result.stats == inline.result.stats
        assert other.result.failures == inline.result.failures
    assert inline.result.failures == (engine.Failure(task="Fail at last", message=f"the last failure: one-{TEXT}"),)
    told = {task["task"]: task for task in inline.tasks}
    expected = {
        "Tell what failed": "Fail first: the first failure of one",
        "See the group": "another",
        "Use a filter and a lookup of the role": "LOUD [[0, 1, 2]]",
        "Tell which variable wins": f"vars task {TEXT}",
        "Clean up inside": "not three but 2",
        "Fail some items": "no b",
        "Tell what would be": f"{TEXT} True",
    }
    assert {name: told[name]["msg"] for name in expected} == expected
    assert told["Tell what came of it"]["msg"] in ("1 yes", "True yes")
    assert told["Fail in the middle"]["rescued"]
    assert "Never run what is tagged so" not in told
    assert not (tmp_path / "would").exists()
    assert "secret" not in str(inline.tasks).replace("Keep a secret", "")
    if core == "2.21":
        check_against_the_command_line(inline, tmp_path)


def check_against_the_command_line(inline: Run, directory: Path) -> None:
    """ansible-playbook with its own callback: its tasks in their order, its recap and its exit status."""
    done = ansible_playbook(directory, "many_features", "!unsafe\n" + json.dumps(variables(directory)), BECOME)
    assert done.returncode == 2, done.stdout + done.stderr
    names = re.findall(r"^(?:TASK|RUNNING HANDLER) \[(?:many_features : )?(.*?)\] \*", done.stdout, re.MULTILINE)
    ours: list[str] = [str(task["task"]) for task in inline.tasks]
    assert [name for name in names if name not in ("Flush",)] == ours
    recap = dict(re.findall(r"(\w+)=(\d+)", done.stdout.rpartition("PLAY RECAP")[2]))
    stats = {
        **inline.result.stats,
        "failed": inline.result.stats["failures"],
        "unreachable": inline.result.stats["dark"],
    }
    assert {name: int(value) for name, value in recap.items()} == {name: stats[name] for name in recap}
