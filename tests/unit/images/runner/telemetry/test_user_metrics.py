"""Metrics that roles keep: each kind, and what is refused."""

from __future__ import annotations

from typing import Any

import prometheus_client as prometheus
import pytest
from ansible_collections.playvirt.core.images.runner.telemetry import user_metrics
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Scene:
    """A registry and the route."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.metrics = user_metrics.UserMetrics(self.registry)

    async def tell(self, name: str, **kind: Any) -> None:
        assert await self.metrics.answer({"body": {"name": name, "description": "d", **kind}}) == (200, {})

    def value(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


async def test_every_kind_changes() -> None:
    s = Scene()
    await s.tell("jobs", counter={})
    assert s.value("jobs_total") == 0.0
    await s.tell("jobs", counter={"increment": True})
    await s.tell("jobs", counter={"add": 2.5})
    assert s.value("jobs_total") == 3.5
    await s.tell("level", gauge={"set": 0.0})
    await s.tell("level", gauge={"add": 5})
    await s.tell("level", gauge={"subtract": 2})
    await s.tell("level", gauge={"decrement": True})
    assert s.value("level") == 2.0
    await s.tell("level", gauge={"set_to_current_time": True})
    assert (s.value("level") or 0) > 1e9
    await s.tell("size", histogram={"observe": 3})
    await s.tell("took", summary={"observe": 4})
    assert (s.value("size_sum"), s.value("took_sum"), s.value("took_count")) == (3.0, 4.0, 1.0)


async def test_what_is_refused() -> None:
    s = Scene()
    await s.tell("jobs", counter={})
    for body, told in (
        (None, "must be a mapping"),
        ({"name": "n"}, "one of counter, gauge"),
        ({"name": "n", "counter": {}, "gauge": {}}, "one of counter, gauge"),
        ({"name": "jobs", "gauge": {}}, "'jobs' is a counter, not a gauge"),
        ({"name": "jobs", "counter": {"add": -1}}, "cannot go down"),
        ({"name": "not a name", "counter": {}}, "not a name"),
        ({"name": "jobs_total", "counter": {}}, "Duplicated timeseries"),
    ):
        with pytest.raises(errors.InvalidObject, match=told):
            await s.metrics.answer({"body": body})


async def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_metrics, "LIMIT", 1)
    s = Scene()
    await s.tell("one", gauge={})
    with pytest.raises(errors.InvalidObject, match="use fewer names"):
        await s.tell("two", gauge={})
