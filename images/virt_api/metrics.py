"""virt-api's Prometheus metrics.

In: what was asked and answered. Out: the text of /metrics. Called by the server and its watchers.
"""

from __future__ import annotations

import prometheus_client as prometheus
from ansible_collections.playvirt.core.plugins.module_utils.admission import judge

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "playvirt_api_webhook_requests",
            "Requests by webhook, kind of the object and outcome: allowed, refused, converted, malformed, failed.",
            ["webhook", "kind", "outcome"],
            registry=self.registry,
        )
        self._seconds = prometheus.Histogram(
            "playvirt_api_webhook_duration_seconds",
            "How long a request took, from its last byte to the answer.",
            ["webhook"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._site_rules = prometheus.Counter(
            "playvirt_api_site_rule_failures",
            "Site rules that failed or took too long.",
            ["rule"],
            registry=self.registry,
        )
        self._watch_events = prometheus.Counter(
            "playvirt_api_watch_events",
            "Watch events, lists and interruptions.",
            ["kind", "what"],
            registry=self.registry,
        )
        self.in_work = prometheus.Gauge("playvirt_api_requests_in_work", "Requests in work.", registry=self.registry)

    def count(self, webhook: str, kind: str, outcome: str, seconds: float) -> None:
        """One request that was answered; kinds that nobody judges are counted as one."""
        self._requests.labels(webhook, kind if kind in judge.VALIDATED else "other", outcome).inc()
        self._seconds.labels(webhook).observe(seconds)

    def count_site_rule(self, rule: str) -> None:
        """One failure of a site rule."""
        self._site_rules.labels(rule).inc()

    def count_watch(self, kind: str, what: str) -> None:
        """Something that happened to a watch."""
        self._watch_events.labels(kind, what).inc()

    async def refresh(self) -> None:
        """Every series is up to date at any time."""

    def render(self) -> bytes:
        """The exposition format's text."""
        return prometheus.generate_latest(self.registry)
