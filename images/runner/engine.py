"""The engine: runs plays in warm workers, at most so many at a time, each within its time.

In: a `Job` (role, extra variables, timeout) and a function for the task results as they come. Out: a `RunResult`, always: a worker that
crashes, hangs or calls os._exit is a failed run and is replaced. Called by `reconciler.py` and `__main__.py`. The processes behind it are
`zygote.py` and `worker.py`; this file does not import ansible.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import log, priority_slots, zygote_process

LOG = logging.getLogger("runner.engine")
TaskSink = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How many workers, and when one is replaced."""

    roles: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    engine: str = "inline"
    workers: int = 2
    plays_per_worker: int = 500
    growth_kib: int = 64 * 1024
    idle_seconds: float = 60.0
    warm: int = 2  # workers that are kept without work


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run."""

    role: str
    extra_vars: Mapping[str, Any]
    timeout: float = 600.0
    priority: int = 0


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended; `task` and `message` are those of the task that failed it, empty where it succeeded."""

    ok: bool
    task: str = ""
    message: str = ""
    stats: Mapping[str, int] = field(default_factory=dict)
    duration: float = 0.0


class Engine:
    """The pool of workers."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._zygote = self._new_zygote()
        self._slots = priority_slots.PrioritySlots(options.workers)
        self._idle: list[zygote_process.WorkerLink] = []
        self._busy: set[zygote_process.WorkerLink] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._restart = asyncio.Lock()
        self._closing = False
        self.inline = False
        self.replaced = 0

    def _new_zygote(self) -> zygote_process.ZygoteProcess:
        options = self._options
        return zygote_process.ZygoteProcess(roles=options.roles, engine=options.engine, environment=options.environment)

    @property
    def busy(self) -> int:
        """How many plays are running."""
        return len(self._busy)

    @property
    def pids(self) -> list[int]:
        """The zygote and the workers."""
        return [self._zygote.pid, *(link.pid for link in [*self._idle, *self._busy])]

    def problem(self) -> str | None:
        """What keeps the engine from running plays, for /readyz and /healthz."""
        return "the process that runs plays is being restarted" if self._zygote.gone.is_set() else None

    def live_until(self, moment: float) -> None:
        """Have every process of this runner killed at a moment of CLOCK_BOOTTIME, unless a later one is told before."""
        self._zygote.live_until(moment)

    def begin_no_more(self) -> None:
        """For the end: runs that have not begun are cancelled, those in work go on."""
        self._slots.close()

    async def start(self) -> dict[str, str]:
        """Start the zygote and the warm workers; returns the roles that could not be loaded, with the reason.

        Raises RuntimeError when ansible-core cannot be loaded at all.
        """
        self._zygote.start()
        ready = await self._zygote.ready()
        self._note(ready)
        for _ in range(min(self._options.warm, self._options.workers)):
            self._idle.append(await self._spawn())
        self._tasks.append(asyncio.create_task(self._retire_idle()))
        errors: dict[str, str] = ready["roles"]
        return errors

    def _note(self, ready: Mapping[str, Any]) -> None:
        self.inline = bool(ready["inline"])
        LOG.info(
            "engine ready", extra=log.fields(ansible=ready["ansible"], inline=self.inline, zygote=self._zygote.pid)
        )
        if not self.inline and self._options.engine == "inline":
            LOG.warning("this ansible-core does not fit inline tasks; tasks are forked", extra=log.fields(**ready))

    async def run(self, job: Job, on_task: TaskSink) -> RunResult:
        """Execute a play; the result says how it went, nothing is raised for what a play can do."""
        async with self._slots.hold(job.priority):
            started = time.monotonic()
            try:
                link = await self._take()
            except (RuntimeError, OSError) as error:
                return RunResult(ok=False, task="start a worker", message=str(error))
            self._busy.add(link)
            keep = False
            try:
                result, keep = await self._run_in(link, job, on_task)
                return RunResult(
                    ok=result.ok,
                    task=result.task,
                    message=result.message,
                    stats=result.stats,
                    duration=time.monotonic() - started,
                )
            finally:
                self._busy.discard(link)
                self._give_back(link, keep=keep)

    async def _take(self) -> zygote_process.WorkerLink:
        while self._idle:
            link = self._idle.pop()
            if not link.exit_status.done():
                return link
            self._drop(link)
        return await self._spawn()

    async def _spawn(self) -> zygote_process.WorkerLink:
        async with self._restart:
            if self._zygote.gone.is_set() and not self._closing:
                LOG.error("the zygote ended; starting another")
                self._zygote = self._new_zygote()
                self._zygote.start()
                self._note(await self._zygote.ready())
        return await self._zygote.spawn()

    async def _run_in(self, link: zygote_process.WorkerLink, job: Job, on_task: TaskSink) -> tuple[RunResult, bool]:
        current = [""]
        try:
            async with asyncio.timeout(job.timeout):
                await link.send({"run": {"role": job.role, "extra_vars": job.extra_vars}})
                outcome = await self._follow(link, on_task, current)
        except TimeoutError:
            self._zygote.kill(link)
            message = f"did not end within {job.timeout:g} s; the run was ended and the worker replaced"
            return RunResult(ok=False, task=current[0] or f"role {job.role}", message=message), False
        except asyncio.CancelledError:
            self._zygote.kill(link)
            raise
        if outcome is None:
            message = f"the worker process ended during the play ({await self._exit_status(link)})"
            if tail := link.errors.take():
                message += f": {tail[-500:]}"
            return RunResult(ok=False, task=current[0] or f"role {job.role}", message=message), False
        return self._judge(link, outcome)

    async def _follow(
        self, link: zygote_process.WorkerLink, on_task: TaskSink, current: list[str]
    ) -> dict[str, Any] | None:
        while (message := await link.receive()) is not None:
            if "start" in message:
                current[0] = str(message["start"])
            elif "task" in message:
                on_task(message["task"])
            elif "result" in message:
                result: dict[str, Any] = message["result"]
                return result
        return None

    async def _exit_status(self, link: zygote_process.WorkerLink) -> str:
        try:
            async with asyncio.timeout(5):
                return await asyncio.shield(link.exit_status)
        except TimeoutError:
            self._zygote.kill(link)
            return "its connection was closed"

    def _judge(self, link: zygote_process.WorkerLink, outcome: Mapping[str, Any]) -> tuple[RunResult, bool]:
        link.plays += 1
        rss = int(outcome["rss_kib"])
        link.first_rss_kib = link.first_rss_kib or rss
        grown = rss - link.first_rss_kib > self._options.growth_kib
        keep = link.plays < self._options.plays_per_worker and not grown
        if text := link.errors.take():
            LOG.debug("output of the play", extra=log.fields(worker=link.pid, stderr=text))
        failures = outcome["failures"] if outcome["code"] else []
        last = failures[-1] if failures else {"task": "", "msg": ""}
        result = RunResult(ok=not outcome["code"], task=last["task"], message=last["msg"], stats=outcome["stats"])
        return result, keep

    def _give_back(self, link: zygote_process.WorkerLink, *, keep: bool) -> None:
        if keep and not self._closing and not link.exit_status.done():
            link.idle_since = time.monotonic()
            self._idle.append(link)
        else:
            self._drop(link)

    def _drop(self, link: zygote_process.WorkerLink) -> None:
        self.replaced += 1
        link.close()

    async def _retire_idle(self) -> None:
        """Keep the warm workers; the others end when they were idle for long."""
        while True:
            await asyncio.sleep(self._options.idle_seconds / 4)
            old = time.monotonic() - self._options.idle_seconds
            while len(self._idle) > self._options.warm and self._idle[0].idle_since < old:
                self._drop(self._idle.pop(0))

    async def close(self) -> None:
        """End every process; running plays are cut off."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        for link in [*self._idle, *self._busy]:
            link.close()
        await self._zygote.close()


def default_workers() -> int:
    """How many plays at a time: two per processor that the cgroup allows, at least 2."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as cpu_max:
            quota, period = cpu_max.read().split()
        processors = float(os.cpu_count() or 1) if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        processors = float(os.cpu_count() or 1)
    return max(2, round(2 * processors))
