"""The reconciler: takes keys from the queue and brings each object on.

In: changes of the cache, requests of services, timers. Out, per key: nothing, one write of the status, or one play in a worker; what is to be
done is decided by the watch's planner, pure and without a play. Failures are tried again, later each time. Nothing is done while this
replica does not hold the lease. Called by `__main__.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan as plan_file
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading

from . import api_client, cache, durations, engine, extra_vars, log, triggers, watches, workqueue
from . import metrics as metrics_file

LOG = logging.getLogger("runner.reconciler")
PERIOD_ANNOTATION = "ansible.sdk.operatorframework.io/reconcile-period"
IN_WORK_LIMIT = 256
# An object that is written again and again without coming to rest is slowed down after so many times.
RESTLESS_TURNS = 8
RESTLESS_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a reconciler works with."""

    watches: tuple[watches.Watch, ...]
    cache: cache.Cache
    client: api_client.APIClient
    engine: engine.Engine
    reader: reading.Reader
    planners: Mapping[str, reading.Planner]
    metrics: metrics_file.Metrics
    leading: Callable[[], bool] = lambda: True
    backoff: workqueue.Backoff | None = None


@dataclass(frozen=True)
class Outcome:
    """How a turn ended: unchanged, waiting, status, succeeded, failed or gone; and when to look again (seconds)."""

    result: str
    requeue_after: float | None = None


