"""The reconciler: takes keys from the queue and brings each object on.

In: changes of the cache, requests of services, timers. Out, per key, one turn at a time: what a planner decides (`planned_turn.py`), or what
ansible-operator would do (`operator_turn.py`). Failures are tried again, later each time. Nothing is done while this replica does not hold the
lease. Called by `runner.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading

from ..api import api_client
from ..engine import engine
from ..settings import watches
from ..telemetry import metrics as metrics_file
from ..watching import cache
from . import operator_turn, planned_turn, restless, role_run, task_log, triggers, turns, workqueue

LOG = logging.getLogger("runner.reconciler")
IN_WORK_LIMIT = 256
#: no key waits for so long where the process works as it should
STALLED_SECONDS = 60.0
TIMER_REASON = "time to look again"
# Looking again only because the reconcile period is over waits for everything that happened.
PERIOD_PRIORITY = -10


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
    access: role_run.Access | None = None
    dynamic: triggers.Dynamic | None = None
    task_log: str = "tasks"


class Reconciler:
    """See the file's docstring."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._triggers = triggers.Triggers(parts.watches, parts.cache, parts.dynamic)
        self._in_work = asyncio.Semaphore(IN_WORK_LIMIT)
        self._turns: set[asyncio.Task[None]] = set()
        self._running = False
        self._restless: restless.Restless[triggers.ObjectKey] = restless.Restless()
        self._runs = role_run.RoleRuns(
            parts.watches,
            runs=parts.engine,
            metrics=parts.metrics,
            access=parts.access,
            tasks=task_log.TaskLog(parts.task_log),
        )
        self._planned = planned_turn.PlannedTurns(
            client=parts.client, store=parts.cache, reader=parts.reader, planners=parts.planners, runs=self._runs
        )
        self._operator = operator_turn.OperatorTurns(client=parts.client, store=parts.cache, runs=self._runs)
        self.queue: workqueue.WorkQueue[triggers.ObjectKey] = workqueue.WorkQueue(
            parts.backoff, added=lambda key: parts.metrics.queue.added(self.controller_of(key))
        )
        parts.cache.subscribe(self._changed)

    def _changed(self, change: cache.Change) -> None:
        self._note_created(change)
        for trigger in self._triggers.of(change):
            if trigger.gone:
                self.queue.forget(trigger.key)
                self._restless.forget(trigger.key)
                self._runs.forget(trigger.key, self._parts.watches[trigger.key.watch])
                continue
            self.queue.add(trigger.key, reason=trigger.reason, priority=trigger.priority, urgent=trigger.urgent)
            if trigger.urgent:
                self._runs.recheck(trigger.key, self._object(trigger.key))

    def _note_created(self, change: cache.Change) -> None:
        """When each object of a kind without a planner was created is one of ansible-operator's metrics."""
        created = self._parts.metrics.created
        for watch in self._parts.watches:
            if watch.planner is None and not change.sources.isdisjoint(watch.primary):
                if change.new is None:
                    created.forget((watch.group, watch.version, watch.kind, *change.key))
                else:
                    stamp = str(change.new["metadata"].get("creationTimestamp") or "")
                    created.note((watch.group, watch.version, watch.kind, *change.key), stamp)

    def problem(self) -> str | None:
        """For /healthz: keys wait, there is room, and nobody takes them. A replica without the lease leaves them alone."""
        wait = self.queue.longest_wait() if self._running and not self._in_work.locked() else 0.0
        return f"a key has waited for {wait:.0f} s while turns could begin" if wait > STALLED_SECONDS else None

    def controller_of(self, key: triggers.ObjectKey) -> str:
        """The name under which the turns of a key are counted."""
        return self._parts.watches[key.watch].controller

    def _object(self, key: triggers.ObjectKey) -> cache.Object | None:
        watch = self._parts.watches[key.watch]
        return self._parts.cache.get(watch.api_version, watch.kind, key.namespace, key.name)

    def enqueue(self, kind: str, namespace: str, name: str, reason: str) -> None:
        """Look at a watched object soon; for services. A kind that is not watched is an error of the caller: ValueError."""
        known = [index for index, watch in enumerate(self._parts.watches) if watch.kind == kind]
        if not known:
            raise ValueError(f"kind {kind} is not watched by this runner")
        for index in known:
            key = triggers.ObjectKey(index, namespace, name)
            if self._object(key) is not None:
                self.queue.add(key, reason=reason, priority=self._parts.watches[index].priority)

    async def run(self) -> None:
        """Work until cancelled; then no new turn starts."""
        self._running = True
        try:
            while True:
                await self._in_work.acquire()
                item = await self.queue.get()
                turn = asyncio.create_task(self._turn(item))
                self._turns.add(turn)
                turn.add_done_callback(self._turn_ended)
        finally:
            self._running = False

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

    async def _turn(self, item: turns.Item) -> None:
        watch = self._parts.watches[item.key.watch]
        clock = asyncio.get_running_loop().time
        started = clock()
        self._parts.metrics.queue.began(self.controller_of(item.key), started - item.since)
        outcome = turns.Outcome("failed")
        try:
            outcome = await self._reconcile(watch, item)
        except (errors.PlayvirtError, OSError) as error:
            LOG.warning("reconciliation failed", extra=turns.fields(watch, item, error=str(error)))
        except Exception:
            LOG.exception("reconciliation failed", extra=turns.fields(watch, item))
        finally:
            pause = self._pause(watch, item, outcome, clock())
            delay = self.queue.done(item.key, failed=outcome.result == "failed", pause=pause)
        seconds = clock() - started
        again = outcome.requeue_after is not None or outcome.period is not None
        self._parts.metrics.queue.ended(self.controller_of(item.key), outcome.result, seconds, again=again)
        self._parts.metrics.reconciles.labels(watch.gvk).observe(seconds)
        self._parts.metrics.results.labels(watch.gvk, outcome.result).inc()
        if outcome.result == "failed":
            LOG.info("tried again later", extra=turns.fields(watch, item, seconds=round(delay, 1)))
        elif outcome.result == "conflict":
            self.queue.add(item.key, reason="conflict", priority=item.priority)
        elif self._object(item.key) is not None:
            self._schedule(item, watch, outcome)

    def _schedule(self, item: turns.Item, watch: watches.Watch, outcome: turns.Outcome) -> None:
        """Look at the object again when its turn, or else the reconcile period, says so."""
        if outcome.requeue_after is not None:
            delay, priority = outcome.requeue_after, watch.priority
        elif outcome.period is not None:
            delay, priority = outcome.period, watch.priority + PERIOD_PRIORITY
        else:
            return
        self.queue.schedule(item.key, delay=delay, reason=TIMER_REASON, priority=priority)

    async def _reconcile(self, watch: watches.Watch, item: turns.Item) -> turns.Outcome:
        obj = self._object(item.key)
        if obj is None:
            return turns.Outcome("gone")
        if not self._parts.leading():
            raise errors.TransientError("this replica does not hold the lease")
        turn = turns.Turn(watch=watch, obj=obj, item=item)
        return await (self._operator if watch.planner is None else self._planned).take(turn)

    def _pause(self, watch: watches.Watch, item: turns.Item, outcome: turns.Outcome, now: float) -> float:
        """Seconds to hold back a key whose every turn writes."""
        if self._object(item.key) is None:
            self._restless.forget(item.key)
            return 0.0
        by_time = item.reasons == {TIMER_REASON}
        pause = self._restless.note(item.key, result=outcome.result, by_time=by_time, now=now)
        if pause and self._restless.turns(item.key) == restless.TURNS:
            LOG.warning("does not come to rest", extra=turns.fields(watch, item, turns=restless.TURNS))
        return pause
