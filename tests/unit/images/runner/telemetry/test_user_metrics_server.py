"""The server for the metrics of roles: what operator_sdk.util's own module sends, what is refused, a port that is taken."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from ansible_collections.operator_sdk.util.plugins.modules import osdk_metric
from ansible_collections.playvirt.core.images.runner.telemetry import metrics, user_metrics, user_metrics_server
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

# With nothing given as null, as the module of others sends it.
GAUGE = {"set": 2.0, "increment": None, "decrement": None, "add": None, "subtract": None, "set_to_current_time": None}


class Scene:
    """The server on a free port."""

    def __init__(self) -> None:
        self.metrics = metrics.Metrics()
        self.server = user_metrics_server.UserMetricsServer(user_metrics.UserMetrics(self.metrics.registry))

    async def __aenter__(self) -> Scene:
        await self.server.start(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/metrics"

    async def post(self, body: Any) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.post(self.url, json=body) as answer:
            return answer.status, await answer.text()


async def test_what_the_module_of_others_sends_is_kept() -> None:
    async with Scene() as s:
        assert (await s.post({"name": "a_size", "description": "A size.", "gauge": GAUGE}))[0] == 200
        more = {**GAUGE, "set": None, "increment": True}
        assert (await s.post({"name": "a_size", "description": "A size.", "gauge": more}))[0] == 200
        assert b"a_size 3.0" in s.metrics.render()


async def test_what_cannot_be_is_refused_with_the_reason() -> None:
    async with Scene() as s:
        assert await s.post({"name": "a", "description": ""}) == (
            400,
            "a metric has a name and one of counter, gauge, histogram, summary\n",
        )
        status, text = await s.post({"name": "a", "description": "", "gauge": {"set": "much"}})
        assert (status, "could not convert" in text) == (400, True)
        async with aiohttp.ClientSession() as session:
            async with session.post(s.url, data=b"{") as answer:
                assert answer.status == 400
            async with session.get(s.url) as answer:
                assert answer.status == 405


async def test_a_port_that_is_taken_keeps_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    async with Scene() as s:
        second = Scene()
        await second.server.start(s.server.port)
        assert second.server.port == 0
        assert "no server for the metrics of roles" in [record.message for record in caplog.records]
        await second.server.stop()


async def test_our_module_tells_another_server_where_it_is_named() -> None:
    async with Scene() as s:
        given: dict[str, Any] = {"name": "told_total", "description": "d", "address": s.url}

        def tell(**change: Any) -> dict[str, Any]:
            return osdk_metric.run({**given, **change}, check_mode=False)

        assert (await asyncio.to_thread(tell, counter={"increment": True, "add": None}))["changed"] is False
        assert b"told_total 1.0" in s.metrics.render()
        with pytest.raises(errors.InvalidObject, match="metric told_total: a counter cannot go down"):
            await asyncio.to_thread(tell, counter={"add": -1.0})
