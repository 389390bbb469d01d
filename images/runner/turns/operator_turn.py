"""A turn of a kind without a planner, the way ansible-operator takes it: finalizer, status Running, run, status, finalizer.

In: a turn. Out: its outcome; the status where the watch says `manageStatus`, and an Event where the run failed. Called by `reconciler.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata

from ..api import api_client
from ..engine import engine
from ..settings import object_settings
from ..watching import cache
from . import event_recorder, finalizers, managed_status, role_run, status_writer, turns

LOG = logging.getLogger("runner.reconciler")
Course = finalizers.Course


class OperatorTurns:
    """Takes such turns."""

    def __init__(self, *, client: api_client.APIClient, store: cache.Cache, runs: role_run.RoleRuns) -> None:
        self._runs = runs
        self._finalizers = finalizers.FinalizerWriter(client, store)
        self._status = status_writer.StatusWriter(client, store)
        self._events = event_recorder.EventRecorder(client)

    async def take(self, turn: turns.Turn) -> turns.Outcome:
        """Bring the object on."""
        course = finalizers.course(turn.watch, turn.obj)
        if course is Course.SKIP:
            LOG.debug("being deleted; nothing to do", extra=turn.fields())
            return turns.Outcome("unchanged")
        try:
            if course is not Course.FINALIZE and turn.watch.filter is not None and not turn.watch.filter(turn.obj):
                return turns.Outcome("unchanged")
            period = object_settings.period(turn.obj, turn.watch.reconcile_period)
            object_settings.verbosity(turn.obj, turn.watch.verbosity)
            object_settings.max_artifacts(turn.obj, turn.watch.max_artifacts)
        except (errors.InvalidObject, ValueError) as error:
            return await self._refuse(turn, str(error))
        if course is Course.ADD_FINALIZER and turn.watch.finalizer is not None:
            held = await self._finalizers.add(turn.obj, turn.watch.finalizer.name)
            if held is None:
                return turns.Outcome("gone")
            turn = turns.Turn(watch=turn.watch, obj=held, item=turn.item)
        return await self._run(turn, course, period)

    async def _run(self, turn: turns.Turn, course: Course, period: float | None) -> turns.Outcome:
        content, variables = turn.watch.content, None
        if course is Course.FINALIZE and turn.watch.finalizer is not None:
            content, variables = turn.watch.finalizer.content, turn.watch.finalizer.variables
        if turn.watch.manage_status:
            newest = await self._status.update(turn.obj, lambda status: managed_status.started(status, _now()))
            if newest is None:
                return turns.Outcome("gone")
            if role_run.void_reason(turn.obj, newest, on_change=False):
                return turns.Outcome("cancelled")  # the change that says so is in the queue
            turn = turns.Turn(watch=turn.watch, obj=newest, item=turn.item)
        result = await self._runs.execute(turn, content, variables=variables)
        if result.cancelled:
            return turns.Outcome("cancelled")
        await self._tell(turn, result)
        if not result.ok:
            return turns.Outcome("failed")
        if course is Course.FINALIZE and turn.watch.finalizer is not None and result.requeue_after is None:
            await self._finalizers.remove(turn.obj, turn.watch.finalizer.name)
            return turns.Outcome("succeeded")
        return turns.Outcome("succeeded", result.requeue_after, period)

    async def _tell(self, turn: turns.Turn, result: engine.RunResult) -> None:
        """The end of a run, in the status and, where it failed, as an Event."""
        generation, now = turn.obj["metadata"].get("generation"), _now()

        def ended(status: Mapping[str, Any]) -> dict[str, Any]:
            if result.ok:
                return managed_status.succeeded(status, result.stats, generation, now)
            return managed_status.failed(status, result, generation, now)

        if turn.watch.manage_status:
            await self._status.update(turn.obj, ended)
        if not result.ok:
            message = managed_status.failure_message(result)
            await self._events.warn(turn.obj, reason=event_recorder.FAILED_REASON, message=message)

    async def _refuse(self, turn: turns.Turn, message: str) -> turns.Outcome:
        """The object itself keeps a run from being started: it says so, and is tried again later."""
        LOG.warning("no run", extra=turn.fields(error=message))
        if turn.watch.manage_status:
            await self._status.update(turn.obj, lambda status: managed_status.refused(status, message, _now()))
        await self._events.warn(turn.obj, reason=event_recorder.FAILED_REASON, message=message)
        return turns.Outcome("failed")


def _now() -> managed_status.Moment:
    now = datetime.now(UTC)
    return managed_status.Moment(metadata.format_time(now), now.strftime("%Y-%m-%dT%H:%M:%S.%f"))
