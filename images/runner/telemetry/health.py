"""/healthz, /readyz and /metrics on one port.

In: named checks, functions that return None or what is wrong. Out: 200 or 503 with one line per check. /healthz asks those whose failure only a
restart cures, /readyz all of them; a replica that waits for the lease is not ready and says "standby". Called by the runner and by virt-api.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

Check = Callable[[], str | None]


class Exposition(Protocol):
    """A process's metrics."""

    def render(self) -> bytes:
        """The exposition format's text."""


async def _nothing() -> None:
    """Nothing has to be read for a scrape."""


class Health:
    """The checks and the server."""

    def __init__(self, metrics: Exposition, refresh: Callable[[], Awaitable[None]] = _nothing) -> None:
        """`refresh` is awaited before each scrape."""
        self._metrics = metrics
        self._refresh = refresh
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    def add_live(self, name: str, check: Check) -> None:
        """A check for both /healthz and /readyz."""
        self._live[name] = check
        self._ready[name] = check

    def add_check(self, name: str, check: Check) -> None:
        """A check for /readyz."""
        self._ready[name] = check

    @staticmethod
    def _answer(checks: dict[str, Check]) -> web.Response:
        problems = {name: problem for name, check in checks.items() if (problem := check()) is not None}
        if list(problems) == ["leader"]:
            return web.Response(status=503, text="standby\n")
        lines = [f"{name}: {problems.get(name, 'ok')}" for name in checks]
        return web.Response(status=503 if problems else 200, text="\n".join(lines) + "\n")

    async def _healthz(self, _: web.Request) -> web.Response:
        return self._answer(self._live)

    async def _readyz(self, _: web.Request) -> web.Response:
        return self._answer(self._ready)

    async def _render(self, _: web.Request) -> web.Response:
        await self._refresh()
        return web.Response(
            body=self._metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def start(self, address: str) -> None:
        """Listen on `HOST:PORT` (`:8081` is every address; port 0 takes a free one)."""
        host, _, port = address.rpartition(":")
        app = web.Application()
        app.add_routes(
            [web.get("/healthz", self._healthz), web.get("/readyz", self._readyz), web.get("/metrics", self._render)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host or None, int(port))
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
