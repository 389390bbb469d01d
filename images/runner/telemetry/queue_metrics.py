"""The work queue's and the controllers' metrics, under the names of client-go and controller-runtime, which dashboards for operators know.

In: what happens to keys, told by the queue and the reconciler, and the queue itself, which is looked at when the metrics are read. Out: series
by controller (`widget-v1-controller`): a handful for each watched kind, whatever the number of objects. Called by `metrics.py`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import prometheus_client as prometheus
from prometheus_client import core
from prometheus_client import registry as prometheus_registry

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)
#: how a turn ended -> controller-runtime's `result`
RESULTS = {"failed": "error", "conflict": "requeue"}


class Queue(Protocol):
    """What is read of a work queue: the keys that wait, and since when others are in work (seconds of the monotonic clock)."""

    def waiting(self) -> list[Any]:
        """The keys that wait for their turn."""
        ...

    def in_work(self) -> Mapping[Any, float]:
        """The keys in work, each with the beginning of its turn."""
        ...


@dataclass(frozen=True)
class Watched:
    """A queue, the controller of each of its keys, and how many turns of each controller may run at a time."""

    queue: Queue
    controller: Callable[[Any], str]
    limits: Mapping[str, int]
    clock: Callable[[], float] = time.monotonic


class QueueMetrics:
    """The series that are counted as things happen."""

    def __init__(self, registry: prometheus.CollectorRegistry) -> None:
        self._registry = registry
        queue, controller = ["name", "controller"], ["controller"]
        self._adds = prometheus.Counter("workqueue_adds", "Keys that were added.", queue, registry=registry)
        self._retries = prometheus.Counter("workqueue_retries", "Keys to be tried again.", queue, registry=registry)
        self._waited = prometheus.Histogram(
            "workqueue_queue_duration_seconds", "How long a key waited.", queue, buckets=SECONDS, registry=registry
        )
        self._worked = prometheus.Histogram(
            "workqueue_work_duration_seconds", "How long its turn took.", queue, buckets=SECONDS, registry=registry
        )
        self._total = prometheus.Counter(
            "controller_runtime_reconcile", "Reconciliations.", ["controller", "result"], registry=registry
        )
        self._errors = prometheus.Counter(
            "controller_runtime_reconcile_errors", "Reconciliations that failed.", controller, registry=registry
        )
        self._time = prometheus.Histogram(
            "controller_runtime_reconcile_time_seconds",
            "How long a reconciliation took, from its decision to the end of its play.",
            controller,
            buckets=SECONDS,
            registry=registry,
        )

    def added(self, controller: str) -> None:
        """A key was added that did not wait already."""
        self._adds.labels(controller, controller).inc()

    def began(self, controller: str, waited: float) -> None:
        """A turn began, after `waited` seconds."""
        self._waited.labels(controller, controller).observe(waited)

    def ended(self, controller: str, result: str, seconds: float, *, again: bool) -> None:
        """A turn ended; `again` says that it asked for another one at a later time."""
        self._worked.labels(controller, controller).observe(seconds)
        self._time.labels(controller).observe(seconds)
        told = RESULTS.get(result) or ("requeue_after" if again else "success")
        self._total.labels(controller, told).inc()
        if told == "error":
            self._errors.labels(controller).inc()
        if told in ("error", "requeue"):
            self._retries.labels(controller, controller).inc()

    def watch(self, watched: Watched) -> None:
        """Read a queue whenever the metrics are read; once."""
        self._registry.register(_Collector(watched))


class _Collector(prometheus_registry.Collector):
    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def collect(self) -> Iterator[core.Metric]:
        """The gauges of the moment, for every controller, also where there is nothing."""
        watched = self._watched
        now, controllers = watched.clock(), sorted(watched.limits)
        waiting = Counter(watched.controller(key) for key in watched.queue.waiting())
        since: dict[str, list[float]] = {controller: [] for controller in controllers}
        for key, began in watched.queue.in_work().items():
            since[watched.controller(key)].append(now - began)
        by_queue: list[tuple[str, str, Callable[[str], float]]] = [
            ("workqueue_depth", "Keys that wait.", lambda name: waiting[name]),
            ("workqueue_unfinished_work_seconds", "Seconds of work in progress.", lambda name: sum(since[name])),
            (
                "workqueue_longest_running_processor_seconds",
                "The longest turn in work.",
                lambda name: max(since[name], default=0.0),
            ),
        ]
        for metric, text, value in by_queue:
            family = core.GaugeMetricFamily(metric, text, labels=["name", "controller"])
            for name in controllers:
                family.add_metric([name, name], value(name))
            yield family
        active = core.GaugeMetricFamily("controller_runtime_active_workers", "Turns in work.", labels=["controller"])
        limit = core.GaugeMetricFamily(
            "controller_runtime_max_concurrent_reconciles", "Plays at a time, at most.", labels=["controller"]
        )
        for name in controllers:
            active.add_metric([name], len(since[name]))
            limit.add_metric([name], watched.limits[name])
        yield active
        yield limit
