"""Metrics of an operator's own, which its roles keep through `operator_sdk.util.osdk_metric`.

In: requests on the gateway's socket or at `user_metrics_server.py`, {"name", "description", and one of "counter", "gauge", "histogram", "summary"}. Out:
series in the runner's /metrics. Called by `runner.py`, which adds the route.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import prometheus_client as prometheus
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

KINDS: Mapping[str, type[Any]] = {
    "counter": prometheus.Counter,
    "gauge": prometheus.Gauge,
    "histogram": prometheus.Histogram,
    "summary": prometheus.Summary,
}
#: a role that puts an object's name into a metric's name would fill the memory
LIMIT = 1000
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


class UserMetrics:
    """The metrics of one runner."""

    def __init__(self, registry: prometheus.CollectorRegistry) -> None:
        self._registry = registry
        self._known: dict[str, Any] = {}

    async def answer(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        """The route's handler; raises InvalidObject for what cannot be."""
        body = request["body"]
        if not isinstance(body, Mapping):
            raise errors.InvalidObject("the body must be a mapping with name, description and a kind of metric")
        kinds = [kind for kind in KINDS if isinstance(body.get(kind), Mapping)]
        if len(kinds) != 1 or not body.get("name"):
            raise errors.InvalidObject(f"a metric has a name and one of {', '.join(KINDS)}")
        metric = self._metric(kinds[0], str(body["name"]), str(body.get("description") or ""))
        # operator_sdk.util's own module sends what was not given as null.
        change = {name: value for name, value in body[kinds[0]].items() if value is not None}
        try:
            self._change(metric, change)
        except (TypeError, ValueError) as error:
            raise errors.InvalidObject(f"metric '{body['name']}': {error}") from error
        return 200, {}

    def _metric(self, kind: str, name: str, text: str) -> Any:
        known = self._known.get(name)
        if known is None:
            if not _NAME.fullmatch(name):
                raise errors.InvalidObject(f"metric '{name}': not a name of a metric")
            if len(self._known) >= LIMIT:
                raise errors.InvalidObject(f"there are {LIMIT} metrics already; use fewer names")
            try:
                known = self._known[name] = KINDS[kind](name, text, registry=self._registry)
            except ValueError as error:
                raise errors.InvalidObject(f"metric '{name}': {error}") from error
        if not isinstance(known, KINDS[kind]):
            raise errors.InvalidObject(f"metric '{name}' is a {type(known).__name__.lower()}, not a {kind}")
        return known

    @staticmethod
    def _change(metric: Any, change: Mapping[str, Any]) -> None:
        up = (1.0 if change.get("increment") else 0.0) + float(change.get("add") or 0.0)
        if isinstance(metric, prometheus.Histogram | prometheus.Summary):
            if "observe" in change:
                metric.observe(float(change["observe"]))
        elif isinstance(metric, prometheus.Gauge):
            if "set" in change:
                metric.set(float(change["set"]))
            if change.get("set_to_current_time"):
                metric.set(time.time())
            metric.inc(up - (1.0 if change.get("decrement") else 0.0) - float(change.get("subtract") or 0.0))
        elif up < 0:
            raise errors.InvalidObject("a counter cannot go down")
        else:
            metric.inc(up)
