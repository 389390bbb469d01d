"""Rules for readiness and liveness probes."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

_HANDLERS = ("httpGet", "tcpSocket", "exec", "guestAgentPing")


def _port_names(it: subject.Subject) -> set[str]:
    """The names that interfaces give to ports."""
    interfaces = tree.entries(it.domain, "devices", "interfaces")
    return {tree.text(port, "name") for interface in interfaces for port in tree.entries(interface, "ports")}


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
        port = tree.section(probe, handler).get("port")
        if isinstance(port, str) and not port.isdigit() and port not in _port_names(it):
            place = tree.path(field, handler, "port")
            yield Cause(place, f"{place} '{port}' names no port of an interface")
    if "exec" in handlers and not tree.strings(probe, "exec", "command"):
        place = tree.path(field, "exec", "command")
        yield Cause(place, f"{place} is empty; write the program to run in the guest", REQUIRED)


def _probes(it: subject.Subject) -> Iterator[Cause]:
    on_pod_network = any(tree.has(network, "pod") for network in tree.entries(it.spec, "networks"))
    for name in ("readinessProbe", "livenessProbe"):
        if tree.has(it.spec, name):
            yield from _probe(it, name, on_pod_network=on_pod_network)


RULES: tuple[subject.Rule, ...] = (_probes,)
