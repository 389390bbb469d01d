"""/metrics on a port of its own, for those who scrape where ansible-operator's `--metrics-bind-address` says.

In: the metrics, HOST:PORT, and where asked for a TLS context and a guard that says why a request gets no answer. Out: the exposition format. `health.py`
serves the same on its port, unless it is to be guarded. Called by `runner.py`.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from . import exposition

#: answers a request that may not have the metrics; None where it may
Guard = Callable[[web.Request], Awaitable[web.Response | None]]


class MetricsServer:
    """The server."""

    def __init__(
        self, metrics: exposition.Exposition, *, tls: ssl.SSLContext | None = None, guard: Guard | None = None
    ) -> None:
        self._answer = exposition.handler(metrics)
        self._tls = tls
        self._guard = guard
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, address: str) -> None:
        """Listen on `HOST:PORT` (`:8443` is every address; port 0 takes a free one); nothing for an empty address."""
        if not address:
            return
        host, _, port = address.rpartition(":")
        app = web.Application()
        app.add_routes([web.get("/metrics", self._render)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host or None, int(port), ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]

    async def _render(self, request: web.Request) -> web.Response:
        refused = await self._guard(request) if self._guard is not None else None
        return refused or await self._answer(request)

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
