"""A stateful fake of the runner's engine: takes jobs, plays them as the test says, ends them when they are cancelled.

A job waits for `go`, then `play` does its work and `result` says how it ended. One key twice at a time is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ansible_collections.playvirt.core.images.runner.engine import engine, job


def name_of(given: engine.Job) -> str:
    """The name of the object that a job is about."""
    return str(given.extra_vars["ansible_operator_meta"]["name"])


class FakeEngine:
    """See the file's docstring."""

    def __init__(self) -> None:
        self.jobs: list[engine.Job] = []
        self.running: dict[str, asyncio.Future[None]] = {}
        self.most = 0
        self.forgotten: list[str] = []
        self.result: Callable[[engine.Job], engine.RunResult] = lambda job: engine.RunResult(ok=True)
        self.play: Callable[[engine.Job], None] = lambda job: None
        self.go = asyncio.Event()
        self.go.set()

    async def run(self, given: engine.Job, on_task: engine.TaskSink) -> engine.RunResult:
        """Play a job."""
        name = name_of(given)
        assert name not in self.running, "one key twice at a time"
        self.jobs.append(given)
        cancelled = self.running[name] = asyncio.get_running_loop().create_future()
        self.most = max(self.most, len(self.running))
        waiting = asyncio.ensure_future(self.go.wait())
        try:
            await asyncio.wait([waiting, cancelled], return_when=asyncio.FIRST_COMPLETED)
            if cancelled.done():
                return job.failed(given.what, "the run was cancelled", cancelled=True)
            self.play(given)
            on_task({"task": "Do", "action": "do", "status": "ok", "msg": "", "duration": 0.1})
            return self.result(given)
        finally:
            waiting.cancel()
            del self.running[name]

    def cancel(self, given: engine.Job) -> bool:
        """End a job that is running."""
        future = self.running.get(name_of(given))
        if future is None or (self.jobs[-1] is not given and given not in self.jobs):
            return False
        future.set_result(None)
        return True

    def forget_artifacts(self, name: str) -> None:
        """Note that an object's artifacts are not wanted any more."""
        self.forgotten.append(name)

    def names(self) -> list[str]:
        """The names of the objects of all jobs, in order."""
        return [name_of(given) for given in self.jobs]


def failed(task: str, message: str, **stats: int) -> engine.RunResult:
    """The result of a run that one task failed."""
    failure = engine.Failure(task=task, message=message)
    return engine.RunResult(ok=False, task=task, message=message, failures=(failure,), stats=stats)
