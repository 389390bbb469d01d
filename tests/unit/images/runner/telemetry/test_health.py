"""/healthz, /readyz and /metrics over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from ansible_collections.playvirt.core.images.runner.telemetry import health, metrics


class Scene:
    """A health server, its problems, and a client."""

    def __init__(self, *, standby_ready: bool, with_metrics: bool) -> None:
        self.problems: dict[str, str | None] = {"engine": None, "leader": None, "watch": None}
        self.metrics = metrics.Metrics()
        self.health = health.Health(self.metrics if with_metrics else None, standby_ready=standby_ready)
        self.health.add_live("engine", lambda: self.problems["engine"])
        for name in ("leader", "watch"):
            self.health.add_check(name, lambda name=name: self.problems[name])  # type: ignore[misc]

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{self.health.port}{path}") as answer:
                return answer.status, await answer.text()


@asynccontextmanager
async def scene(*, standby_ready: bool = False, with_metrics: bool = True) -> AsyncIterator[Scene]:
    found = Scene(standby_ready=standby_ready, with_metrics=with_metrics)
    await found.health.start("127.0.0.1:0")
    try:
        yield found
    finally:
        await found.health.stop()


async def test_all_is_well() -> None:
    async with scene() as s:
        assert await s.get("/healthz") == (200, "engine: ok\n")
        assert await s.get("/readyz") == (200, "engine: ok\nleader: ok\nwatch: ok\n")


async def test_a_standby_is_alive_and_not_ready() -> None:
    async with scene() as s:
        s.problems["leader"] = "another replica holds the lease"
        assert await s.get("/readyz") == (503, "standby\n")
        assert (await s.get("/healthz"))[0] == 200


async def test_a_standby_that_is_to_be_ready_lets_a_rolling_update_go_on() -> None:
    async with scene(standby_ready=True) as s:
        s.problems["leader"] = "another replica holds the lease"
        assert await s.get("/readyz") == (200, "standby\n")
        s.problems["watch"] = "Pod: not listed yet"
        assert (await s.get("/readyz"))[0] == 503


async def test_one_check_can_be_asked() -> None:
    async with scene() as s:
        s.problems["watch"] = "Pod: not listed yet"
        assert await s.get("/healthz/ping") == (200, "ping: ok\n")
        assert (await s.get("/readyz/readyz"))[0] == 200
        assert await s.get("/readyz/watch") == (503, "watch: Pod: not listed yet\n")
        assert await s.get("/readyz/engine") == (200, "engine: ok\n")
        assert (await s.get("/healthz/watch"))[0] == 404


async def test_metrics_that_are_guarded_elsewhere_are_not_here() -> None:
    async with scene(with_metrics=False) as s:
        assert (await s.get("/metrics"))[0] == 404
        assert (await s.get("/readyz"))[0] == 200


async def test_problems_are_named() -> None:
    async with scene() as s:
        s.problems["watch"] = "Pod: not listed yet"
        assert await s.get("/readyz") == (503, "engine: ok\nleader: ok\nwatch: Pod: not listed yet\n")
        s.problems["engine"] = "restarting"
        assert (await s.get("/healthz"))[0] == 503


async def test_metrics_have_their_values() -> None:
    async with scene() as s:
        s.metrics.gauge("some_gauge", "Read with the metrics.", lambda: 7)
        s.metrics.count_watch("Pod", "added")
        s.metrics.results.labels("widgets", "succeeded").inc()
        _, text = await s.get("/metrics")
        assert "some_gauge 7.0" in text
        assert 'playvirt_runner_watch_events_total{kind="Pod",what="added"} 1.0' in text
        assert 'ansible_operator_reconcile_result{GVK="widgets",result="succeeded"} 1.0' in text
