"""The pool of warm workers: has them forked, gives them runs, replaces those that crashed, hang, grew or are old.

In: a `Job` and a function for the messages of a run. Out: a `RunResult`, always. Called by `engine.py`. The processes behind it are `zygote.py` and
`worker.py`; this file does not import ansible.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..telemetry import log
from . import command, zygote_process
from . import job as job_file
from .job import Job, RunResult

LOG = logging.getLogger("runner.engine")
ZYGOTE_SECONDS = 1.0
ERROR_LIMIT = 1000
MessageSink = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """How many workers, and when one is replaced."""

    roles: tuple[str, ...] = ()
    playbooks: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable  # the interpreter that has ansible-core
    plays_per_worker: int = 500
    growth_kib: int = 64 * 1024
    memory_kib: int = 1024 * 1024  # what a play may have; it gets a MemoryError beyond
    idle_seconds: float = 60.0
    warm: int = 2  # workers that are kept without work


class WorkerPool:
    """The zygote and its workers."""

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._zygote = self._new_zygote()
        self._idle: list[zygote_process.WorkerLink] = []
        self._busy: set[zygote_process.WorkerLink] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._restart = asyncio.Lock()
        self._closing = False
        self._live_until: float | None = None
        self._started = False
        self._warm = False
        self.fits = False
        self.replaced = 0

    def _new_zygote(self) -> zygote_process.ZygoteProcess:
        options = self._options
        return zygote_process.ZygoteProcess(
            roles=options.roles,
            playbooks=options.playbooks,
            environment=options.environment,
            python=options.python,
            memory_kib=options.memory_kib,
        )

    @property
    def pids(self) -> list[int]:
        """The zygote and the workers; none before the start."""
        return [self._zygote.pid, *(link.pid for link in [*self._idle, *self._busy])] if self._started else []

    def unready(self) -> str | None:
        """What is missing before the first play."""
        return None if self._warm else "no worker is ready yet"

    def problem(self) -> str | None:
        """What keeps it from running plays."""
        return "the process that runs plays is being restarted" if self._zygote.gone.is_set() else None

    def live_until(self, moment: float) -> None:
        """Have every process of this runner killed at a moment of CLOCK_BOOTTIME, unless a later one is told before."""
        self._live_until = moment
        self._zygote.live_until(moment)

    async def start(self) -> dict[str, str]:
        """Start the zygote and the warm workers; returns the roles and playbooks that could not be read, with the reason.

        Raises RuntimeError when ansible-core cannot be loaded at all.
        """
        self._started = True
        self._zygote.start()
        ready = await self._zygote.ready()
        self._note(ready)
        for _ in range(self._options.warm):
            self._idle.append(await self._zygote.spawn())
        self._warm = True
        self._tasks += [asyncio.create_task(self._retire_idle()), asyncio.create_task(self._keep_zygote())]
        errors: dict[str, str] = ready["errors"]
        return errors

    def _note(self, ready: Mapping[str, Any]) -> None:
        self.fits = bool(ready["inline"])
        told = {"ansible": ready["ansible"], "inline": self.fits, "misfits": ready["misfits"]}
        LOG.info("engine ready", extra=log.fields(**told, zygote=self._zygote.pid))
        if not self.fits:
            LOG.warning("this ansible-core does not fit inline tasks; tasks are forked", extra=log.fields(**ready))

    async def run(self, job: Job, *, inline: bool, on_message: MessageSink) -> RunResult:
        """Execute a run; the result says how it went, nothing is raised for what a run can do."""
        try:
            link = await self._take()
        except (RuntimeError, OSError) as error:
            return job_file.failed("start a worker", str(error))
        self._busy.add(link)
        keep = False
        try:
            result, keep = await self._run_in(link, job, inline=inline, on_message=on_message)
            return result
        finally:
            self._busy.discard(link)
            self._give_back(link, keep=keep)

    async def run_process(self, job: Job, *, on_message: MessageSink) -> RunResult:
        """Execute a run as a process of ansible's own command line, below the zygote so that all it starts can be ended."""
        try:
            await self._ensure_zygote()
            link = await self._zygote.spawn(cold=True)
        except (RuntimeError, OSError) as error:
            return job_file.failed("start a process", str(error))
        self._busy.add(link)
        current = [""]
        try:
            # A process that is ended may still write while its folder is removed. The name is short, since sockets are made in it.
            with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as name:
                directory = Path(name)
                environment = command.environment(job, directory)
                message = {"arguments": command.prepare(job, directory), "environment": environment}
                async with asyncio.timeout(job.timeout):
                    await link.send({"exec": message})
                    outcome = await self._follow(link, on_message, current)
                    status = await asyncio.shield(link.exit_status)
        except TimeoutError:
            self._zygote.kill(link)
            return job_file.failed(current[0] or job.what, f"did not end within {job.timeout:g} s; the run was ended")
        except BaseException:
            self._zygote.kill(link)
            raise
        finally:
            self._busy.discard(link)
            link.close()
        return self._judged_process(link, job, outcome, status, current[0])

    def _judged_process(
        self, link: zygote_process.WorkerLink, job: Job, outcome: dict[str, Any] | None, status: str, current: str
    ) -> RunResult:
        code = int(status.removeprefix("exit code ")) if status.startswith("exit code ") else -1
        text = link.errors.take()
        if outcome is not None and code >= 0:
            if code and not outcome["failures"]:
                outcome["failures"] = [{"task": current or job.what, "msg": f"ansible-playbook ended with {status}"}]
            return job_file.judged({**outcome, "code": code})
        LOG.warning("ansible-playbook ended", extra=log.fields(run=job.what, task=current, status=status, stderr=text))
        message = f"the process ended during the play ({status})"
        if not current:  # before the first task there is nothing but ansible's own words
            message += f": {text[-ERROR_LIMIT:]}"
        return job_file.failed(current or job.what, message)

    async def _take(self) -> zygote_process.WorkerLink:
        while self._idle:
            link = self._idle.pop()
            if not link.exit_status.done():
                return link
            self._drop(link)
        await self._ensure_zygote()
        return self._idle.pop() if self._idle else await self._zygote.spawn()

    async def _ensure_zygote(self) -> None:
        async with self._restart:
            if not self._started:
                await self.start()
            elif self._zygote.gone.is_set() and not self._closing:
                LOG.error("the zygote ended; starting another")
                self._zygote = self._new_zygote()
                self._zygote.start()
                self._note(await self._zygote.ready())
                if self._live_until is not None:
                    self._zygote.live_until(self._live_until)

    async def _keep_zygote(self) -> None:
        """Start another as soon as one has ended, also where no play asks for it: it is the one that ends a stopped leader."""
        while True:
            await self._zygote.gone.wait()
            try:
                await self._ensure_zygote()
            except (RuntimeError, OSError) as error:
                LOG.error("the zygote could not be started", extra=log.fields(error=str(error)))
                await asyncio.sleep(ZYGOTE_SECONDS)

    async def _run_in(
        self, link: zygote_process.WorkerLink, job: Job, *, inline: bool, on_message: MessageSink
    ) -> tuple[RunResult, bool]:
        current = [""]
        message = {
            "role": job.role,
            "playbook": job.playbook,
            "extra_vars": job.extra_vars,
            "variables": job.variables,
            "verbosity": job.verbosity,
            "gather_facts": job.gather_facts,
            "environment": job.environment,
            "inline": inline,
        }
        try:
            async with asyncio.timeout(job.timeout):
                await link.send({"run": message})
                outcome = await self._follow(link, on_message, current)
        except TimeoutError:
            self._zygote.kill(link)
            text = f"did not end within {job.timeout:g} s; the run was ended and the worker replaced"
            return job_file.failed(current[0] or job.what, text), False
        except asyncio.CancelledError:
            self._zygote.kill(link)
            raise
        if outcome is None:
            return await self._crashed(link, current[0] or job.what), False
        return job_file.judged(outcome), self._is_reusable(link, outcome)

    async def _crashed(self, link: zygote_process.WorkerLink, task: str) -> RunResult:
        """The failure; what the process wrote on standard error goes to the log only, since nobody knows what it holds."""
        status = await self._exit_status(link)
        await asyncio.sleep(0)  # lets the last of its output arrive
        LOG.warning(
            "worker ended", extra=log.fields(worker=link.pid, task=task, status=status, stderr=link.errors.take())
        )
        return job_file.failed(task, f"the worker process ended during the play ({status})")

    async def _follow(
        self, link: zygote_process.WorkerLink, on_message: MessageSink, current: list[str]
    ) -> dict[str, Any] | None:
        while (message := await link.receive()) is not None:
            if "start" in message:
                current[0] = str(message["start"])
            elif "result" in message:
                result: dict[str, Any] = message["result"]
                return result
            else:
                if "task" in message:
                    current[0] = ""
                on_message(message)
        return None

    async def _exit_status(self, link: zygote_process.WorkerLink) -> str:
        try:
            async with asyncio.timeout(5):
                return await asyncio.shield(link.exit_status)
        except TimeoutError:
            self._zygote.kill(link)
            return "its connection was closed"

    def _is_reusable(self, link: zygote_process.WorkerLink, outcome: Mapping[str, Any]) -> bool:
        link.plays += 1
        rss = int(outcome["rss_kib"])
        link.first_rss_kib = link.first_rss_kib or rss
        if text := link.errors.take():
            LOG.debug("output of the play", extra=log.fields(worker=link.pid, stderr=text))
        if left := outcome["left"]:
            LOG.warning("worker is replaced", extra=log.fields(worker=link.pid, left=left))
        grown = rss - link.first_rss_kib > self._options.growth_kib
        return link.plays < self._options.plays_per_worker and not grown and not left

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
