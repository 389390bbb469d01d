"""One run of a role or playbook for an object: its variables, its access to the API server, its slot, its log; and its end when nobody wants it any more.

In: a turn and what to execute. Out: the engine's `RunResult`. A run without a planner is ended when its object is gone, is another one of the same name,
is being deleted (unless the run is for the deletion), or, with `cancelOnChange`, has another spec. Called by `planned_turn.py`, `operator_turn.py`
and, for the changes, by `reconciler.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ..engine import engine, priority_slots
from ..engine import job as job_file
from ..settings import object_settings, watches
from ..telemetry import log
from ..telemetry import metrics as metrics_file
from ..watching import cache
from . import extra_vars, task_log, triggers, turns

LOG = logging.getLogger("runner.reconciler")


class Access(Protocol):
    """Gives a run its own way to the API server, for as long as the run takes: variables of the environment."""

    def session(
        self, index: int, watch: watches.Watch, obj: cache.Object
    ) -> AbstractContextManager[Mapping[str, str]]: ...


@dataclass
class _Running:
    """A run in work, or one that waits for a slot of its kind (no job yet); why nobody wants it any more, and whether its object is gone."""

    watch: watches.Watch
    obj: cache.Object
    job: engine.Job | None = None
    void: str = ""
    gone: bool = False


class RoleRuns:
    """Starts runs, follows them, ends them."""

    def __init__(
        self,
        watch_list: tuple[watches.Watch, ...],
        *,
        runs: engine.Engine,
        metrics: metrics_file.Metrics,
        access: Access | None,
        tasks: task_log.TaskLog,
    ) -> None:
        self._engine = runs
        self._metrics = metrics
        self._access = access
        self._tasks = tasks
        self._running: dict[triggers.ObjectKey, _Running] = {}
        self._slots = {
            index: priority_slots.PrioritySlots(watch.max_concurrent)
            for index, watch in enumerate(watch_list)
            if watch.max_concurrent
        }

    async def execute(
        self,
        turn: turns.Turn,
        content: watches.Content,
        *,
        variables: Mapping[str, Any] | None = None,
        steps: list[str] | None = None,
    ) -> engine.RunResult:
        """Execute it; `variables` are added to the watch's own, `steps` are only told to the log.

        Raises InvalidObject for an annotation that cannot be read.
        """
        key = turn.item.key
        running = self._running[key] = _Running(turn.watch, turn.obj)
        try:
            async with contextlib.AsyncExitStack() as stack:
                if key.watch in self._slots:
                    await stack.enter_async_context(self._slots[key.watch].hold(turn.item.priority))
                if running.void:
                    return job_file.failed(str(content), running.void, cancelled=True)
                environment: Mapping[str, str] = {}
                if self._access is not None and turn.watch.uses_proxy:
                    environment = stack.enter_context(self._access.session(key.watch, turn.watch, turn.obj))
                running.job = _job(turn, content, variables or {}, environment)
                LOG.info("play", extra=turn.fields(**_named(content), steps=steps))
                result = await self._engine.run(running.job, self._follow(turn))
        finally:
            del self._running[key]
            if running.gone:
                self._engine.forget_artifacts(artifacts_name(turn.watch, key))
        how = "ok" if result.ok else ("cancelled" if result.cancelled else "failed")
        self._metrics.plays.labels(turn.watch.gvk, how).observe(result.duration)
        _report(turn, content, result)
        return result

    def forget(self, key: triggers.ObjectKey, watch: watches.Watch) -> None:
        """The object is gone: end its run, and remove what was kept of its runs."""
        self.recheck(key, None)
        if key in self._running:
            self._running[key].gone = True
        else:
            self._engine.forget_artifacts(artifacts_name(watch, key))

    def recheck(self, key: triggers.ObjectKey, current: cache.Object | None) -> None:
        """End the object's run where `current`, the object as it is now, makes it void."""
        running = self._running.get(key)
        if running is None or running.watch.planner is not None:
            return
        why = void_reason(running.obj, current, on_change=running.watch.cancel_on_change)
        if why and not running.void:
            running.void = why
            if running.job is not None:
                self._engine.cancel(running.job)
            name = f"{key.namespace}/{key.name}" if key.namespace else key.name
            LOG.info("run ended early", extra=log.fields(kind=running.watch.kind, object=name, why=why))

    def _follow(self, turn: turns.Turn) -> Callable[[Mapping[str, Any]], None]:
        told = turn.fields()["fields"]
        del told["reasons"]
        first: list[float] = []

        def on_task(task: Mapping[str, Any]) -> None:
            if not first:
                first.append(asyncio.get_running_loop().time() - turn.item.since)
                self._metrics.first_task.observe(first[0])
            self._metrics.observe_task(task["action"], task["status"], task["duration"])
            self._tasks.tell(told, task)

        return on_task


def void_reason(started: Mapping[str, Any], current: Mapping[str, Any] | None, *, on_change: bool) -> str | None:
    """Why a run that was started with the object `started` is not wanted any more; None while it is. Pure."""
    before = started["metadata"]
    if current is None:
        # A run of a deletion has brought the end about itself, and may have more to do.
        return None if "deletionTimestamp" in before else "the object is gone"
    after = current["metadata"]
    if before.get("uid") != after.get("uid"):
        return "the object was created again"
    if "deletionTimestamp" in after and "deletionTimestamp" not in before:
        return "the object is being deleted"
    if on_change and before.get("generation") != after.get("generation"):
        return "the object's spec changed"
    return None


def _job(
    turn: turns.Turn, content: watches.Content, variables: Mapping[str, Any], environment: Mapping[str, str]
) -> engine.Job:
    watch = turn.watch
    given = extra_vars.extra_vars(
        turn.obj,
        group=watch.group,
        snake_case=watch.snake_case,
        reasons=turn.item.reasons,
    )
    return engine.Job(
        role=content.role,
        playbook=content.playbook,
        extra_vars=given,
        variables={**watch.variables, **variables},
        timeout=watch.run_timeout,
        priority=turn.item.priority,
        verbosity=object_settings.verbosity(turn.obj, watch.verbosity),
        engine=watch.engine,
        gather_facts=watch.gather_facts,
        environment=environment,
        artifacts=artifacts_name(watch, turn.item.key),
        keep_artifacts=object_settings.max_artifacts(turn.obj, watch.max_artifacts),
    )


def artifacts_name(watch: watches.Watch, key: triggers.ObjectKey) -> str:
    """Where the artifacts of an object's runs are: GROUP/VERSION/KIND/NAMESPACE/NAME, without what is empty."""
    return "/".join(part for part in (watch.api_version, watch.kind, key.namespace, key.name) if part)


def _report(turn: turns.Turn, content: watches.Content, result: engine.RunResult) -> None:
    numbers = {"seconds": round(result.duration, 3), "stats": dict(result.stats), **_named(content)}
    if result.cancelled:
        LOG.info("play cancelled", extra=turn.fields(**numbers))
    elif not result.ok:
        LOG.error("play failed", extra=turn.fields(task=result.task, error=result.message, **numbers))
    else:
        told = turn.fields(**numbers)
        del told["fields"]["reasons"]
        LOG.info("play succeeded", extra=told)


def _named(content: watches.Content) -> dict[str, str | None]:
    return {"role": content.role or None, "playbook": content.playbook or None}
