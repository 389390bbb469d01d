"""Hands requests on to the API server with the runner's credentials, and its answers back.

In: a request of a play, as aiohttp has it. Out: the answer, at once or as it comes (watches, logs). What answers to writes tell goes into the cache
before the play has the answer, so that it reads what it wrote: objects, the end of deleted ones, and after a conflict the object as it is now. Writes
are refused while this replica does not hold the lease. Called by `gateway.py` (unix socket) and `proxy.py` (loopback).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..api import api_client, api_paths
from ..telemetry import log
from ..watching import cache

LOG = logging.getLogger("runner.gateway")
NOT_LEADING = "this replica does not hold the lease; it writes nothing"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    content_type: str
    body: bytes

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """The answer for the client."""
        told = {"Content-Type": self.content_type or "application/json", **(headers or {})}
        return web.Response(status=self.status, body=self.body, headers=told)


def status_answer(code: int, reason: str, message: str) -> web.Response:
    """An answer in the form of Kubernetes' Status."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
    return web.json_response(body, status=code)


def is_reading(request: web.Request) -> bool:
    """Whether the request changes nothing."""
    return request.method in api_client.READ_METHODS


def is_stream(request: web.Request) -> bool:
    """Whether the answer comes bit by bit: a watch, or a log that is followed."""
    return any(request.query.get(name) in ("true", "1", "True") for name in ("watch", "follow"))


class Forwarder:
    """See the file's docstring."""

    def __init__(self, *, client: api_client.APIClient, store: cache.Cache, may_write: Callable[[], bool]) -> None:
        self._client = client
        self._cache = store
        self.may_write = may_write

    async def send(self, request: web.Request, *, query: str, body: bytes | None = None) -> Answer:
        """Send it and wait for the answer; `query` is the query string, `body` replaces the request's own.

        Raises TransientError where the API server cannot be reached.
        """
        forwarded = _forwarded(request, query, body if body is not None else await request.read())
        status, content_type, content = await self._client.send(forwarded)
        if not is_reading(request) and "dryRun" not in request.query:
            if status < 300:
                self._note_written(content)
            elif status == 409:
                await self._catch_up(request.method, request.path, forwarded.body)
        return Answer(status, content_type, content)

    async def get(self, path: str) -> dict[str, Any] | None:
        """The object at a path of the API server as it is now; None where there is none.

        Raises APIError and TransientError.
        """
        try:
            return await self._client.request(api_client.Request(method="GET", path=path))
        except errors.NotFound:
            return None

    async def stream(self, request: web.Request, *, query: str) -> web.StreamResponse:
        """Send it and hand the answer on as it comes."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=api_client.CONNECT_SECONDS)
        async with self._client.open(_forwarded(request, query, await request.read()), timeout=timeout) as answer:
            content_type = answer.headers.get("Content-Type", "application/json")
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": content_type})
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def websocket(self, request: web.Request, *, query: str) -> web.StreamResponse:
        """Connect a WebSocket (`exec`, `attach`, `port-forward`) with the API server's, until one of the two closes it.

        Raises APIError and TransientError as long as nothing was answered.
        """
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        path = request.rel_url.raw_path + (f"?{query}" if query else "")
        async with self._client.websocket(path, offered) as far:
            near = web.WebSocketResponse(protocols=[far.protocol] if far.protocol else (), max_msg_size=0)
            await near.prepare(request)
            copies = [asyncio.ensure_future(_copy(far, near)), asyncio.ensure_future(_copy(near, far))]
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
                await near.close()
            return near

    async def _catch_up(self, method: str, path: str, body: bytes | None) -> None:
        """After a conflict the cache lags behind, or the object is another one: who reads it now gets it as it is."""
        target = api_paths.parse(path)
        if target is None:
            return
        if target.subresource:
            path = path.removesuffix("/" + target.subresource)
        if method == "POST":
            path += "/" + next((str(obj["metadata"].get("name")) for obj in objects_in(body or b"")), "")
        try:
            found = await self.get(path)
        except (errors.APIError, errors.TransientError) as error:
            LOG.debug("conflict, and the object could not be read", extra=log.fields(path=path, error=str(error)))
            return
        if found is not None and isinstance(found.get("metadata"), dict):
            self._cache.written(found)

    def _note_written(self, body: bytes) -> None:
        if uid := _deleted_uid(body):
            self._cache.deleted(uid)
        for obj in objects_in(body):
            self._cache.written(obj)


def is_upgrade(request: web.Request) -> bool:
    """Whether the request asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def _copy(
    source: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
    target: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
) -> None:
    """Hand messages on until the source is closed."""
    async for message in source:
        if message.type is aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)


def _deleted_uid(body: bytes) -> str:
    """The uid of the object that a DELETE ended; empty for every other answer."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(found, dict) or found.get("kind") != "Status" or found.get("status") != "Success":
        return ""
    return str((found.get("details") or {}).get("uid") or "")


def objects_in(body: bytes) -> list[dict[str, Any]]:
    """The objects of an answer: one, those of a list, or none (a Status, a table, text)."""
    try:
        found = json.loads(body)
    except ValueError:
        return []
    if not isinstance(found, dict) or found.get("kind") in ("Status", "Table"):
        return []
    items = found.get("items")
    if isinstance(items, list) and str(found.get("kind")).endswith("List"):
        kind = str(found["kind"]).removesuffix("List")
        listed = [
            {"apiVersion": found.get("apiVersion"), "kind": kind, **item} for item in items if isinstance(item, dict)
        ]
        return [item for item in listed if isinstance(item.get("metadata"), dict)]
    return [found] if isinstance(found.get("metadata"), dict) else []


def _forwarded(request: web.Request, query: str, body: bytes) -> api_client.Request:
    return api_client.Request(
        method=request.method,
        path=request.rel_url.raw_path + (f"?{query}" if query else ""),
        body=body or None,
        content_type=request.headers.get("Content-Type", "application/json"),
        accept=request.headers.get("Accept", "application/json"),
    )
