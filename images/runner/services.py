"""Services: asyncio tasks that run inside the runner's process, such as virt-handler's launchers and device plugin.

In: `--service MODULE:FUNCTION`. The function is `async def FUNCTION(context: ServiceContext) -> None` and runs until the process ends; when it
returns or raises, the process ends with an error. Out: `ServiceContext`, all that a service gets. Called by `runner.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from .access import routes as routes_file
from .api import api_client
from .telemetry import log, metrics
from .watching import cache

LOG = logging.getLogger("runner.services")

Launchers = Callable[[str], dict[str, Any] | None]
Enqueue = Callable[..., None]


class CacheReader:
    """The library's `reconcile.reading.Reader` over the cache."""

    def __init__(self, store: cache.Cache) -> None:
        self._cache = store
        self._launchers: Launchers = lambda pod_uid: None

    def register_launchers(self, launchers: Launchers) -> None:
        """Say who knows the launchers of this node: pod uid -> what its launcher reported, or None."""
        self._launchers = launchers

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        return self._cache.get(api_version, kind, namespace, name)

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        owner_uid: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """The objects that match everything given."""
        return self._cache.list(api_version, kind, namespace=namespace, owner_uid=owner_uid, labels=labels)

    def launcher(self, pod_uid: str) -> dict[str, Any] | None:
        """What that pod's launcher reported, or None."""
        return self._launchers(pod_uid)


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """What a service gets.

    `enqueue(kind, namespace, name, reason)` asks for a look at a watched object; `add_check(name, check)` adds to /readyz a function
    that returns None or what is wrong; `add_collector(collector, refresh)` adds series to /metrics; `leading()` says whether this replica may write.
    """

    routes: routes_file.Routes
    enqueue: Callable[[str, str, str, str], None]
    reader: CacheReader
    client: api_client.APIClient
    namespace: str
    node_name: str
    add_check: Callable[[str, Callable[[], str | None]], None]
    add_collector: Callable[[metrics.Collector, Callable[[], Awaitable[None]]], None]
    leading: Callable[[], bool]


Service = Callable[[ServiceContext], Awaitable[None]]


def load(reference: str) -> Service:
    """Import a service from `MODULE:FUNCTION`.

    Raises PermanentError when there is none.
    """
    module_name, _, function_name = reference.partition(":")
    try:
        found: Service = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise errors.PermanentError(f"--service {reference}: {error}; write MODULE:FUNCTION") from error
    return found


async def run(reference: str, service: Service, context: ServiceContext) -> None:
    """Run a service for ever.

    Raises PermanentError when it ends.
    """
    try:
        await service(context)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        LOG.exception("service failed", extra=log.fields(service=reference))
        raise errors.PermanentError(f"service {reference} failed: {error}") from error
    raise errors.PermanentError(f"service {reference} ended")
