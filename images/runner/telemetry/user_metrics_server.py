"""The server on loopback at which the `osdk_metric` of the operator_sdk.util that people install tells its metrics: ansible-operator has it at port 5050.

In: POST /metrics with the JSON of `user_metrics.py`. Out: 200, or 400 with the reason. Where the port is taken, the log says so and all else works: the
modules that come with the runner go through its socket. Called by `runner.py`, for watch lists that ansible-operator could run.
"""

from __future__ import annotations

import json
import logging

from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from . import log, user_metrics

LOG = logging.getLogger("runner.metrics")
HOST = "127.0.0.1"


class UserMetricsServer:
    """The server; `port` is the one that it got."""

    def __init__(self, metrics: user_metrics.UserMetrics) -> None:
        self._metrics = metrics
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on that port of loopback."""
        app = web.Application()
        app.add_routes([web.post("/metrics", self._answer)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError as error:
            LOG.warning("no server for the metrics of roles", extra=log.fields(port=port, error=str(error)))
            return
        self.port = self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            status, _ = await self._metrics.answer({"body": json.loads(await request.text())})
        except (ValueError, errors.InvalidObject) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=status)

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
