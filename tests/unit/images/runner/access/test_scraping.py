"""Who may read guarded metrics: asked of an API server that knows two tokens, over TLS with a certificate of the process's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from ansible_collections.playvirt.core.images.runner.access import scraping
from ansible_collections.playvirt.core.images.runner.api import api_client, credentials, self_signed
from ansible_collections.playvirt.core.images.runner.telemetry import metrics, metrics_server

USERS: dict[str, dict[str, Any]] = {
    "scraper": {"username": "system:serviceaccount:monitoring:prometheus", "uid": "1", "groups": ["a"], "extra": {}},
    "other": {"username": "somebody"},
}


class Scene:
    """A guarded metrics server before an API server that answers reviews."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.now = 0.0
        self.away = False
        self.server: metrics_server.MetricsServer

    async def review(self, request: web.Request) -> web.Response:
        review = await request.json()
        self.asked.append(review)
        if self.away:
            return web.json_response({"kind": "Status", "message": "no", "reason": "Forbidden"}, status=403)
        if review["kind"] == "TokenReview":
            user = USERS.get(review["spec"]["token"])
            status: dict[str, Any] = {"authenticated": user is not None, "user": user or {}}
        else:
            status = {"allowed": review["spec"]["user"].endswith("prometheus")}
        return web.json_response({**review, "status": status}, status=201)

    async def get(self, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"https://127.0.0.1:{self.server.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=False) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    found = Scene()
    app = web.Application()
    for path in (scraping.TOKEN_REVIEWS, scraping.ACCESS_REVIEWS):
        app.router.add_post(path, found.review)
    api = web.AppRunner(app)
    await api.setup()
    await web.TCPSite(api, "127.0.0.1", 0).start()
    told = credentials.Credentials(f"http://127.0.0.1:{api.addresses[0][1]}", None, lambda: None)
    # A replica without the lease is asked for its metrics too.
    async with api_client.APIClient(told, may_write=lambda: False) as client:
        found.server = metrics_server.MetricsServer(
            metrics.Metrics(),
            tls=self_signed.server_context(),
            guard=scraping.ScrapeGuard(client, clock=lambda: found.now),
        )
        await found.server.start("127.0.0.1:0")
        try:
            yield found
        finally:
            await found.server.stop()
            await api.cleanup()


async def test_who_may_get_the_url_reads_the_metrics() -> None:
    async with scene() as s:
        status, text = await s.get("scraper")
        assert status == 200
        assert "ansible_operator_build_info" in text
        token, access = s.asked
        assert token["spec"] == {"token": "scraper"}
        assert access["spec"] == {
            "user": "system:serviceaccount:monitoring:prometheus",
            "uid": "1",
            "groups": ["a"],
            "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
        }


async def test_others_are_refused() -> None:
    async with scene() as s:
        assert await s.get() == (401, "send a bearer token\n")
        assert s.asked == []
        assert await s.get("unknown") == (401, "the token is not valid\n")
        assert await s.get("other") == (403, "RBAC does not allow to get the URL /metrics\n")


async def test_an_answer_counts_for_a_minute() -> None:
    async with scene() as s:
        assert [(await s.get("scraper"))[0] for _ in range(3)] == [200] * 3
        assert len(s.asked) == 2
        s.now, s.away = scraping.SECONDS + 1, True
        status, text = await s.get("scraper")
        assert (status, "cannot be asked" in text) == (503, True)
        s.away = False
        assert (await s.get("scraper"))[0] == 200
