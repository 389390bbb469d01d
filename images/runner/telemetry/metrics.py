"""The runner's Prometheus metrics, under ansible-operator's and controller-runtime's names where these exist.

In: what happened. Out: the text of /metrics. Called by `reconciler.py`, the watchers and `health.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import prometheus_client as prometheus

from . import created_metrics, queue_metrics

LOG = logging.getLogger("runner.metrics")

SECONDS = queue_metrics.SECONDS
# Plays may ask for any path and name any action: what comes after so many different ones is counted together.
LABEL_VALUES = 200
OTHER = "other"


# How long a scrape waits for what is read only then; Prometheus itself gives up after 10 s.
REFRESH_SECONDS = 6.0


class Collector(Protocol):
    """Series that are made when they are asked for."""

    def collect(self) -> Iterable[prometheus.Metric]:
        """The series."""


class Metrics:
    """All series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self._refreshers: list[Callable[[], Awaitable[None]]] = []
        self._resources: set[str] = set()
        self._actions: set[str] = set()
        self.reconciles = prometheus.Histogram(
            "ansible_operator_reconciles",
            "How long a reconciliation took, in seconds, from the decision to the end of its play.",
            ["GVK"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.results = prometheus.Gauge(  # ansible-operator counts with a gauge, and dashboards ask for its name
            "ansible_operator_reconcile_result",
            "Reconciliations by how they ended: unchanged, waiting, status, succeeded, failed, gone.",
            ["GVK", "result"],
            registry=self.registry,
        )
        self.created = created_metrics.CreatedMetrics()
        self.registry.register(self.created)
        prometheus.ProcessCollector(registry=self.registry)
        self.queue = queue_metrics.QueueMetrics(self.registry)
        self.plays = prometheus.Histogram(
            "playvirt_runner_play_duration_seconds",
            "How long a play took in its worker, by how it ended: ok, failed, cancelled.",
            ["GVK", "result"],
            buckets=SECONDS,
            registry=self.registry,
        )
        build = prometheus.Gauge(
            "ansible_operator_build_info", "Always 1; what runs.", ["commit", "version"], registry=self.registry
        )
        build.labels(os.environ.get("PLAYVIRT_COMMIT", "unknown"), os.environ.get("PLAYVIRT_VERSION", "unknown")).set(1)
        self.tasks = prometheus.Histogram(
            "playvirt_runner_task_duration_seconds",
            "How long one task of a role took.",
            ["action", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.first_task = prometheus.Histogram(
            "playvirt_runner_event_to_task_seconds",
            "From the event that asked for a play to the end of its first task.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.watch_events = prometheus.Counter(
            "playvirt_runner_watch_events",
            "Watch events, lists and interruptions.",
            ["kind", "what"],
            registry=self.registry,
        )

        self.requests = prometheus.Counter(
            "rest_client_requests",
            "Requests to the API server, by method, resource and HTTP status.",
            ["method", "resource", "code"],
            registry=self.registry,
        )

    def count_request(self, method: str, plural: str, code: int) -> None:
        """Count one request to the API server; no plural where it was about no resource."""
        resource = self._bounded(self._resources, plural or OTHER)
        self.requests.labels(method, resource, str(code)).inc()

    def observe_task(self, action: str, status: str, seconds: float) -> None:
        """Note one task of a role."""
        self.tasks.labels(self._bounded(self._actions, action), status).observe(seconds)

    @staticmethod
    def _bounded(known: set[str], value: str) -> str:
        """The value, or `other` where there are too many different ones."""
        if value not in known and len(known) >= LABEL_VALUES:
            return OTHER
        known.add(value)
        return value

    def gauge(self, name: str, text: str, value: Callable[[], float], /, **labels: str) -> None:
        """A gauge that is read when the metrics are."""
        made = prometheus.Gauge(name, text, list(labels), registry=self.registry)
        (made.labels(**labels) if labels else made).set_function(value)

    def count_watch(self, kind: str, what: str) -> None:
        """Count something that happened to a watch."""
        self.watch_events.labels(kind, what).inc()

    def add_collector(self, collector: Collector, refresh: Callable[[], Awaitable[None]]) -> None:
        """Take series of a service; `refresh` is awaited before a scrape, and brings what `collect` then tells up to date."""
        self.registry.register(collector)
        self._refreshers.append(refresh)

    async def refresh(self) -> None:
        """Bring everything up to date that is read only for a scrape; what fails or takes too long stays as it was."""
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                for refresh in self._refreshers:
                    await refresh()
        except Exception as error:
            LOG.warning("metrics are not fresh: %s", str(error) or type(error).__name__)

    def render(self) -> bytes:
        """The exposition format's text."""
        return prometheus.generate_latest(self.registry)
