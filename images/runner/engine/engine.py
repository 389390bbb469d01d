"""The engine: executes runs, at most so many at a time, the most urgent first, each within its time.

In: a `Job` (role or playbook, extra variables, timeout, ...) and a function for the task results as they come. Out: a `RunResult`, always: a
process that crashes, hangs or calls os._exit is a failed run and is replaced. Called by `reconciler.py` and `runner.py`. Warm workers are in
`workers.py`, a process per run in `process_run.py`; this file does not import ansible.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..telemetry import log
from . import artifacts, priority_slots, workers
from . import job as job_file
from .job import ENGINES as ENGINES
from .job import Failure as Failure
from .job import Job as Job
from .job import RunResult as RunResult
from .job import TaskSink as TaskSink

LOG = logging.getLogger("runner.engine")


@dataclass(frozen=True, kw_only=True)
class EngineOptions(workers.PoolOptions):
    """How runs are executed (see `job.ENGINES`), how many at a time, when a worker is replaced, and where artifacts go (None: nowhere)."""

    engine: str = "inline"
    workers: int = 2
    artifacts: Path | None = None


class Engine:
    """Runs jobs; every way to execute one is behind `run`."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._slots = priority_slots.PrioritySlots(options.workers)
        warm = 0 if options.engine == "subprocess" else min(options.warm, options.workers)
        self._pool = workers.WorkerPool(dataclasses.replace(options, warm=warm))
        self._runs: dict[Job, asyncio.Task[RunResult]] = {}
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many runs are in work."""
        return self._busy

    @property
    def inline(self) -> bool:
        """Whether tasks run inside the process of their play unless a job says otherwise."""
        return self._options.engine == "inline" and self._pool.fits

    @property
    def python(self) -> str:
        """The interpreter that has ansible-core."""
        return self._options.python

    @property
    def replaced(self) -> int:
        """How many workers were replaced."""
        return self._pool.replaced

    @property
    def pids(self) -> list[int]:
        """The zygote and the workers."""
        return self._pool.pids

    def unready(self) -> str | None:
        """What is missing before the first play, for /readyz."""
        return self._pool.unready()

    def problem(self) -> str | None:
        """What keeps the engine from running plays, for /readyz and /healthz."""
        return self._pool.problem()

    def live_until(self, moment: float) -> None:
        """Have every process of this runner killed at a moment of CLOCK_BOOTTIME, unless a later one is told before."""
        self._pool.live_until(moment)

    def begin_no_more(self) -> None:
        """For the end: runs that have not begun are cancelled, those in work go on."""
        self._slots.close()

    async def start(self) -> dict[str, str]:
        """Start what is kept warm; returns the roles and playbooks that could not be read, with the reason.

        Raises RuntimeError when ansible-core cannot be loaded at all.
        """
        return await self._pool.start()

    async def run(self, job: Job, on_task: TaskSink) -> RunResult:
        """Execute a job; the result says how it went, nothing is raised for what a run can do.

        Cancelling the caller ends the run and the process that it is in.
        """
        files = None
        if self._options.artifacts is not None and job.artifacts:
            files = artifacts.Artifacts(self._options.artifacts, job.artifacts, keep=job.keep_artifacts)

        def note(task: Mapping[str, Any]) -> None:
            if files is not None:
                files.note(task)
            on_task(task)

        run = asyncio.create_task(self._run(job, note))
        self._runs[job] = run
        result = job_file.failed(job.what, "the run was cancelled", cancelled=True)
        try:
            result = await run
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
        finally:
            del self._runs[job]
            if files is not None:
                self._keep(files, result)
        return result

    def _keep(self, files: artifacts.Artifacts, result: RunResult) -> None:
        try:
            files.write(result)
        except OSError as error:
            LOG.error("artifacts were not written", extra=log.fields(error=str(error)))

    def forget_artifacts(self, name: str) -> None:
        """Remove what is kept of an object's runs."""
        if self._options.artifacts is not None:
            artifacts.forget(self._options.artifacts, name)

    def cancel(self, job: Job) -> bool:
        """End a run, waiting or in work: its `run` returns a result with `cancelled`. False where the job is not known."""
        run = self._runs.get(job)
        return run is not None and run.cancel()

    async def _run(self, job: Job, on_task: TaskSink) -> RunResult:
        async with self._slots.hold(job.priority):
            started = time.monotonic()
            self._busy += 1
            try:
                result = await self._execute(job, on_task)
            finally:
                self._busy -= 1
            return dataclasses.replace(result, duration=time.monotonic() - started)

    async def _execute(self, job: Job, on_task: TaskSink) -> RunResult:
        def on_message(message: Mapping[str, Any]) -> None:
            if "task" in message:
                on_task(message["task"])
            elif "log" in message:
                LOG.info("ansible", extra=log.fields(run=job.what, line=message["log"]))

        engine = job.engine or self._options.engine
        if engine == "subprocess":
            return await self._pool.run_process(job, on_message=on_message)
        return await self._pool.run(job, inline=engine == "inline", on_message=on_message)

    async def close(self) -> None:
        """End every process; running plays are cut off and end as cancelled."""
        for run in self._runs.values():
            run.cancel()
        await self._pool.close()
