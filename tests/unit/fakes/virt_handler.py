"""What surrounds virt-handler's services: a runner that keeps what they give it, and a launcher that speaks the launcher's protocol.

Stateful: the API server can be made to fail, pods can be added to the cache, and enqueued keys wait in a queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_handler import context as handler_context
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Client:
    """An API server with one node."""

    def __init__(self, node_name: str) -> None:
        self.node: dict[str, Any] = {"metadata": {"name": node_name, "labels": {}, "annotations": {}}}
        #: fails every read while it is set
        self.failure: errors.PlayvirtError | None = None
        #: fail the next requests, one each
        self.failures: list[errors.PlayvirtError] = []
        self.patched = asyncio.Event()

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def get(self, api_version: str, kind: str, *, namespace: str | None, name: str) -> dict[str, Any]:
        self._fail()
        if self.failure:
            raise self.failure
        assert (api_version, kind, namespace, name) == ("v1", "Node", None, self.node["metadata"]["name"])
        return self.node

    async def patch(self, obj: Mapping[str, Any], patch: Any) -> dict[str, Any]:
        self._fail()
        assert (obj["kind"], obj["metadata"]["name"]) == ("Node", self.node["metadata"]["name"])
        for part in ("labels", "annotations"):
            for name, value in patch["metadata"].get(part, {}).items():
                if value is None:
                    del self.node["metadata"][part][name]
                else:
                    self.node["metadata"][part][name] = value
        self.patched.set()
        return self.node


class Reader:
    """A cache with launcher pods."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.launcher: Callable[[str], dict[str, Any] | None] = lambda _: None

    def add_pod(self, uid: str, *, namespace: str, vmi_name: str, vmi_uid: str) -> None:
        owner = {"kind": "VirtualMachineInstance", "name": vmi_name, "uid": vmi_uid, "controller": True}
        self.pods.append({"metadata": {"namespace": namespace, "uid": uid, "ownerReferences": [owner]}})

    def list(
        self, api_version: str, kind: str, *, namespace: str | None = None, owner_uid: str | None = None
    ) -> list[dict[str, Any]]:
        assert (api_version, kind) == ("v1", "Pod")
        return [
            pod
            for pod in self.pods
            if pod["metadata"]["namespace"] == namespace and pod["metadata"]["ownerReferences"][0]["uid"] == owner_uid
        ]

    def register_launchers(self, launcher: Callable[[str], dict[str, Any] | None]) -> None:
        self.launcher = launcher


class Routes:
    """A gateway that is called by functions."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], handler_context.Handler] = {}

    def add_route(self, method: str, path_prefix: str, handler: handler_context.Handler) -> None:
        self.handlers[method, path_prefix] = handler

    async def request(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        handler = next(
            found for (verb, prefix), found in self.handlers.items() if verb == method and path.startswith(prefix)
        )
        return await handler({"method": method, "path": path, "query": {}, "body": body})


class Context:
    """A runner on node01."""

    def __init__(self) -> None:
        self.namespace, self.node_name = "playvirt", "node01"
        self.client, self.reader, self.routes = Client("node01"), Reader(), Routes()
        self.enqueued: asyncio.Queue[tuple[str, str, str, str]] = asyncio.Queue()
        self.collectors: list[tuple[handler_context.Collector, Callable[[], Awaitable[None]]]] = []
        self.checks: dict[str, Callable[[], str | None]] = {}

    def enqueue(self, kind: str, namespace: str, name: str, reason: str) -> None:
        self.enqueued.put_nowait((kind, namespace, name, reason))

    def add_collector(self, collector: handler_context.Collector, refresh: Callable[[], Awaitable[None]]) -> None:
        self.collectors.append((collector, refresh))

    def add_check(self, name: str, check: Callable[[], str | None]) -> None:
        self.checks[name] = check


class Launcher:
    """The launcher's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, path: str) -> Launcher:
        return cls(*await asyncio.open_unix_connection(path))

    def send(self, message: object) -> None:
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def send_bytes(self, line: bytes) -> None:
        self._writer.write(line)

    def hello(self, namespace: str = "default", name: str = "vm", uid: str = "aaaa") -> None:
        self.send({"hello": {"version": 1, "namespace": namespace, "name": name, "uid": uid}})

    def report(self, state: str, reason: str = "") -> None:
        self.send({"domain": {"state": state, "reason": reason}})

    async def receive(self) -> dict[str, Any] | None:
        """The handler's next message, None when it has hung up."""
        try:
            line = await self._reader.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    async def receive_request(self) -> dict[str, Any]:
        """The next message that is not a renewal."""
        while (message := await self.receive()) is not None:
            if "renew" not in message:
                return message
        raise AssertionError("the handler has hung up")

    async def closed(self) -> None:
        """Return when the handler has hung up."""
        while await self.receive() is not None:
            pass

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
