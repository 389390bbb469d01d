"""The watches of the fake API server: events through selectors, bookmarks, initial events, 410 for what is too old.

In: the store and the requests. Out: streams. Called by `kube_api.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.tests.unit.fakes import kube_objects

Object = kube_objects.Object
Refused = kube_objects.Refused


class Watches:
    """Every watch that is open."""

    def __init__(self, *, bookmark_seconds: float, watch_list: bool) -> None:
        self._store = kube_objects.Store(self._wake)
        self.bookmark_seconds = bookmark_seconds
        self._watch_list = watch_list
        self.ignore_initial_events = False  # as a server does that does not know the option at all
        self._tasks: set[asyncio.Task[Any]] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    @property
    def store(self) -> kube_objects.Store:
        """The objects, whose changes they tell."""
        return self._store

    def cut(self) -> None:
        """Break every watch's connection in the middle."""
        for task in list(self._tasks):
            task.cancel()

    async def until(self, check: Callable[[], Any]) -> Any:
        """Wait for the first true answer of `check`, asked again after every change and every few milliseconds."""
        while not (found := check()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.005), self._changed:
                    await self._changed.wait()
        return found

    def _wake(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        task = asyncio.ensure_future(self._tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def serve(self, request: web.Request, resource: kinds.Resource, namespace: str | None) -> web.StreamResponse:
        """Answer a request with events until it wants no more, is cut off, or asks for what is too old."""
        initial = request.query.get("sendInitialEvents") == "true" and not self.ignore_initial_events
        if initial and not self._watch_list:
            raise Refused(
                422,
                "Invalid",
                "sendInitialEvents: Forbidden: it is forbidden for watch unless the WatchList feature gate is enabled",
            )
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        position = int(request.query.get("resourceVersion") or 0) or self._store.version
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(float(request.query.get("timeoutSeconds") or 3600)):
                if initial:
                    await self._send_initial(request, response, resource, namespace, position)
                await self._feed(request, response, resource, namespace, position)
        except asyncio.CancelledError:
            if request.transport is not None:
                request.transport.abort()
            if task.cancelling():
                task.uncancel()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
        return response

    async def _send_initial(
        self,
        request: web.Request,
        response: web.StreamResponse,
        resource: kinds.Resource,
        namespace: str | None,
        position: int,
    ) -> None:
        everything = {name: value for name, value in request.query.items() if name.endswith("Selector")}
        for item in self._store.list_page(resource, namespace, everything)["items"]:
            obj = {"apiVersion": resource.api_version, "kind": resource.kind, **item}
            await _send(response, {"type": "ADDED", "object": obj})
        meta = {"resourceVersion": str(position), "annotations": {"k8s.io/initial-events-end": "true"}}
        mark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        await _send(response, {"type": "BOOKMARK", "object": mark})

    async def _feed(
        self,
        request: web.Request,
        response: web.StreamResponse,
        resource: kinds.Resource,
        namespace: str | None,
        position: int,
    ) -> None:
        query = request.query
        while True:
            if position < self._store.oldest:
                gone = Refused(410, "Expired", f"too old resource version: {position}")
                await _send(response, {"type": "ERROR", "object": gone.status})
                return
            for event in [e for e in self._store.history if e.version > position]:
                position = event.version
                told = self._seen_through(event, resource, namespace, query)
                if told is not None:
                    await _send(response, told)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.bookmark_seconds), self._changed:
                    while self._store.version <= position:
                        await self._changed.wait()
            if self._store.version == position and query.get("allowWatchBookmarks") == "true":
                mark = {
                    "kind": resource.kind,
                    "apiVersion": resource.api_version,
                    "metadata": {"resourceVersion": str(position)},
                }
                await _send(response, {"type": "BOOKMARK", "object": mark})

    @staticmethod
    def _seen_through(
        event: kube_objects.Event, resource: kinds.Resource, namespace: str | None, query: Mapping[str, str]
    ) -> Object | None:
        """The event as a watch with these selectors sees it."""
        if event.resource != resource:
            return None
        before = event.before is not None and kube_objects.selected(event.before, query, namespace)
        after = event.after is not None and kube_objects.selected(event.after, query, namespace)
        if after:
            return {"type": "MODIFIED" if before else "ADDED", "object": event.after}
        if before and event.before is not None:
            last = copy.deepcopy(event.before)
            last["metadata"]["resourceVersion"] = str(event.version)
            return {"type": "DELETED", "object": last}
        return None


async def _send(response: web.StreamResponse, event: Object) -> None:
    await response.write(json.dumps(event).encode() + b"\n")
