"""The runner's own counters."""

from __future__ import annotations

import asyncio

import prometheus_client as prometheus
import pytest
from ansible_collections.playvirt.core.images.runner.telemetry import metrics, queue_metrics


def test_requests_are_counted() -> None:
    own = metrics.Metrics()
    own.count_request("PUT", "pods", 409)
    own.count_request("GET", "", 200)
    assert b'rest_client_requests_total{code="409",method="PUT",resource="pods"} 1.0' in own.render()
    assert b'rest_client_requests_total{code="200",method="GET",resource="other"} 1.0' in own.render()


class Collector:
    """A service's series; `value` is what the last refresh read."""

    def __init__(self) -> None:
        self.value = 0
        self.failure: Exception | None = None
        self.released = asyncio.Event()
        self.released.set()

    def collect(self) -> list[prometheus.Metric]:
        return [prometheus.core.GaugeMetricFamily("guests", "Guests.", value=self.value)]

    async def refresh(self) -> None:
        await self.released.wait()
        if self.failure:
            raise self.failure
        self.value += 1


async def test_a_services_series_are_read_for_each_scrape() -> None:
    own, collector = metrics.Metrics(), Collector()
    own.add_collector(collector, collector.refresh)
    await own.refresh()
    await own.refresh()
    assert b"guests 2.0" in own.render()


async def test_a_service_that_fails_or_hangs_keeps_nobody_from_scraping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REFRESH_SECONDS", 0.01)
    own, collector = metrics.Metrics(), Collector()
    own.add_collector(collector, collector.refresh)
    await own.refresh()
    collector.failure = RuntimeError("broken")
    await own.refresh()
    collector.released.clear()
    await own.refresh()
    assert b"guests 1.0" in own.render()


class Queue:
    """Two keys of a controller that wait, one in work since second 40; another controller with nothing."""

    def waiting(self) -> list[str]:
        return ["a1", "a2"]

    def in_work(self) -> dict[str, float]:
        return {"a3": 40.0}


def test_a_queue_is_read_under_the_names_of_controller_runtime() -> None:
    own = metrics.Metrics()
    limits = {"a-controller": 3, "b-controller": 1}
    own.queue.watch(queue_metrics.Watched(Queue(), lambda key: f"{key[0]}-controller", limits, clock=lambda: 42.5))
    for _ in range(2):
        own.queue.added("a-controller")
    own.queue.began("a-controller", 0.2)
    for result, again in (("succeeded", False), ("succeeded", True), ("failed", False), ("conflict", False)):
        own.queue.ended("a-controller", result, 1.5, again=again)
    queue = {"name": "a-controller", "controller": "a-controller"}
    idle = {"name": "b-controller", "controller": "b-controller"}
    get = own.registry.get_sample_value
    assert (get("workqueue_depth", queue), get("workqueue_depth", idle)) == (2, 0)
    assert get("workqueue_adds_total", queue) == 2
    assert get("workqueue_retries_total", queue) == 2
    assert get("workqueue_queue_duration_seconds_sum", queue) == 0.2
    assert get("workqueue_work_duration_seconds_sum", queue) == 6.0
    assert get("workqueue_unfinished_work_seconds", queue) == 2.5
    assert get("workqueue_longest_running_processor_seconds", queue) == 2.5
    assert get("workqueue_longest_running_processor_seconds", idle) == 0
    for result, count in (("success", 1), ("requeue_after", 1), ("error", 1), ("requeue", 1)):
        assert get("controller_runtime_reconcile_total", {"controller": "a-controller", "result": result}) == count
    one = {"controller": "a-controller"}
    assert get("controller_runtime_reconcile_errors_total", one) == 1
    assert get("controller_runtime_reconcile_time_seconds_count", one) == 4
    assert get("controller_runtime_active_workers", one) == 1
    assert get("controller_runtime_max_concurrent_reconciles", one) == 3
    assert get("controller_runtime_max_concurrent_reconciles", {"controller": "b-controller"}) == 1


def test_what_plays_name_freely_does_not_grow_the_metrics_for_ever() -> None:
    own = metrics.Metrics()
    for number in range(3 * metrics.LABEL_VALUES):
        own.count_request("GET", f"things{number}", 404)
        own.observe_task(f"action{number}", "ok", 0.1)
    get = own.registry.get_sample_value
    assert get("rest_client_requests_total", {"method": "GET", "resource": "other", "code": "404"}) == 400
    assert get("rest_client_requests_total", {"method": "GET", "resource": "things0", "code": "404"}) == 1
    assert get("playvirt_runner_task_duration_seconds_count", {"action": "other", "status": "ok"}) == 400


def test_what_runs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYVIRT_VERSION", "1.2.3")
    monkeypatch.setenv("PLAYVIRT_COMMIT", "abc")
    labels = {"version": "1.2.3", "commit": "abc"}
    assert metrics.Metrics().registry.get_sample_value("ansible_operator_build_info", labels) == 1


def test_objects_are_told_with_the_time_of_their_creation() -> None:
    own = metrics.Metrics()
    for name in ("a", "b"):
        own.created.note(("example.com", "v1", "Widget", "ns", name), "2026-01-01T00:00:00Z")
    own.created.note(("example.com", "v1", "Widget", "ns", "c"), "")
    own.created.forget(("example.com", "v1", "Widget", "ns", "b"))
    own.created.forget(("example.com", "v1", "Widget", "ns", "never"))
    lines = [line for line in own.render().decode().splitlines() if line.startswith("resource_created_at_seconds")]
    labels = 'group="example.com",kind="Widget",name="a",namespace="ns",version="v1"'
    assert lines == [f"resource_created_at_seconds{{{labels}}} 1.7672256e+09"]


def test_a_gauge_may_have_labels_and_the_process_is_told() -> None:
    own = metrics.Metrics()
    own.gauge("leader_election_master_status", "1 while this replica leads.", lambda: 1, name="memcached")
    text = own.render()
    assert b'leader_election_master_status{name="memcached"} 1.0' in text
    assert b"process_resident_memory_bytes " in text
