"""/metrics on a port of its own."""

from __future__ import annotations

import aiohttp
from ansible_collections.playvirt.core.images.runner.telemetry import metrics, metrics_server


async def test_the_metrics_are_served_where_asked_for() -> None:
    found = metrics.Metrics()
    found.count_watch("Widget", "list")
    server = metrics_server.MetricsServer(found)
    await server.start("127.0.0.1:0")
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{server.port}/metrics") as answer:
                assert answer.status == 200
                assert 'kind="Widget"' in await answer.text()
            async with session.get(f"http://127.0.0.1:{server.port}/healthz") as answer:
                assert answer.status == 404
    finally:
        await server.stop()


async def test_nothing_is_served_without_an_address() -> None:
    server = metrics_server.MetricsServer(metrics.Metrics())
    await server.start("")
    assert server.port == 0
    await server.stop()
