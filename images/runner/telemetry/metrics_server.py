"""/metrics on a port of its own, for those who scrape where ansible-operator's `--metrics-bind-address` says.

In: the metrics and HOST:PORT. Out: the exposition format. `health.py` serves the same on its port. Called by `runner.py`.
"""

from __future__ import annotations

from aiohttp import web

from . import metrics as metrics_file


class MetricsServer:
    """The server."""

    def __init__(self, metrics: metrics_file.Metrics) -> None:
        self._metrics = metrics
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
        await web.TCPSite(self._runner, host or None, int(port)).start()
        self.port = self._runner.addresses[0][1]

    async def _render(self, _: web.Request) -> web.Response:
        await self._metrics.refresh()
        content_type = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=self._metrics.render(), headers={"Content-Type": content_type})

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