class Reconciler:
    """See the file's docstring."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._triggers = triggers.Triggers(parts.watches, parts.cache)
        self._in_work = asyncio.Semaphore(IN_WORK_LIMIT)
        self._turns: set[asyncio.Task[None]] = set()
        self._writing: dict[triggers.ObjectKey, int] = {}
        self.queue: workqueue.WorkQueue[triggers.ObjectKey] = workqueue.WorkQueue(parts.backoff)
        parts.cache.subscribe(self._changed)

    def _changed(self, change: cache.Change) -> None:
        for trigger in self._triggers.of(change):
            if trigger.gone:
                self.queue.forget(trigger.key)
            else:
                self.queue.add(trigger.key, reason=trigger.reason, priority=trigger.priority, urgent=trigger.urgent)

    def enqueue(self, kind: str, namespace: str, name: str, reason: str) -> None:
        """Look at a watched object soon; for services. A kind that is not watched is an error of the caller: ValueError."""
        known = [index for index, watch in enumerate(self._parts.watches) if watch.kind == kind]
        if not known:
            raise ValueError(f"kind {kind} is not watched by this runner")
        for index in known:
            watch = self._parts.watches[index]
            if self._parts.cache.get(watch.api_version, kind, namespace, name) is not None:
                self.queue.add(triggers.ObjectKey(index, namespace, name), reason=reason, priority=watch.priority)

    async def run(self) -> None:
        """Work until cancelled; then no new turn starts."""
        while True:
            await self._in_work.acquire()
            item = await self.queue.get()
            turn = asyncio.create_task(self._turn(item))
            self._turns.add(turn)
            turn.add_done_callback(self._turn_ended)

    def _turn_ended(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        self._in_work.release()

    async def drain(self, seconds: float) -> None:
        """Wait for the turns in work, at most that long; then cut them off."""
        if self._turns:
            await asyncio.wait(self._turns, timeout=seconds)
        for turn in list(self._turns):
            turn.cancel()
        await asyncio.gather(*self._turns, return_exceptions=True)
        self.queue.close()

    async def _turn(self, item: workqueue.Item[triggers.ObjectKey]) -> None:
        watch = self._parts.watches[item.key.watch]
        started = asyncio.get_running_loop().time()
        self._parts.metrics.waited.labels(watch.name).observe(started - item.since)
        outcome = Outcome("failed")
        try:
            outcome = await self._reconcile(watch, item)
        except (errors.PlayvirtError, OSError) as error:
            LOG.warning("reconciliation failed", extra=self._fields(item, error=str(error)))
        except Exception:
            LOG.exception("reconciliation failed", extra=self._fields(item))
        finally:
            pause = self._pause(item, outcome)
            delay = self.queue.done(item.key, failed=outcome.result == "failed", pause=pause)
        took = asyncio.get_running_loop().time() - started
        self._parts.metrics.reconciles.labels(watch.name).observe(took)
        self._parts.metrics.results.labels(watch.name, outcome.result).inc()
        if outcome.result == "failed":
            LOG.info("tried again later", extra=self._fields(item, seconds=round(delay, 1)))
        elif outcome.requeue_after is not None:
            self.queue.schedule(item.key, delay=outcome.requeue_after, reason="time to look again")

    def _pause(self, item: workqueue.Item[triggers.ObjectKey], outcome: Outcome) -> float:
        """Seconds to hold back a key whose every turn writes: somebody undoes what is written, or the plan never ends."""
        if outcome.result not in ("status", "succeeded"):
            self._writing.pop(item.key, None)
            return 0.0
        turns = self._writing[item.key] = self._writing.get(item.key, 0) + 1
        if turns == RESTLESS_TURNS:
            LOG.warning("does not come to rest", extra=self._fields(item, turns=turns))
        return min(RESTLESS_SECONDS, 0.1 * 2 ** (turns - RESTLESS_TURNS)) if turns >= RESTLESS_TURNS else 0.0

    def _fields(self, item: workqueue.Item[triggers.ObjectKey], **more: Any) -> dict[str, Any]:
        key = item.key
        name = f"{key.namespace}/{key.name}" if key.namespace else key.name
        return log.fields(kind=self._parts.watches[key.watch].kind, object=name, reasons=sorted(item.reasons), **more)

    async def _reconcile(self, watch: watches.Watch, item: workqueue.Item[triggers.ObjectKey]) -> Outcome:
        key = item.key
        obj = self._parts.cache.get(watch.api_version, watch.kind, key.namespace, key.name)
        if obj is None:
            return Outcome("gone")
        if not self._parts.leading():
            raise errors.TransientError("this replica does not hold the lease")
        try:
            plan = self._plan(watch, obj, item)
        except errors.TransientError as error:
            LOG.debug("waiting", extra=self._fields(item, error=str(error)))
            return Outcome("waiting", error.delay_seconds)
        if plan is not None and not plan.steps:
            again = plan.requeue_after if plan.requeue_after is not None else self._period(watch, obj)
            if plan.status is None:
                return Outcome("unchanged", again)
            return await self._write_status(obj, plan.status, item, again)
        return await self._play(watch, obj, item, plan)

    def _plan(
        self, watch: watches.Watch, obj: cache.Object, item: workqueue.Item[triggers.ObjectKey]
    ) -> plan_file.Plan | None:
        """The plan; None where only a play can say: no planner, or one that raised (the role then reports why)."""
        if watch.planner is None:
            return None
        planner = self._parts.planners[watch.planner]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            return planner.plan(obj, planner.observe(obj, self._parts.reader), now)
        except errors.TransientError:
            raise
        except Exception as error:
            LOG.warning(
                "no plan; the role reports it", extra=self._fields(item, error=f"{type(error).__name__}: {error}")
            )
            return None

    async def _write_status(
        self,
        obj: cache.Object,
        status: Mapping[str, Any],
        item: workqueue.Item[triggers.ObjectKey],
        again: float | None,
    ) -> Outcome:
        try:
            written = await self._parts.client.update({**obj, "status": dict(status)}, subresource="status")
        except errors.Conflict:
            await self._catch_up(obj)
            self.queue.add(item.key, reason="conflict", priority=item.priority)
            return Outcome("unchanged")
        except errors.NotFound:
            return Outcome("gone")
        self._parts.cache.written(written)
        LOG.debug("status written", extra=self._fields(item))
        return Outcome("status", again)

    async def _catch_up(self, obj: cache.Object) -> None:
        meta = obj["metadata"]
        try:
            newest = await self._parts.client.get(
                obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"]
            )
        except errors.NotFound:
            return
        self._parts.cache.written(newest)

    async def _play(
        self,
        watch: watches.Watch,
        obj: cache.Object,
        item: workqueue.Item[triggers.ObjectKey],
        plan: plan_file.Plan | None,
    ) -> Outcome:
        LOG.info("play", extra=self._fields(item, role=watch.role, steps=list(plan.steps) if plan else None))
        told = self._fields(item)["fields"]
        del told["reasons"]
        first: list[float] = []

        def on_task(task: Mapping[str, Any]) -> None:
            if not first:
                first.append(asyncio.get_running_loop().time() - item.since)
                self._parts.metrics.first_task.observe(first[0])
            self._parts.metrics.tasks.labels(task["action"], task["status"]).observe(task["duration"])
            level = logging.WARNING if task["status"] in ("failed", "unreachable") else logging.DEBUG
            if task["status"] == "changed":
                level = logging.INFO
            LOG.log(level, "task", extra=log.fields(**told, **task))

        job = engine.Job(
            role=watch.role,
            extra_vars=extra_vars.extra_vars(obj, group=watch.group, variables=watch.variables),
            timeout=watch.run_timeout,
            priority=item.priority,
        )
        result = await self._parts.engine.run(job, on_task)
        numbers = {"seconds": round(result.duration, 3), "stats": dict(result.stats)}
        if not result.ok:
            report = self._fields(item, role=watch.role, task=result.task, error=result.message, **numbers)
            LOG.error("play failed", extra=report)
            return Outcome("failed")
        LOG.info("play succeeded", extra=log.fields(**told, role=watch.role, **numbers))
        again = plan.requeue_after if plan and plan.requeue_after is not None else self._period(watch, obj)
        return Outcome("succeeded", again)

    def _period(self, watch: watches.Watch, obj: cache.Object) -> float | None:
        """The reconcile period: the object's annotation, else the watch's; None where it is switched off."""
        period = watch.reconcile_period
        if text := (obj["metadata"].get("annotations") or {}).get(PERIOD_ANNOTATION):
            try:
                period = durations.parse_duration(text)
            except ValueError as error:
                raise errors.InvalidObject(f"annotation {PERIOD_ANNOTATION}: {error}") from error
        return period or None
