"""Rules for readiness and liveness probes."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

_HANDLERS = ("httpGet", "tcpSocket", "exec", "guestAgentPing")


def _probe(it: subject.Subject, name: str, *, on_pod_network: bool) -> Iterator[Cause]:
    probe, field = tree.section(it.spec, name), it.at(name)
    handlers = [handler for handler in _HANDLERS if tree.has(probe, handler)]
    if len(handlers) > 1:
        yield Cause(field, f"{field} must have exactly one probe type set")
    if not handlers:
        tcp, command, http = (tree.path(field, handler) for handler in ("tcpSocket", "exec", "httpGet"))
        yield Cause(field, f"either {tcp}, {command} or {http} must be set if a {field} is specified", REQUIRED)
    for handler in ("httpGet", "tcpSocket"):
        if handler in handlers and not on_pod_network:
            place = tree.path(field, handler)
            yield Cause(place, f"{place} is only allowed if the Pod Network is attached")


def _probes(it: subject.Subject) -> Iterator[Cause]:
    on_pod_network = any(tree.has(network, "pod") for network in tree.entries(it.spec, "networks"))
    for name in ("readinessProbe", "livenessProbe"):
        if tree.has(it.spec, name):
            yield from _probe(it, name, on_pod_network=on_pod_network)


RULES: tuple[subject.Rule, ...] = (_probes,)
