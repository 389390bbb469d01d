"""A watcher: keeps one source of the cache equal to what the API server has.

In: a `Source` and the client. Out: calls to the cache. It begins with a watch that sends what there is first (sendInitialEvents), and where the API
server refuses that, with a list in pages and a watch from its resourceVersion; objects go into the cache one by one, a whole list is never held. A watch
that ends is taken up again where it ended, with bookmarks; a version that is too old (410) means to begin again, which the cache compares with what
it has, so nothing is missed or doubled. A silent connection is given up and opened again. Called by `runner.py`, one task per source.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..api import api_client
from ..telemetry import log
from . import cache

LOG = logging.getLogger("runner.watcher")
INITIAL_END = "k8s.io/initial-events-end"
OBJECTS_IN_A_ROW = 50


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds, and objects per page."""

    page: int = 500
    watch_seconds: int = 290
    inactivity: float = 100.0
    initial_inactivity: float = 15.0
    first_delay: float = 0.2
    longest_delay: float = 10.0
    watch_list: bool = True


class Watcher:
    """One list+watch that goes on for ever."""

    def __init__(
        self,
        client: api_client.APIClient,
        store: cache.Cache,
        source: cache.Source,
        *,
        timing: Timing | None = None,
        count: Callable[[str, str], None] = lambda kind, what: None,
    ) -> None:
        self._client = client
        self._cache = store
        self._timing = timing or Timing()
        self._count = count
        self._version: str | None = None
        self._watch_list = self._timing.watch_list
        self._failures = 0
        self._last_problem = ""
        self.source = source
        self.synced = asyncio.Event()

    def problem(self) -> str | None:
        """Why the cache may lag behind, for /readyz; None while all is well."""
        if not self.synced.is_set():
            return f"{self.source.kind}: not listed yet{f': {self._last_problem}' if self._last_problem else ''}"
        if self._failures > 3:
            return f"{self.source.kind}: the watch is broken: {self._last_problem}"
        return None

    async def run(self) -> None:
        """List, watch, recover; ends only when cancelled."""
        while True:
            try:
                if self._version is None and not self._watch_list:
                    await self._list()
                await self._watch()
            except errors.Gone:
                self._version = None
                self._count(self.source.kind, "gone")
                LOG.info("watch too old; listing again", extra=log.fields(kind=self.source.kind))
                self._failures += 1
                if self._failures > 1:
                    await self._pause()
            except api_client.Silence:
                # Where nothing of a kind has ever changed the API server sends no bookmarks either: no failure, but worth another connection.
                self._count(self.source.kind, "silent")
            except (errors.APIError, errors.TransientError) as error:
                self._failed(error)
                await self._pause()

    def _failed(self, error: errors.PlayvirtError) -> None:
        self._failures += 1
        self._last_problem = str(error)
        self._count(self.source.kind, "error")
        if isinstance(error, errors.APIError) and error.status < 500 and error.status != 429:
            self._version = None
        report = LOG.warning if self._failures in (1, 10) or self._failures % 100 == 0 else LOG.debug
        report("watch interrupted", extra=log.fields(kind=self.source.kind, error=str(error), failures=self._failures))

    async def _pause(self) -> None:
        delay = min(self._timing.longest_delay, self._timing.first_delay * 2 ** min(self._failures - 1, 10))
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))

    async def _path(self) -> str:
        return await self._client.path(self.source.api_version, self.source.kind, namespace=self.source.namespace)

    def _query(self) -> dict[str, str]:
        return api_client.Selection(
            label_selector=self.source.label_selector, field_selector=self.source.field_selector
        ).query()

    async def _list(self) -> None:
        path, query = await self._path(), {**self._query(), "limit": str(self._timing.page)}
        listing = self._cache.listing(self.source)
        fetching = asyncio.ensure_future(self._page(path, query))
        try:
            while True:
                page = await fetching
                if token := page["metadata"].get("continue"):
                    # The API server prepares the next page while this one goes into the cache.
                    fetching = asyncio.ensure_future(self._page(path, {**query, "continue": token}))
                for item in page.get("items") or []:
                    listing.add({"apiVersion": self.source.api_version, "kind": self.source.kind, **item})
                    if len(listing) % OBJECTS_IN_A_ROW == 0:
                        await asyncio.sleep(0)
                if not token:
                    break
        finally:
            fetching.cancel()
        self._complete(listing, page)

    async def _page(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return await self._client.request(api_client.Request(method="GET", path=path, query=query))

    def _complete(self, listing: cache.Listing, told: Mapping[str, Any]) -> None:
        """Everything there is has been told, by a list's last page or a bookmark."""
        self._version = str(told["metadata"].get("resourceVersion") or "")
        listing.finish(cache.version_of(told))
        self._count(self.source.kind, "list")
        self._recovered()
        self.synced.set()
        LOG.debug("listed", extra=log.fields(kind=self.source.kind, count=len(listing)))

    def _recovered(self) -> None:
        self._failures = 0
        self._last_problem = ""

    async def _watch(self) -> None:
        seconds = str(random.randint(self._timing.watch_seconds, self._timing.watch_seconds * 2))
        query = {**self._query(), "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
        listing: cache.Listing | None = None
        if self._version is None:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
            listing = self._cache.listing(self.source)
        else:
            query["resourceVersion"] = self._version
        loop = asyncio.get_running_loop()
        started, events = loop.time(), 0
        timers: list[asyncio.TimerHandle] = []

        def opened() -> None:
            # A watch that stays open is healthy, also where nothing happens.
            timers.append(loop.call_later(1.0, self._recovered))

        try:
            path = await self._path()
            inactivity = self._timing.inactivity if listing is None else self._timing.initial_inactivity
            async for event in self._client.watch(path, query, inactivity=inactivity, opened=opened):
                events += 1
                if listing is not None:
                    listing = self._initial(listing, event)
                    continue
                self._version = str(event["object"]["metadata"]["resourceVersion"])
                self._recovered()
                if event["type"] != "BOOKMARK":
                    self._cache.apply(self.source, event["type"], event["object"])
                    self._count(self.source.kind, event["type"].lower())
        except (errors.APIError, api_client.Silence) as error:
            # Whatever it is (the gate is off: 422, an etcd that cannot: 500), the list tells whether the API server is in trouble.
            if listing is None:
                raise
            self._watch_list = False
            LOG.info("no watch-list; listing in pages", extra=log.fields(kind=self.source.kind, error=str(error)))
            return
        finally:
            for timer in timers:
                timer.cancel()
        if listing is not None:
            raise errors.TransientError("the watch ended before everything was told")
        if not events and asyncio.get_running_loop().time() - started < 1.0:
            self._failures += 1
            self._last_problem = "the server ends watches at once"
            await self._pause()

    def _initial(self, listing: cache.Listing, event: Mapping[str, Any]) -> cache.Listing | None:
        """Take an event from before the end of the initial ones; returns None when this is the end."""
        obj = event["object"]
        if event["type"] != "BOOKMARK":
            listing.add(obj)
            return listing
        if (obj["metadata"].get("annotations") or {}).get(INITIAL_END) != "true":
            raise errors.APIError("the server does not know sendInitialEvents", status=400, reason="BadRequest")
        self._complete(listing, obj)
        return None
