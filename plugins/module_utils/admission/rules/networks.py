"""Rules for networks, and for their match with interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import DUPLICATE, REQUIRED, Cause


def _pod_network(it: subject.Subject) -> Iterator[Cause]:
    networks, field = tree.entries(it.spec, "networks"), it.at("networks")
    on_pod = [network for network in networks if tree.has(network, "pod")]
    default = [network for network in networks if tree.section(network, "multus").get("default") is True]
    if len(on_pod) > 1:
        interfaces = it.at("domain", "devices", "interfaces")
        yield Cause(field, f"more than one interface is connected to a pod network in {interfaces}", DUPLICATE)
    if len(default) > 1:
        yield Cause(field, "Multus CNI should only have one default network")
    if on_pod and default:
        yield Cause(field, "Pod network cannot be defined when Multus default network is defined")


def _each(it: subject.Subject) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, network in enumerate(tree.entries(it.spec, "networks")):
        field, name = it.at("networks", index), tree.text(network, "name")
        sources = [source for source in ("pod", "multus", "resourceClaim") if tree.has(network, source)]
        if not sources:
            yield Cause(field, "should have a network type", REQUIRED)
        if len(sources) > 1:
            yield Cause(field, "should have only one network type", REQUIRED)
        if "multus" in sources and not tree.text(tree.section(network, "multus"), "networkName"):
            yield Cause(field, "CNI delegating plugin must have a networkName", REQUIRED)
        if name in seen:
            yield Cause(
                tree.path(field, "name"),
                f'Network with name "{name}" already exists, every network must have a unique name',
                DUPLICATE,
            )
        seen.add(name)


def _ranges(it: subject.Subject) -> Iterator[Cause]:
    for index, network in enumerate(tree.entries(it.spec, "networks")):
        for name, version in (("vmNetworkCIDR", 4), ("vmIPv6NetworkCIDR", 6)):
            text = tree.text(tree.section(network, "pod"), name)
            if text and not _is_network(text, version):
                field = it.at("networks", index, "pod", name)
                yield Cause(field, f"{field} '{text}' has to be an IPv{version} network of 4 addresses at least")


def _is_network(text: str, version: int) -> bool:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    return network.version == version and network.num_addresses >= 4


def _matches(it: subject.Subject) -> Iterator[Cause]:
    networks, interfaces = tree.entries(it.spec, "networks"), tree.entries(it.devices, "interfaces")
    network_names = {tree.text(network, "name") for network in networks}
    interface_names = {tree.text(interface, "name") for interface in interfaces}
    for index, network in enumerate(networks):
        name, field = tree.text(network, "name"), it.at("networks", index, "name")
        if name not in interface_names:
            yield Cause(field, f"{field} '{name}' not found.", REQUIRED)
    seen: set[str] = set()
    for index, interface in enumerate(interfaces):
        name, field = tree.text(interface, "name"), it.at("domain", "devices", "interfaces", index, "name")
        if name not in network_names:
            yield Cause(field, f"{field} '{name}' not found.")
        if name in seen:
            yield Cause(field, "Only one interface can be connected to one specific network", DUPLICATE)
        seen.add(name)


RULES: tuple[subject.Rule, ...] = (_pod_network, _each, _ranges, _matches)
