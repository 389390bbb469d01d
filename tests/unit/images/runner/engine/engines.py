"""The engines under test: real zygotes and workers, each way to execute tasks, on two versions of ansible-core.

In: a name out of `NAMES`. Out: a started engine. Called by the tests of the engine, here and in tests/integration.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine, surroundings
from ansible_collections.playvirt.core.tests.unit import second_core

FIXTURES = Path(__file__).parents[3] / "fixtures"
ROLES = FIXTURES / "roles"
# Tasks inline and forked with the development environment's ansible-core, inline with the other one, and with that one when its private parts are
# not those that are known, where the engine has to fall back to forks by itself.
NAMES = ("inline-2.21", "fork-2.21", "inline-2.20", "misfit-2.20")
INLINE = frozenset({"inline-2.21", "inline-2.20"})


def parameter(name: str, *more: str) -> Any:
    """That engine as a parameter of a test: before a commit it is the first one, the others come in the full run."""
    return pytest.param(name, *more, marks=() if name == NAMES[0] else pytest.mark.full)


ENGINES = tuple(parameter(name) for name in NAMES)


@asynccontextmanager
async def started(name: str, **options: Any) -> AsyncIterator[engine.Engine]:
    """That engine, with one worker; `misfit` has a WorkerProcess whose arguments nobody knows."""
    kind, _, core = name.partition("-")
    if core == "2.20":
        options["python"] = second_core.python()
    environment = {
        "ANSIBLE_ROLES_PATH": str(ROLES),
        "ANSIBLE_ACTION_PLUGINS": str(ROLES / "misbehaving" / "action_plugins"),
        **options.pop("environment", {}),
    }
    found = engine.Engine(
        engine.EngineOptions(
            environment=environment,
            engine="fork" if kind == "fork" else "inline" if kind == "misfit" else kind,
            **{"workers": 1, "roles": ("misbehaving",), **options},
        )
    )
    path = os.environ.get("PYTHONPATH")
    if kind == "misfit":
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FIXTURES / "misfit"), path]))
    try:
        assert await found.start() == {}
        if path is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = path
        assert found.inline == (name in INLINE)
        yield found
    finally:
        await found.close()


class Run:
    """A finished run and its tasks."""

    def __init__(self, result: engine.RunResult, tasks: list[Mapping[str, Any]]) -> None:
        self.result = result
        self.tasks = tasks


async def run(
    found: engine.Engine, role: str, *, timeout: float = 60.0, engine_name: str | None = None, **extra_vars: Any
) -> Run:
    """Execute a role."""
    tasks: list[Mapping[str, Any]] = []
    job = engine.Job(role=role, extra_vars=extra_vars, timeout=timeout, engine=engine_name)
    return Run(await found.run(job, tasks.append), tasks)


async def misbehave(found: engine.Engine, how: str, **more: Any) -> engine.RunResult:
    """Execute the role that misbehaves."""
    return (await run(found, "misbehaving", how=how, **more)).result


async def gone(*pids: int) -> None:
    """Wait until none of the processes is there: the kernel ends them a little after it was told to."""
    async with asyncio.timeout(30):
        while any(map(alive, pids)):
            await asyncio.sleep(0.01)


def ansible_playbook(
    directory: Path, role: str, extra_vars: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """The role as people run it, for localhost with ansible-playbook; `extra_vars` is the text of a file, made in `directory` as the playbook is."""
    book, extra = directory / "book.yml", directory / "extra.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "roles": [role]}]))
    extra.write_text(extra_vars)
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", "-e", f"@{extra}"]
    settings = {**os.environ, "ANSIBLE_ROLES_PATH": str(ROLES), "ANSIBLE_NOCOLOR": "1", **environment}
    return subprocess.run([*command, str(book)], env=settings, capture_output=True, text=True, check=False)


async def until[T](found: Callable[[], T], seconds: float = 60.0) -> T:
    """Wait for what the function finds; raises TimeoutError when it goes on finding nothing."""
    async with asyncio.timeout(seconds):
        while not (answer := found()):
            await asyncio.sleep(0.02)
    return answer


def running_below(pid: int, program: str) -> list[int]:
    """The processes below one whose command line has that word."""
    found = []
    for one in surroundings.descendants(pid):
        with suppress(OSError):
            if program in Path(f"/proc/{one}/cmdline").read_text():
                found.append(one)
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
