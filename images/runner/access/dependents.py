"""Watches that begin while the runner works: of the kinds of objects that runs create, so that a change of one looks at its owner.

In: a watch, and a kind that one of its runs created or read with its owner on it. Out: a running watcher and its source in the cache, once per kind and
namespace. Kinds on the watch's `blacklist` are left alone. Called by `proxy.py`; asked by `triggers.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from ..api import api_client, discovery
from ..settings import watches
from ..telemetry import log
from ..watching import cache, watcher
from . import owner_injection

LOG = logging.getLogger("runner.dependents")


class Dependents:
    """The watches of one runner that were not in its list."""

    def __init__(
        self,
        *,
        client: api_client.APIClient,
        store: cache.Cache,
        namespaces: tuple[str, ...],
        watchers: Iterable[watcher.Watcher] = (),
        count: Callable[[str, str], None] = lambda kind, what: None,
    ) -> None:
        """`watchers` run already; a source of theirs is used, not watched twice."""
        self._client = client
        self._cache = store
        self._namespaces = namespaces
        self._count = count
        self._watchers = {one.source: one for one in watchers}
        self._sources: dict[int, frozenset[cache.Source]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def sources(self, index: int) -> AbstractSet[cache.Source]:
        """What is watched for the watch of that index since its runs created it."""
        return self._sources.get(index, frozenset())

    def ready(self) -> list[cache.Source]:
        """The sources, also those of the watch list, whose watches are established and in order."""
        return [source for source, one in self._watchers.items() if one.problem() is None]

    def wanted(self, index: int, watch: watches.Watch, served: discovery.Served, owner: owner_injection.Owner) -> bool:
        """Whether the kind is to be watched for the watch and is not yet."""
        if not watch.dynamic_dependents or not served.is_stored or served.of_kind in watch.blacklist:
            return False
        if not served.namespaced and owner.namespace and not watch.cluster_scoped_dependents:
            return False
        return not any(source.of_kind == served.of_kind for source in self.sources(index))

    def watch(self, index: int, served: discovery.Served) -> None:
        """Watch the kind for the watch of that index."""
        namespaces: tuple[str | None, ...] = self._namespaces if served.namespaced and self._namespaces else (None,)
        for namespace in namespaces:
            source = cache.Source(api_version=served.api_version, kind=served.kind, namespace=namespace)
            self._sources[index] = frozenset({*self.sources(index), source})
            if source not in self._watchers:
                self._start(source)

    def _start(self, source: cache.Source) -> None:
        LOG.info("watching a dependent kind", extra=log.fields(kind=source.kind, namespace=source.namespace))
        self._cache.add_source(source)
        one = self._watchers[source] = watcher.Watcher(self._client, self._cache, source, count=self._count)
        self._tasks.append(asyncio.create_task(one.run(), name=f"watch {source.kind}"))

    async def stop(self) -> None:
        """End the watches that began here."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
