"""The HTTPS server: bodies in, answers out, and a way to stop that refuses nobody.

In: webhooks by name, a TLS context. Out: POST /validate, /mutate and /convert. A body that is no review gets a 4xx and a line of text: 415 for
another content type, 413 for more than MOST_BYTES, 408 for one that does not come, 400 for anything else. While it leaves, each answer asks its
client to connect anew, and idle connections are closed last.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from ansible_collections.playvirt.core.images.runner.telemetry import log
from ansible_collections.playvirt.core.plugins.module_utils.admission import review

from . import metrics as metrics_file
from . import webhooks

LOG = logging.getLogger("virt_api.server")
#: the API server takes objects of 3 MiB at most, and a review of an update has two
MOST_BYTES = 8 * 1024 * 1024
#: a whole page of a list comes to be converted at once
MOST_TO_CONVERT = 64 * 1024 * 1024
BODY_SECONDS = 8.0
#: longer than the API server keeps an idle connection (90 s), so that it is the client who closes
KEEPALIVE_SECONDS = 150.0
#: what is still to come of a body that is refused is read for so long, so that the client gets to its answer
LINGER_SECONDS = 1.0


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class Server:
    """Listens, answers, leaves."""

    def __init__(self, handlers: Mapping[str, webhooks.Webhook], metrics: metrics_file.Metrics) -> None:
        self._handlers = handlers
        self._metrics = metrics
        self._leaving = False
        self._runner: web.AppRunner | None = None
        self._in_work = 0
        self.port = 0

    def leaving(self) -> str | None:
        """For /readyz: no new requests should come any more."""
        return "leaving" if self._leaving else None

    async def start(self, address: str, context: ssl.SSLContext) -> None:
        """Listen on `HOST:PORT` (`:8443` is every address; port 0 takes a free one)."""
        host, _, port = address.rpartition(":")
        app = web.Application()
        app.add_routes([web.post(f"/{name}", self._handle) for name in self._handlers])
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=1.0,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host or None, int(port), ssl_context=context, backlog=1024).start()
        self.port = self._runner.addresses[0][1]

    async def leave(self, *, seconds: float, drain: float) -> None:
        """Stop: serve on for `seconds`, while clients hear that this replica goes, then wait up to `drain` for requests in work."""
        self._leaving = True
        await asyncio.sleep(seconds)
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        deadline = asyncio.get_running_loop().time() + drain
        while self._in_work and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await self._runner.cleanup()

    async def _handle(self, asked: web.Request) -> web.Response:
        self._in_work += 1
        self._metrics.in_work.inc()
        try:
            response = await self._answered(asked)
        finally:
            self._in_work -= 1
            self._metrics.in_work.dec()
        if self._leaving:
            response.force_close()
        return response

    async def _answered(self, asked: web.Request) -> web.Response:
        name, kind, outcome = asked.path.removeprefix("/"), "", "malformed"
        started = time.perf_counter()
        try:
            body = await self._body(asked)
            started = time.perf_counter()
            answer = await self._handlers[name](body)
            kind, outcome = answer.kind, answer.outcome
            return web.json_response(answer.body)
        except review.MalformedReview as error:
            return _refused(400, str(error))
        except RecursionError:
            return _refused(400, "the body is nested too deeply")
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, f"the body is larger than {_limit(asked)} bytes")
        except web.HTTPUnsupportedMediaType:
            return _refused(415, "send application/json")
        except TimeoutError:
            return _refused(408, f"the body did not come within {BODY_SECONDS:g} s")
        except ConnectionError:
            # Nobody is there to read it.
            return _refused(400, "the body was broken off")
        except asyncio.CancelledError:
            outcome = "failed"
            raise
        except Exception:
            # Whatever it is, it is ours; what was posted is not for the log.
            outcome = "failed"
            LOG.exception("request failed", extra=log.fields(webhook=name))
            return _refused(500, "virt-api failed; its log says more")
        finally:
            self._metrics.count(name, kind, outcome, time.perf_counter() - started)

    @staticmethod
    async def _body(asked: web.Request) -> Any:
        """The decoded body."""
        if asked.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        content, limit = bytearray(), _limit(asked)
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in asked.content.iter_any():
                content += chunk
                if len(content) > limit:
                    raise web.HTTPRequestEntityTooLarge(limit, len(content))
        try:
            return json.loads(content, parse_constant=_refuse_constant)
        except ValueError as error:
            raise review.MalformedReview("the body is no JSON") from error


def _limit(asked: web.Request) -> int:
    return MOST_TO_CONVERT if asked.path == "/convert" else MOST_BYTES


def _refused(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=text + "\n")
    # The rest of a body that was not read would be taken for the next request.
    response.force_close()
    return response
