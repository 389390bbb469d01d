"""Kubernetes Events about watched objects: what `kubectl describe` shows below them.

In: an object, a reason, a message. Out: an Event; the same message again counts up the Event that is there. An Event is help for people: where it
cannot be written, the log says so and the turn goes on. Called by `operator_turn.py`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, events

from ..api import api_client
from ..telemetry import log
from ..watching import cache

LOG = logging.getLogger("runner.events")
COMPONENT = "playvirt-runner"


def render(obj: Mapping[str, Any], *, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """A Warning; its name follows from the object and the words, so that the same one is found again."""
    meta = obj["metadata"]
    digest = hashlib.sha256(f"{meta.get('uid')}\n{reason}\n{message}".encode()).hexdigest()[:16]
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
    """Writes Events."""

    def __init__(self, client: api_client.APIClient) -> None:
        self._client = client

    async def warn(self, obj: cache.Object, *, reason: str, message: str) -> None:
        """Record a Warning about the object; says in the log what kept it from being written."""
        event = render(obj, reason=reason, message=message, now=datetime.now(UTC))
        try:
            try:
                await self._client.create(event)
            except errors.AlreadyExists:
                await self._count_up(event)
        except (errors.APIError, errors.TransientError) as error:
            LOG.warning("event not written", extra=log.fields(kind=obj["kind"], reason=reason, error=str(error)))

    async def _count_up(self, event: dict[str, Any]) -> None:
        meta = event["metadata"]
        found = await self._client.get("v1", "Event", namespace=meta["namespace"], name=meta["name"])
        again = {"count": int(found.get("count") or 1) + 1, "lastTimestamp": event["lastTimestamp"]}
        await self._client.patch(event, again)
