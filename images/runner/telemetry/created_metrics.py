"""ansible-operator's metric of when each watched object was created: `resource_created_at_seconds`.

In: what the reconciler hears of objects. Out: a gauge for each that is there, read with the metrics. A series by object is what dashboards made for
ansible-operator count; kinds with a planner, of which there may be very many, have none. Called by `metrics.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from prometheus_client import core
from prometheus_client import registry as prometheus_registry

#: group, version, kind, namespace, name
Named = tuple[str, str, str, str, str]


class CreatedMetrics(prometheus_registry.Collector):
    """The objects of now."""

    def __init__(self) -> None:
        self._seconds: dict[Named, float] = {}

    def note(self, named: Named, stamp: str) -> None:
        """An object is there; `stamp` is its creationTimestamp."""
        if stamp:
            self._seconds[named] = metadata.parse_time(stamp).timestamp()

    def forget(self, named: Named) -> None:
        """It is gone."""
        self._seconds.pop(named, None)

    def collect(self) -> Iterator[core.Metric]:
        """A gauge for each."""
        family = core.GaugeMetricFamily(
            "resource_created_at_seconds",
            "When an object was created, in seconds since 1970.",
            labels=["group", "version", "kind", "namespace", "name"],
        )
        for named, seconds in self._seconds.items():
            family.add_metric(named, seconds)
        yield family
