"""The gateway: an HTTP server on a unix socket through which plays reach the API server, the cache and the services.

In: requests of this process's own workers (the socket's mode is 0600). `/api/...` and `/apis/...` go to the API server with the runner's
credentials; a GET with the header `X-Playvirt-Read: cache` is answered from the cache where the kind is watched and the answer is
certain, and the answer's header says which it was. Writes are refused while this replica does not hold the lease; the objects that they
return go into the cache. Every other path belongs to the services. Called by `runner.py`; its clients are in `module_utils/k8s/gateway.py`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import socket
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds

from ..api import api_client, api_paths
from ..telemetry import log
from ..watching import cache
from . import forwarding
from . import routes as routes_file

LOG = logging.getLogger("runner.gateway")
READ_HEADER = "X-Playvirt-Read"
BODY_LIMIT = 16 * 1024 * 1024


class Gateway:
    """The server."""

    def __init__(
        self,
        *,
        client: api_client.APIClient,
        store: cache.Cache,
        routes: routes_file.Routes,
        may_write: Callable[[], bool],
    ) -> None:
        self._forwarder = forwarding.Forwarder(client=client, store=store, may_write=may_write)
        self._cache = store
        self._routes = routes
        self._resources: dict[tuple[str, str], kinds.Resource] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, path: Path) -> None:
        """Listen; replaces a socket that an earlier process left."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, _private_socket(path)).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def know(self, resource: kinds.Resource) -> None:
        """Tell how a watched kind is served, so that its paths are recognised."""
        self._resources[(resource.api_version, resource.plural)] = resource

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        try:
            if path.startswith(("/api/", "/apis/")) or path in ("/api", "/apis", "/version"):
                return await self._api(request)
            return await self._service(request)
        except errors.TransientError as error:
            return forwarding.status_answer(503, "ServiceUnavailable", str(error))

    async def _service(self, request: web.Request) -> web.StreamResponse:
        found = self._routes.find(request.method, request.path)
        if found is None:
            return forwarding.status_answer(
                404, "NotFound", f"{request.method} {request.path}: nothing in this runner answers that"
            )
        prefix, handler = found
        text = await request.text()
        try:
            body = json.loads(text) if text else None
        except ValueError as error:
            return forwarding.status_answer(400, "BadRequest", f"the body is not JSON: {error}")
        told = {
            "method": request.method,
            "path": request.path,
            "rest": request.path.removeprefix(prefix).strip("/"),
            "query": dict(request.query),
            "body": body,
        }
        try:
            status, answer = await handler(told)
        except errors.PlayvirtError as error:
            return web.json_response({"message": str(error)}, status=422)
        except Exception as error:
            LOG.exception("route failed", extra=log.fields(path=request.path))
            return web.json_response({"message": f"{type(error).__name__}: {error}"}, status=500)
        return web.json_response(answer, status=status)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        reading = forwarding.is_reading(request)
        if reading and request.headers.get(READ_HEADER) == "cache":
            cached = self._from_cache(request)
            if cached is not None:
                return web.json_response(cached, headers={READ_HEADER: "cache"})
        if not reading and not self._forwarder.may_write():
            return forwarding.status_answer(503, "ServiceUnavailable", forwarding.NOT_LEADING)
        query = urllib.parse.urlencode([(name, value) for name, value in request.query.items() if name != "ownerUID"])
        if forwarding.is_stream(request):
            return await self._forwarder.stream(request, query=query)
        answer = await self._forwarder.send(request, query=query)
        if reading and answer.status == 200 and "ownerUID" in request.query:
            answer = dataclasses.replace(answer, body=_keep_owned(answer.body, request.query["ownerUID"]))
        return answer.response({READ_HEADER: "api"})

    def _from_cache(self, request: web.Request) -> dict[str, Any] | None:
        """The answer, or None where only the API server knows it."""
        target = api_paths.parse(request.path)
        resource = self._resources.get((target.api_version, target.plural)) if target and target.is_whole else None
        if target is None or resource is None or not self._cache.is_whole(resource.api_version, resource.kind):
            return None
        if target.name is not None:
            return self._cache.get(resource.api_version, resource.kind, target.namespace, target.name)
        return self._list_from_cache(request, resource, target.namespace)

    def _list_from_cache(
        self, request: web.Request, resource: kinds.Resource, namespace: str | None
    ) -> dict[str, Any] | None:
        if set(request.query) - {"labelSelector", "ownerUID", "limit"}:
            return None
        labels: dict[str, str] = {}
        for term in filter(None, request.query.get("labelSelector", "").split(",")):
            name, separator, value = term.replace("==", "=").partition("=")
            if not separator or name.endswith("!") or " " in term.strip():
                return None
            labels[name.strip()] = value.strip()
        items = self._cache.list(
            resource.api_version,
            resource.kind,
            namespace=namespace,
            owner_uid=request.query.get("ownerUID"),
            labels=labels,
        )
        return {"apiVersion": resource.api_version, "kind": f"{resource.kind}List", "metadata": {}, "items": items}


def _private_socket(path: Path) -> socket.socket:
    """A socket bound to the path with mode 0600.

    There is no await in here: a process that is started meanwhile would inherit the umask.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    return listening


def _keep_owned(body: bytes, owner_uid: str) -> bytes:
    """A list's answer with only the items that have that owner: the API server has no such selector."""
    listed = json.loads(body)
    if "items" in listed:
        listed["items"] = [
            item
            for item in listed["items"]
            if any(reference.get("uid") == owner_uid for reference in item["metadata"].get("ownerReferences") or ())
        ]
    return json.dumps(listed).encode()
