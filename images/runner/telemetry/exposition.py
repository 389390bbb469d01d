"""How metrics go out over HTTP, on whichever port.

In: a process's metrics. Out: a handler that answers with Prometheus' text format. Called by `health.py` and `metrics_server.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.Response]]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition(Protocol):
    """A process's metrics."""

    async def refresh(self) -> None:
        """Bring up to date what is read only for a scrape."""

    def render(self) -> bytes:
        """The text."""


def handler(metrics: Exposition) -> Handler:
    """Answers every request with the metrics of the moment."""

    async def answer(_: web.Request) -> web.Response:
        await metrics.refresh()
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    return answer
