"""The runner's Prometheus metrics, under ansible-operator's and controller-runtime's names where these exist.

In: what happened. Out: the text of /metrics. Called by `reconciler.py`, the watchers and `health.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import prometheus_client as prometheus

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


class Metrics:
    """All series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.reconciles = prometheus.Histogram(
            "ansible_operator_reconciles",
            "How long a reconciliation took, in seconds, from the decision to the end of its play.",
            ["GVK"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.results = prometheus.Counter(
            "ansible_operator_reconcile_result",
            "Reconciliations by how they ended: unchanged, waiting, status, succeeded, failed, gone.",
            ["GVK", "result"],
            registry=self.registry,
        )
        self.waited = prometheus.Histogram(
            "workqueue_queue_duration_seconds",
            "How long a key waited in the queue.",
            ["name"],
            buckets=SECONDS,
            registry=self.registry,
        )
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

    def count_request(self, method: str, path: str, code: int) -> None:
        """Count one request to the API server."""
        self.requests.labels(method, resource_of(path), str(code)).inc()

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when the metrics are."""
        prometheus.Gauge(name, text, registry=self.registry).set_function(value)

    def count_watch(self, kind: str, what: str) -> None:
        """Count something that happened to a watch."""
        self.watch_events.labels(kind, what).inc()

    def render(self) -> bytes:
        """The exposition format's text."""
        return prometheus.generate_latest(self.registry)


def resource_of(path: str) -> str:
    """The plural of the resource that a path of the API server is about, such as `pods`; `other` for none."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    rest = parts[3:] if parts[:1] == ["apis"] else parts[2:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return rest[0] if rest else "other"
