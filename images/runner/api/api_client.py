"""The runner's client of the API server, on aiohttp: the only one in the process; objects are plain dicts.

In: `Credentials`. Out: answers as dicts, errors as `api.errors`; `send()` gives the bare answer for the gateway, `watch()` the events of a watch.
Called by every file here that talks to the API server, and by services. Kinds that are not in the project's table are looked up
in the server's discovery once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds

from . import api_paths
from . import credentials as credentials_file

REQUEST_SECONDS = 60.0
CONNECT_SECONDS = 10.0
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
WATCH_LINE_LIMIT = 64 * 1024 * 1024
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class _NotSent(aiohttp.ClientError):
    """The request was not allowed any more at the moment when its first byte would have gone out."""


class Silence(errors.TransientError):
    """A watch told nothing for its longest silence: either nothing changes, or the connection is dead without saying so."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; `body` is JSON-able data, or bytes that are sent as they are.

    `may_send` is asked in the moment before bytes go out, instead of the client's own rule for writes.
    """

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"
    may_send: Callable[[], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a list or watch is restricted to; None means everything."""

    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None

    def query(self) -> dict[str, str]:
        """The selectors as query parameters."""
        given = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {name: value for name, value in given.items() if value}


class APIClient:
    """Requests to one API server. Use as an async context manager, inside the running loop."""

    def __init__(
        self,
        credentials: credentials_file.Credentials,
        *,
        user_agent: str = "playvirt-runner",
        count: Callable[[str, str, int], None] | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """`count` hears of every answer: method, plural of the resource (empty where it is about none), HTTP status.

        `may_write` is asked before every write, see `_ask_before_sending`.
        """
        self._credentials = credentials
        self._count = count
        self._may_write = may_write
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._discovered: dict[tuple[str, str], kinds.Resource] = {}

    async def __aenter__(self) -> APIClient:
        connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": self._user_agent},
            auto_decompress=True,
            trace_configs=[_ask_before_sending()],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def open(self, request: Request, *, timeout: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give the answer as it comes.

        Raises TransientError when the server cannot be reached, the connection breaks, or the request may not be sent (any more).
        """
        if self._session is None:
            raise RuntimeError("the client is not open; use `async with`")
        headers = {"Accept": request.accept}
        if token := self._credentials.token():
            headers["Authorization"] = f"Bearer {token}"
        content: bytes | None = None
        if request.body is not None:
            content = request.body if isinstance(request.body, bytes) else json.dumps(request.body).encode()
            headers["Content-Type"] = request.content_type
        try:
            async with self._session.request(
                request.method,
                self._credentials.server + request.path,
                params=request.query or None,
                data=content,
                headers=headers,
                ssl=self._credentials.tls or True,
                timeout=timeout,
                trace_request_ctx=request.may_send or (None if request.method in READ_METHODS else self._may_write),
            ) as response:
                if self._count is not None:
                    target = api_paths.parse(request.path.partition("?")[0])
                    self._count(request.method, target.plural if target else "", response.status)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = str(error) or type(error).__name__
            raise errors.TransientError(f"{request.method} {request.path}: {what}") from error

    @asynccontextmanager
    async def websocket(self, path: str, protocols: Sequence[str]) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to a subresource such as `exec`; `path` carries the query, `protocols` are offered in that order.

        Raises APIError where the API server refuses it, TransientError where it cannot be reached.
        """
        if self._session is None:
            raise RuntimeError("the client is not open; use `async with`")
        token = self._credentials.token()
        try:
            async with self._session.ws_connect(
                self._credentials.server + path,
                protocols=tuple(protocols),
                headers={"Authorization": f"Bearer {token}"} if token else None,
                ssl=self._credentials.tls or True,
                max_msg_size=0,
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            raise errors.api_error(error.status, f"{path.partition('?')[0]}: {error.message}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.TransientError(f"{path.partition('?')[0]}: {error or type(error).__name__}") from error

    async def send(self, request: Request, *, seconds: float = REQUEST_SECONDS) -> tuple[int, str, bytes]:
        """Send a request; returns status, content type and body, whatever the status is."""
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        async with self.open(request, timeout=timeout) as response:
            return response.status, response.headers.get("Content-Type", ""), await response.read()

    async def request(self, request: Request, *, seconds: float = REQUEST_SECONDS) -> dict[str, Any]:
        """Send a request; returns the decoded body.

        Raises APIError (NotFound, Conflict, ...) for every status of 400 and more, TransientError as `open`.
        """
        status, _, body = await self.send(request, seconds=seconds)
        try:
            decoded = json.loads(body) if body else {}
        except ValueError:
            decoded = {"message": body.decode(errors="replace")[:500]}
        if status >= 400:
            error = errors.api_error(status, decoded)
            raise type(error)(f"{request.method} {request.path}: {error}", status=status, reason=error.reason)
        result: dict[str, Any] = decoded
        return result

    async def resource(self, api_version: str, kind: str) -> kinds.Resource:
        """How a kind is served.

        Raises NotFound where the API server does not serve it (yet).
        """
        key = (api_version, kind)
        found = kinds.RESOURCES.get(key) or self._discovered.get(key)
        if found is None:
            prefix = "/apis/" if "/" in api_version else "/api/"
            served = await self.request(Request(method="GET", path=prefix + api_version))
            for entry in served.get("resources") or []:
                if "/" not in entry["name"]:
                    self._discovered[(api_version, entry["kind"])] = kinds.Resource(
                        api_version, entry["kind"], entry["name"], namespaced=entry["namespaced"]
                    )
            found = self._discovered.get(key)
        if found is None:
            raise errors.NotFound(f"the API server does not serve {api_version} {kind}", status=404, reason="NotFound")
        return found

    async def path(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
    ) -> str:
        """The path of a kind's collection, of an object or of a subresource."""
        resource = await self.resource(api_version, kind)
        return resource.path(namespace=namespace, name=name, subresource=subresource)

    async def get(self, api_version: str, kind: str, *, namespace: str | None, name: str) -> dict[str, Any]:
        """One object; raises NotFound."""
        path = await self.path(api_version, kind, namespace=namespace, name=name)
        return await self.request(Request(method="GET", path=path))

    async def list(self, api_version: str, kind: str, selection: Selection | None = None) -> list[dict[str, Any]]:
        """The objects of a kind, page by page; each carries apiVersion and kind."""
        selection = selection or Selection()
        path = await self.path(api_version, kind, namespace=selection.namespace)
        found: list[dict[str, Any]] = []
        query = {**selection.query(), "limit": "500"}
        while True:
            page = await self.request(Request(method="GET", path=path, query=query))
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in page.get("items") or []]
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    async def create(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object; raises AlreadyExists."""
        path = await self.path(obj["apiVersion"], obj["kind"], namespace=obj["metadata"].get("namespace"))
        return await self.request(Request(method="POST", path=path, body=obj))

    async def update(self, obj: Mapping[str, Any], *, subresource: str | None = None) -> dict[str, Any]:
        """Replace an object (or its `status`); raises Conflict when its resourceVersion is not the stored one."""
        meta = obj["metadata"]
        path = await self.path(
            obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"], subresource=subresource
        )
        return await self.request(Request(method="PUT", path=path, body=obj))

    async def patch(
        self, obj: Mapping[str, Any], patch: Any, *, content_type: str = MERGE_PATCH, subresource: str | None = None
    ) -> dict[str, Any]:
        """Patch the object that `obj` names (apiVersion, kind, metadata)."""
        meta = obj["metadata"]
        path = await self.path(
            obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"], subresource=subresource
        )
        return await self.request(Request(method="PATCH", path=path, body=patch, content_type=content_type))

    async def delete(self, obj: Mapping[str, Any], *, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Delete the object that `obj` names."""
        meta = obj["metadata"]
        path = await self.path(obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"])
        return await self.request(Request(method="DELETE", path=path, body=options))

    async def watch(
        self, path: str, query: Mapping[str, str], *, inactivity: float, opened: Callable[[], None] = lambda: None
    ) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch until the server ends it; `inactivity` is the longest silence in seconds, `opened` is called when it begins.

        Raises APIError (Gone and others) for what the server refuses, Silence for a watch that was opened and then told nothing for that
        long, TransientError for a broken connection.
        """
        request = Request(method="GET", path=path, query={**query, "watch": "true"})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=inactivity)
        async with self.open(request, timeout=timeout) as response:
            if response.status >= 400:
                text = await response.text()
                raise errors.api_error(response.status, _decoded(text))
            opened()
            lines = _lines(response.content)
            while True:
                try:
                    line = await anext(lines, None)
                except TimeoutError as error:
                    raise Silence(f"GET {path}: nothing was told for {inactivity:g} s") from error
                if line is None:
                    return
                event: dict[str, Any] = json.loads(line)
                if event.get("type") == "ERROR":
                    status = event.get("object") or {}
                    raise errors.api_error(int(status.get("code") or 500), status)
                yield event


def _ask_before_sending() -> aiohttp.TraceConfig:
    """Ask the request's rule when a connection is there and its bytes are ready: between the answer and the system call nothing waits.

    A process that was stopped anywhere before, also while it connected, therefore finds out in time.
    """

    async def ask(_session: aiohttp.ClientSession, context: Any, _params: object) -> None:
        may_send: Callable[[], bool] | None = context.trace_request_ctx
        if may_send is not None and not may_send():
            raise _NotSent("this replica does not hold the lease; nothing was sent")

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(ask)
    config.on_request_chunk_sent.append(ask)
    return config


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The stream's lines, of any length up to the limit."""
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        while (end := rest.find(b"\n")) >= 0:
            line = bytes(rest[:end])
            del rest[: end + 1]
            if line.strip():
                yield line
        if len(rest) > WATCH_LINE_LIMIT:
            raise aiohttp.ClientPayloadError("an event of the watch is too long")
        await asyncio.sleep(0)
