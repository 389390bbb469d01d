"""A turn of a kind that has a planner: the plan says, without a play, whether nothing, one write of the status, or a run is needed.

In: a turn. Out: its outcome. Called by `reconciler.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan as plan_file
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading

from ..api import api_client
from ..settings import object_settings
from ..watching import cache
from . import role_run, turns

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
        if not result.ok:
            return turns.Outcome("cancelled" if result.cancelled else "failed")
        return self._ended(turn, plan, "succeeded")

    def _plan(self, turn: turns.Turn) -> plan_file.Plan | None:
        """The plan; None where it raised: the role then reports why."""
        planner = self._planners[str(turn.watch.planner)]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
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
