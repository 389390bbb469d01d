"""Kubernetes Events about watched objects: what `kubectl describe` shows below them.

In: an object, a reason, a message. Out: an Event; the same message again counts up the Event that is there, which takes no right to read Events. An
Event is help for people: where it cannot be written, the log says so and the turn goes on. Called by `operator_turn.py` and `planned_turn.py`.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, events

from ..api import api_client
from ..telemetry import log
from ..watching import cache

LOG = logging.getLogger("runner.events")
COMPONENT = "playvirt-runner"
FAILED_REASON = "ReconciliationFailed"
#: how many Events are counted up; an older one begins anew
REMEMBERED = 4096


def render(obj: Mapping[str, Any], *, reason: str, message: str, by: str, now: datetime) -> dict[str, Any]:
    """A Warning; its name follows from the object, the words and who tells, so that the same one is found again."""
    meta = obj["metadata"]
    digest = hashlib.sha256(f"{meta.get('uid')}\n{reason}\n{message}\n{by}".encode()).hexdigest()[:16]
    involved = {name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion") if meta.get(name)}
    event = events.render(
        {"name": f"{meta['name'][:230]}.{digest}", "namespace": meta.get("namespace") or "default"},
        {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **involved},
        severity="Warning",
        reason=reason,
        message=message,
        now=now,
    )
    return {**event, "source": {"component": COMPONENT}}


class EventRecorder:
    """Writes Events, and remembers how often; another process counts for itself."""

    def __init__(self, client: api_client.APIClient) -> None:
        self._client = client
        self._by = secrets.token_hex(8)
        self._counts: OrderedDict[str, int] = OrderedDict()

    async def warn(self, obj: cache.Object, *, reason: str, message: str) -> None:
        """Record a Warning about the object; says in the log what kept it from being written."""
        event = render(obj, reason=reason, message=message, by=self._by, now=datetime.now(UTC))
        name = event["metadata"]["name"]
        count = self._counts.pop(name, 0) + 1
        try:
            if count == 1 or not await self._count_up(event, count):
                count = await self._begin(event)
        except (errors.APIError, errors.TransientError) as error:
            LOG.warning("event not written", extra=log.fields(kind=obj["kind"], reason=reason, error=str(error)))
            return
        self._counts[name] = count
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    async def _begin(self, event: dict[str, Any]) -> int:
        """Create it; one that is there was forgotten here, and is counted anew."""
        try:
            await self._client.create(event)
        except errors.AlreadyExists:
            await self._count_up(event, 1)
        return 1

    async def _count_up(self, event: dict[str, Any], count: int) -> bool:
        """False where the Event is gone: the API server keeps it for an hour."""
        try:
            await self._client.patch(event, {"count": count, "lastTimestamp": event["lastTimestamp"]})
        except errors.NotFound:
            return False
        return True
