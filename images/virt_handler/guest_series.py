"""libvirt's statistics of guests as Prometheus series, under KubeVirt's names. Pure.

In: for each guest its namespace, its name and libvirt's flat parameters, which come from a launcher and may hold anything. Out: families of series with
labels node, namespace and name, and interface, drive, or id and state. A parameter that is missing or no plain number makes no series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import core

_NANOSECOND, _KIBIBYTE = 1e-9, 1024.0
_COMMON = ("node", "namespace", "name")
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_LARGEST = 2**64
_MOST = {"net": 64, "block": 256, "vcpu": 512}
_VCPU_STATES = {0: "offline", 1: "running", 2: "blocked"}

Statistics = Mapping[str, int | str]


@dataclass(frozen=True)
class Series:
    """A family: its name without `_total`, whether it only rises, libvirt's parameter, and the factor to its unit."""

    name: str
    rises: bool
    parameter: str
    factor: float = 1.0


def _counter(name: str, parameter: str, factor: float = 1.0) -> Series:
    return Series(f"kubevirt_vmi_{name}", True, parameter, factor)


def _gauge(name: str, parameter: str, factor: float = 1.0) -> Series:
    return Series(f"kubevirt_vmi_{name}", False, parameter, factor)


OF_GUEST = (
    _counter("cpu_usage_seconds", "cpu.time", _NANOSECOND),
    _counter("cpu_user_usage_seconds", "cpu.user", _NANOSECOND),
    _counter("cpu_system_usage_seconds", "cpu.system", _NANOSECOND),
    _gauge("memory_resident_bytes", "balloon.rss", _KIBIBYTE),
    _gauge("memory_domain_bytes", "balloon.maximum", _KIBIBYTE),
    _gauge("memory_actual_balloon_bytes", "balloon.current", _KIBIBYTE),
    _gauge("memory_available_bytes", "balloon.available", _KIBIBYTE),
    _gauge("memory_unused_bytes", "balloon.unused", _KIBIBYTE),
    _gauge("memory_usable_bytes", "balloon.usable", _KIBIBYTE),
    _gauge("memory_cached_bytes", "balloon.disk_caches", _KIBIBYTE),
    _gauge("memory_swap_in_traffic_bytes", "balloon.swap_in", _KIBIBYTE),
    _gauge("memory_swap_out_traffic_bytes", "balloon.swap_out", _KIBIBYTE),
    _counter("memory_pgmajfault", "balloon.major_fault"),
    _counter("memory_pgminfault", "balloon.minor_fault"),
)
#: prefix of libvirt's parameters, the one that has the count, our label, and the series
OF_PARTS: tuple[tuple[str, str, str, tuple[Series, ...]], ...] = (
    (
        "net",
        "net.count",
        "interface",
        tuple(
            _counter(f"network_{ours}_{unit}", f"{direction}.{parameter}")
            for direction, ours in (("rx", "receive"), ("tx", "transmit"))
            for unit, parameter in (
                ("bytes", "bytes"),
                ("packets", "pkts"),
                ("errors", "errs"),
                ("packets_dropped", "drop"),
            )
        ),
    ),
    (
        "block",
        "block.count",
        "drive",
        (
            _counter("storage_iops_read", "rd.reqs"),
            _counter("storage_iops_write", "wr.reqs"),
            _counter("storage_read_traffic_bytes", "rd.bytes"),
            _counter("storage_write_traffic_bytes", "wr.bytes"),
            _counter("storage_read_times_seconds", "rd.times", _NANOSECOND),
            _counter("storage_write_times_seconds", "wr.times", _NANOSECOND),
            _counter("storage_flush_requests", "fl.reqs"),
            _counter("storage_flush_times_seconds", "fl.times", _NANOSECOND),
        ),
    ),
)
OF_CPUS = (
    _counter("vcpu_wait_seconds", "wait", _NANOSECOND),
    _counter("vcpu_delay_seconds", "delay", _NANOSECOND),
)
_USED = _gauge("memory_used_bytes", "")
_CPU_TIME = _counter("vcpu_seconds", "time", _NANOSECOND)


@dataclass(frozen=True)
class Guest:
    """Whose statistics they are."""

    node: str
    namespace: str
    name: str
    statistics: Statistics

    @property
    def labels(self) -> list[str]:
        """The values of the labels that every series has."""
        return [self.node, self.namespace, self.name]

    def number(self, parameter: str) -> int | None:
        """A parameter that is a plain number."""
        value = self.statistics.get(parameter)
        return value if isinstance(value, int) and 0 <= value < _LARGEST else None

    def count(self, prefix: str, parameter: str) -> range:
        """The indexes of a prefix."""
        return range(min(self.number(parameter) or 0, _MOST[prefix]))


class _Families:
    """Families as they grow."""

    def __init__(self) -> None:
        self._made: dict[str, core.CounterMetricFamily | core.GaugeMetricFamily] = {}

    def add(self, series: Series, labels: Mapping[str, str], value: float | None, guest: Guest) -> None:
        """One more sample, where there is a value."""
        if value is None:
            return
        family = self._made.get(series.name)
        if family is None:
            kind = core.CounterMetricFamily if series.rises else core.GaugeMetricFamily
            told = f"libvirt's {series.parameter or 'balloon.available less balloon.unused'} of a guest."
            family = self._made[series.name] = kind(series.name, told, labels=[*_COMMON, *labels])
        family.add_metric([*guest.labels, *labels.values()], value * series.factor)

    def __iter__(self) -> Iterator[core.Metric]:
        return iter(self._made.values())


def _add_parts(families: _Families, guest: Guest) -> None:
    for prefix, count, label, listed in OF_PARTS:
        for index in guest.count(prefix, count):
            name = guest.statistics.get(f"{prefix}.{index}.name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                continue
            for series in listed:
                families.add(series, {label: name}, guest.number(f"{prefix}.{index}.{series.parameter}"), guest)


def _add_cpus(families: _Families, guest: Guest) -> None:
    for index in guest.count("vcpu", "vcpu.maximum"):
        start = f"vcpu.{index}"
        state = _VCPU_STATES.get(guest.number(f"{start}.state") or 0, "unknown")
        families.add(_CPU_TIME, {"id": str(index), "state": state}, guest.number(f"{start}.time"), guest)
        for series in OF_CPUS:
            families.add(series, {"id": str(index)}, guest.number(f"{start}.{series.parameter}"), guest)


def render(guests: Iterable[Guest]) -> Iterator[core.Metric]:
    """The families of all guests."""
    families = _Families()
    for guest in guests:
        for series in OF_GUEST:
            families.add(series, {}, guest.number(series.parameter), guest)
        available, unused = guest.number("balloon.available"), guest.number("balloon.unused")
        if available is not None and unused is not None:
            families.add(_USED, {}, max(0, available - unused) * _KIBIBYTE, guest)
        _add_parts(families, guest)
        _add_cpus(families, guest)
    yield from families
