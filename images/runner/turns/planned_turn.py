"""A turn of a kind that has a planner: the plan says, without a play, whether nothing, one write of the status, or a run is needed.

In: a turn. Out: its outcome. What failed in a run the role tells in the object's condition; what ended the run itself is told here. An Event says both, a
task's failure from the second in a row on, since what passes by itself a moment later is not worth one. Called by `reconciler.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, errors, metadata
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan as plan_file
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading

from ..api import api_client
from ..engine import engine
from ..settings import object_settings
from ..watching import cache
from . import event_recorder, role_run, status_writer, turns, workqueue

LOG = logging.getLogger("runner.reconciler")


class PlannedTurns:
    """Takes such turns."""

    def __init__(
        self,
        *,
        client: api_client.APIClient,
        store: cache.Cache,
        reader: reading.Reader,
        planners: Mapping[str, reading.Planner],
        runs: role_run.RoleRuns,
    ) -> None:
        self._client = client
        self._cache = store
        self._reader = reader
        self._planners = planners
        self._runs = runs
        self._writer = status_writer.StatusWriter(client, store)
        self._events = event_recorder.EventRecorder(client)

    async def take(self, turn: turns.Turn) -> turns.Outcome:
        """Bring the object on."""
        try:
            plan = self._plan(turn)
        except errors.TransientError as error:
            LOG.debug("waiting", extra=turn.fields(error=str(error)))
            return turns.Outcome("waiting", error.delay_seconds)
        if plan is not None and not plan.steps:
            ended = "unchanged" if plan.status is None else await self._status(turn, plan)
            return self._ended(turn, plan, ended)
        steps = list(plan.steps) if plan else None
        result = await self._runs.execute(turn, turn.watch.content, steps=steps)
        if result.cancelled:
            return turns.Outcome("cancelled")
        if not result.ok:
            await self._tell(turn, result)
            return turns.Outcome("failed")
        return self._ended(turn, plan, "succeeded")

    async def _tell(self, turn: turns.Turn, result: engine.RunResult) -> None:
        """The failed run, on the object: as an Event, and where no rescue could, in the condition of its kind."""
        message = f"{result.task}: {result.message}" if result.broke else result.message
        if result.broke or workqueue.RETRY in turn.item.reasons:
            await self._events.warn(turn.obj, reason=event_recorder.FAILED_REASON, message=message)
        if result.broke:
            condition = {**self._planners[str(turn.watch.planner)].FAILED, "message": message}
            now = metadata.format_time(datetime.now(UTC))
            await self._writer.update(
                turn.obj,
                lambda status: {**status, "conditions": conditions.put(status.get("conditions"), condition, now=now)},
            )

    def _plan(self, turn: turns.Turn) -> plan_file.Plan | None:
        """The plan; None where it raised: the role then reports why."""
        planner = self._planners[str(turn.watch.planner)]
        now = metadata.format_time(datetime.now(UTC))
        try:
            return planner.plan(turn.obj, planner.observe(turn.obj, self._reader), now)
        except errors.TransientError:
            raise
        except Exception as error:
            LOG.warning("no plan; the role reports it", extra=turn.fields(error=f"{type(error).__name__}: {error}"))
            return None

    @staticmethod
    def _ended(turn: turns.Turn, plan: plan_file.Plan | None, result: str) -> turns.Outcome:
        if result in ("conflict", "gone"):
            return turns.Outcome(result)
        period = object_settings.period(turn.obj, turn.watch.reconcile_period)
        return turns.Outcome(result, plan.requeue_after if plan is not None else None, period)

    async def _status(self, turn: turns.Turn, plan: plan_file.Plan) -> str:
        """Write the status on the version that was planned on; a newer object is planned again. Returns how the turn ended."""
        try:
            written = await self._client.update({**turn.obj, "status": dict(plan.status or {})}, subresource="status")
        except errors.Conflict:
            await self._catch_up(turn.obj)
            return "conflict"
        except errors.NotFound:
            return "gone"
        self._cache.written(written)
        LOG.debug("status written", extra=turn.fields())
        return "status"

    async def _catch_up(self, obj: Mapping[str, Any]) -> None:
        meta = obj["metadata"]
        try:
            newest = await self._client.get(
                obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"]
            )
        except errors.NotFound:
            return
        self._cache.written(newest)
