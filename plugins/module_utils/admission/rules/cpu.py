"""Rules for virtual CPUs: dedicated placement, NUMA, features, hot-plug."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, REQUIRED, Cause

_POLICIES = ("", "force", "require", "optional", "disable", "forbid")
_DEDICATED = ("domain", "cpu", "dedicatedCpuPlacement")
_PASSTHROUGH = ("domain", "cpu", "numa", "guestMappingPassthrough")


def virtual_cpus(cpu: Mapping[str, Any]) -> int:
    """How many virtual CPUs the topology has; 0 where it says nothing."""
    parts = [tree.count(cpu, name) for name in ("sockets", "cores", "threads")]
    if not any(parts):
        return 0
    total = 1
    for part in parts:
        total *= max(1, part)
    return total


class _Dedicated:
    """The amounts that the rules for dedicated CPUs compare."""

    def __init__(self, it: subject.Subject) -> None:
        requests, limits = (tree.section(it.domain, "resources", kind) for kind in ("requests", "limits"))
        self.request, self.limit = amounts.amount(requests, "cpu"), amounts.amount(limits, "cpu")
        self.memory_request, self.memory_limit = amounts.amount(requests, "memory"), amounts.amount(limits, "memory")
        memory = tree.section(it.domain, "memory")
        self.other_memory = tree.has(memory, "guest") or tree.has(memory, "hugepages")
        self.topology = Decimal(virtual_cpus(tree.section(it.domain, "cpu")))


def _dedicated_memory(it: subject.Subject, given: _Dedicated) -> Iterator[Cause]:
    request, limit = (it.at("domain", "resources", kind, "memory") for kind in ("requests", "limits"))
    if not (given.memory_request or given.memory_limit or given.other_memory):
        guest, pages = it.at("domain", "memory", "guest"), it.at("domain", "memory", "hugepages")
        yield Cause(it.at(*_DEDICATED), f"{request}, {limit}, {guest} or {pages} should be provided")
    if given.memory_request > 0 and given.memory_limit > 0 and given.memory_request != given.memory_limit:
        yield Cause(it.at(*_DEDICATED), f"{request} must be equal to {limit}")


def _dedicated_cpus(it: subject.Subject, given: _Dedicated) -> Iterator[Cause]:
    request, limit = (it.at("domain", "resources", kind, "cpu") for kind in ("requests", "limits"))
    field, cores = it.at(*_DEDICATED), it.at("domain", "cpu", "cores")
    for what, value in (("requests", given.request), ("limits", given.limit)):
        if value > 0 and value != amounts.whole(value):
            yield Cause(field, f"provided resources CPU {what} must be an interger")
    asked = amounts.whole(given.request), amounts.whole(given.limit)
    if not (given.request or given.limit or given.topology):
        yield Cause(
            field, f"either {request} or {limit} or {cores} must be provided when DedicatedCPUPlacement is true"
        )
    if given.request > 0 and given.limit > 0 and asked[0] != asked[1]:
        yield Cause(field, f"{request} or {limit} must be equal when DedicatedCPUPlacement is true")
    if (given.request > 0 or given.limit > 0) and given.topology and given.topology not in asked:
        yield Cause(
            field,
            f"{request} or {limit} must not be provided at the same time with {cores} when DedicatedCPUPlacement is true",
        )


def _dedicated(it: subject.Subject) -> Iterator[Cause]:
    cpu = tree.section(it.domain, "cpu")
    if cpu.get("dedicatedCpuPlacement") is not True:
        return
    given = _Dedicated(it)
    yield from _dedicated_memory(it, given)
    yield from _dedicated_cpus(it, given)
    threads, field = tree.count(cpu, "threads"), it.at("domain", "cpu", "threads")
    if threads > 2:
        yield Cause(
            field,
            f"Not more than two threads must be provided at {field} (got {threads}) when DedicatedCPUPlacement is true",
        )


def _numa(it: subject.Subject) -> Iterator[Cause]:
    cpu = tree.section(it.domain, "cpu")
    if not tree.has(tree.section(cpu, "numa"), "guestMappingPassthrough"):
        return
    field, dedicated, pages = it.at(*_PASSTHROUGH), it.at(*_DEDICATED), it.at("domain", "memory", "hugepages")
    if cpu.get("dedicatedCpuPlacement") is not True:
        yield Cause(field, f"{dedicated} must be set to true when NUMA topology strategy is set in {field}")
    if not tree.has(tree.section(it.domain, "memory"), "hugepages"):
        yield Cause(field, f"{pages} must be requested when NUMA topology strategy is set in {field}")


def _realtime(it: subject.Subject) -> Iterator[Cause]:
    cpu = tree.section(it.domain, "cpu")
    if not tree.has(cpu, "realtime"):
        return
    realtime = it.at("domain", "cpu", "realtime")
    if cpu.get("dedicatedCpuPlacement") is not True:
        yield Cause(it.at(*_DEDICATED), f"{it.at(*_DEDICATED)} must be set to true when {realtime} is used", REQUIRED)
    if not tree.has(tree.section(cpu, "numa"), "guestMappingPassthrough"):
        yield Cause(realtime, f"{it.at(*_PASSTHROUGH)} must be defined when {realtime} is used", REQUIRED)


def _isolated_emulator(it: subject.Subject) -> Iterator[Cause]:
    cpu = tree.section(it.domain, "cpu")
    if cpu.get("isolateEmulatorThread") is True and cpu.get("dedicatedCpuPlacement") is not True:
        yield Cause(
            it.at("domain", "cpu", "isolateEmulatorThread"),
            "IsolateEmulatorThread should be only set in combination with DedicatedCPUPlacement",
        )


def _features(it: subject.Subject) -> Iterator[Cause]:
    for index, feature in enumerate(tree.entries(it.domain, "cpu", "features")):
        policy = tree.text(feature, "policy")
        if policy not in _POLICIES:
            yield Cause(
                it.at("domain", "cpu", "features", index, "policy"),
                f"CPU feature {tree.text(feature, 'name')} uses policy {policy} that is not supported.",
                NOT_SUPPORTED,
            )


def _sockets(it: subject.Subject) -> Iterator[Cause]:
    cpu = tree.section(it.domain, "cpu")
    if 0 < tree.count(cpu, "maxSockets") < tree.count(cpu, "sockets"):
        yield Cause(
            it.at("domain", "cpu", "maxSockets"),
            "Number of sockets in CPU topology is greater than the maximum sockets allowed",
        )


#: what needs no other part of the spec
PARTIAL: tuple[subject.Rule, ...] = (_features, _sockets)
RULES: tuple[subject.Rule, ...] = (_dedicated, _numa, _realtime, _isolated_emulator, _features, _sockets)
