"""A stateful fake of the Kubernetes API server: a real HTTP server on loopback, objects in memory.

Behaves as the real one where our processes can tell: resourceVersion (one counter for everything) and 409 for stale writes, generation, uid,
deletionTimestamp with finalizers, the status subresource, label and field selectors (also: an object that leaves them is DELETED for the
watch), lists in pages, watches with bookmarks and 410 for what is too old, merge and JSON patches, discovery. It knows the kinds of the
project's table and those given to it. It validates no schemas and runs no controllers; garbage collection only on `collect_garbage()`.

    async with kube_api.KubeAPI() as api:
        api.put({...}); client(api.url); api.get("v1", "Pod", "ns", "name")

Its watches are in `kube_watches.py`, its objects in `kube_objects.py`; for code that is not asyncio there is `kube_thread.py`.
"""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.tests.unit.fakes import kube_objects, kube_watches

Object = kube_objects.Object
Key = kube_objects.Key
Refused = kube_objects.Refused
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass
class Failure:
    """Answers to give instead of the real ones."""

    method: str
    prefix: str
    code: int
    reason: str
    times: int


class KubeAPI:
    """The server; see the file's docstring."""

    def __init__(
        self,
        *,
        extra_kinds: Iterable[kinds.Resource] = (),
        bookmark_seconds: float = 0.05,
        tls: ssl.SSLContext | None = None,
        watch_list: bool = False,
    ) -> None:
        """`watch_list`: whether watches may ask for what there is first (sendInitialEvents), as servers since 1.34 do."""
        resources = [*kinds.RESOURCES.values(), *extra_kinds]
        self._resources = {(resource.api_version, resource.plural): resource for resource in resources}
        self._kinds = {(resource.api_version, resource.kind): resource for resource in resources}
        self.watches = kube_watches.Watches(bookmark_seconds=bookmark_seconds, watch_list=watch_list)
        self.store = self.watches.store
        self._failures: list[Failure] = []
        self._runner: web.AppRunner | None = None
        self._tls = tls
        self._port = 0
        self.seen: list[Seen] = []
        self.url = ""
        self.token = ""  # when set, requests must carry it
        self.frozen = asyncio.Event()  # cleared: requests wait
        self.frozen.set()

    # -- life

    async def __aenter__(self) -> KubeAPI:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop` on the same port, with what was stored."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Stop listening and cut every connection; the objects stay."""
        self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def write_kubeconfig(self, path: Path) -> Path:
        """A kubeconfig for this server."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": self.token} if self.token else {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    # -- for tests

    def put(self, obj: Mapping[str, Any]) -> Object:
        """Store an object as it is (with its status), as if someone had created or replaced it."""
        resource = self._kinds[(obj["apiVersion"], obj["kind"])]
        before = self.store.objects.get(self.store.key(resource, obj))
        return copy.deepcopy(self.store.store(resource, copy.deepcopy(dict(obj)), before=before))

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        """The stored object, a copy."""
        return copy.deepcopy(self.store.objects.get((api_version, kind, namespace or "", name)))

    def all(self, api_version: str, kind: str) -> list[Object]:
        """Every stored object of a kind, copies."""
        return [copy.deepcopy(o) for key, o in self.store.objects.items() if key[:2] == (api_version, kind)]

    def remove(self, api_version: str, kind: str, namespace: str | None, name: str) -> None:
        """Remove an object at once, whatever its finalizers say."""
        found = self.store.objects[(api_version, kind, namespace or "", name)]
        self.store.remove(self._kinds[(api_version, kind)], found)

    def writes(self) -> list[Seen]:
        """The requests that were not reads."""
        return [seen for seen in self.seen if seen.method not in ("GET", "HEAD")]

    def fail(self, method: str, prefix: str, *, code: int, reason: str = "", times: int = 1) -> None:
        """Answer the next requests of that method below that path with an error."""
        self._failures.append(Failure(method, prefix, code, reason, times))

    def cut(self) -> None:
        """Break every watch's connection in the middle."""
        self.watches.cut()

    def compact(self) -> None:
        """Forget the history: a watch from an older version is answered with 410."""
        self.store.compact()

    def collect_garbage(self) -> None:
        """Delete the objects whose owners are all gone, once round."""
        uids = {obj["metadata"]["uid"] for obj in self.store.objects.values()}
        for key, obj in list(self.store.objects.items()):
            owners = obj["metadata"].get("ownerReferences") or []
            if owners and not any(owner["uid"] in uids for owner in owners):
                self.store.delete(self._kinds[key[:2]], obj)

    async def until(self, check: Callable[[], Any], *, seconds: float = 120.0) -> Any:
        """Wait for the first true answer of `check`, asked again after every change here and every few milliseconds."""
        async with asyncio.timeout(seconds):
            return await self.watches.until(check)

    # -- requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self.frozen.wait()
        text = await request.text()
        body = _decode(text)
        self.seen.append(Seen(request.method, request.path, dict(request.query), body))
        try:
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                raise Refused(401, "Unauthorized", "Unauthorized")
            self._maybe_fail(request)
            if request.query.get("dryRun") == "All":
                return await self._route_dry(request, body)
            return await self._route(request, body)
        except Refused as refused:
            return web.json_response(refused.status, status=refused.code)

    async def _route_dry(self, request: web.Request, body: Any) -> web.StreamResponse:
        """Answer as if, and leave everything as it was; no watcher hears of it, because nothing else runs meanwhile."""
        kept, self.store = self.store, self.store.copy()
        try:
            return await self._route(request, body)
        finally:
            self.store = kept

    def _maybe_fail(self, request: web.Request) -> None:
        for failure in self._failures:
            if failure.times and request.method == failure.method and request.path.startswith(failure.prefix):
                failure.times -= 1
                raise Refused(failure.code, failure.reason, f"the test wants {failure.code} here")

    async def _route(self, request: web.Request, body: Any) -> web.StreamResponse:
        parts = [part for part in request.path.split("/") if part]
        api_version, rest = ("/".join(parts[1:3]), parts[3:]) if parts[0] == "apis" else (parts[1], parts[2:])
        if not rest:
            return web.json_response(self._discovery(api_version))
        namespace = None
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        resource = self._resources.get((api_version, rest[0]))
        if resource is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if len(rest) == 1:
            return await self._collection(request, resource, namespace, body)
        key = (resource.api_version, resource.kind, namespace or "", rest[1])
        return self._one(request, resource, key, subresource=rest[2] if len(rest) > 2 else None, body=body)

    def _discovery(self, api_version: str) -> Object:
        found = [r for (version, _), r in self._resources.items() if version == api_version]
        if not found:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        entries = [{"name": r.plural, "kind": r.kind, "namespaced": r.namespaced, "verbs": VERBS} for r in found]
        return {"kind": "APIResourceList", "groupVersion": api_version, "resources": entries}

    async def _collection(
        self, request: web.Request, resource: kinds.Resource, namespace: str | None, body: Any
    ) -> web.StreamResponse:
        if request.method == "POST":
            return web.json_response(self.store.create(resource, namespace, body), status=201)
        if request.method != "GET":
            raise Refused(405, "MethodNotAllowed", "the fake API server does not know this")
        if request.query.get("watch") in ("true", "1"):
            return await self.watches.serve(request, resource, namespace)
        return web.json_response(self.store.list_page(resource, namespace, request.query))

    def _one(
        self, request: web.Request, resource: kinds.Resource, key: Key, *, subresource: str | None, body: Any
    ) -> web.Response:
        found = self.store.objects.get(key)
        if request.method == "PATCH" and found is None and request.content_type == "application/apply-patch+yaml":
            return web.json_response(
                self.store.create(resource, key[2] or None, kube_objects.merge({"metadata": {"name": key[3]}}, body)),
                status=201,
            )
        if found is None:
            raise Refused(404, "NotFound", f'{resource.plural} "{key[3]}" not found')
        if request.method == "GET":
            return web.json_response(found)
        if request.method == "DELETE":
            return web.json_response(self.store.delete(resource, found, body))
        new = self._patched(request, found, body) if request.method == "PATCH" else copy.deepcopy(body)
        return web.json_response(self.store.update(resource, found, new, subresource))

    def _patched(self, request: web.Request, found: Object, body: Any) -> Object:
        if request.content_type == "application/json-patch+json":
            return kube_objects.json_patch(found, body)
        merged: Object = kube_objects.merge(found, body)
        return merged


def _decode(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return yaml.safe_load(text)
