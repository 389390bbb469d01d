"""Rules for network interfaces: how each is bound, its addresses, ports, DHCP options and state."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import kube_names, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import (
    DUPLICATE,
    NOT_SUPPORTED,
    REQUIRED,
    Cause,
)

_BINDINGS = ("bridge", "masquerade", "sriov", "passtBinding", "binding")
_DISCONTINUED = {
    "slirp": "Slirp interface support has been discontinued since v1.3",
    "macvtap": "Macvtap interface support has been discontinued since v1.3",
    "passt": "Passt network binding has been discontinued since v1.3",
}
_MODELS = ("e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139", "virtio")
#: the address of the in-pod bridge's own end
_RESERVED_MAC = "02:00:00:00:00:00"
_MAC = re.compile("[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\\1)+[0-9A-Fa-f]{2}")
_PCI = re.compile("[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\\.[0-7]")
_MAC_BYTES = 6
_PRIVATE_OPTIONS = range(224, 255)

_Interface = Mapping[str, Any]


def _binding(it: subject.Subject, interface: _Interface, network: _Interface, field: str) -> Iterator[Cause]:
    on_pod = tree.has(network, "pod")
    name = tree.text(interface, "name")
    old = [kind for kind in _DISCONTINUED if tree.has(interface, kind)]
    yield from (Cause(tree.path(field, kind), _DISCONTINUED[kind], NOT_SUPPORTED) for kind in old)
    if not old and len([kind for kind in _BINDINGS if tree.has(interface, kind)]) != 1:
        yield Cause(field, f"logical {name} interface must have exactly one binding method or binding plugin")
    if tree.has(interface, "masquerade"):
        if not on_pod:
            yield Cause(tree.path(field, "masquerade"), "Masquerade interface only implemented with pod network")
        if tree.text(interface, "macAddress").lower().replace("-", ":") == _RESERVED_MAC:
            yield Cause(
                tree.path(field, "macAddress"),
                "The requested MAC address is reserved for the in-pod bridge. Please choose another one.",
            )
    if tree.has(interface, "bridge") and on_pod and not it.settings.bridge_on_pod_network:
        yield Cause(
            tree.path(field, "bridge"), "Bridge on pod network configuration is not enabled under kubevirt-config"
        )
    if tree.has(interface, "passtBinding"):
        place = tree.path(field, "passtBinding")
        if not it.settings.has_gate("PasstBinding"):
            yield Cause(place, "PasstBinding feature gate is not enabled")
        if not on_pod:
            yield Cause(place, "PasstBinding interface only implemented with pod network")


def _identity(interface: _Interface, field: str) -> Iterator[Cause]:
    name, model = tree.text(interface, "name"), tree.text(interface, "model")
    place = tree.path(field, "name")
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        yield Cause(
            place,
            "Network interface name can only contain alphabetical characters, numbers, dashes (-) or underscores (_)",
        )
    if model and model not in _MODELS:
        yield Cause(
            tree.path(field, "model"), f"interface {place} uses model {model} that is not supported.", NOT_SUPPORTED
        )
    mac, pci = tree.text(interface, "macAddress"), tree.text(interface, "pciAddress")
    if mac and not _MAC.fullmatch(mac):
        yield Cause(tree.path(field, "macAddress"), f"interface {place} has malformed MAC address ({mac}).")
    elif len(mac) > _MAC_BYTES * 3 - 1:
        yield Cause(tree.path(field, "macAddress"), f"interface {place} has MAC address ({mac}) that is too long.")
    if pci and not _PCI.fullmatch(pci):
        yield Cause(tree.path(field, "pciAddress"), f"interface {place} has malformed PCI address ({pci}).")


def _ports(interface: _Interface, field: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, port in enumerate(tree.entries(interface, "ports")):
        place, name, number = tree.path(field, "ports", index), tree.text(port, "name"), tree.count(port, "port")
        if name and name in seen:
            yield Cause(tree.path(place, "name"), f"Duplicate name of the port: {name}", DUPLICATE)
        if name and not kube_names.is_port_name(name):
            yield Cause(tree.path(place, "name"), f"Invalid name of the port: {name}")
        seen.add(name)
        if number == 0:
            yield Cause(place, "Port field is mandatory.", REQUIRED)
        elif not 0 < number < 65536:
            yield Cause(tree.path(place, "port"), "Port field must be in range 0 < x < 65536.")
        if tree.text(port, "protocol") not in ("", "TCP", "UDP"):
            yield Cause(tree.path(place, "protocol"), "Unknown protocol, only TCP or UDP allowed")


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _dhcp(interface: _Interface, field: str) -> Iterator[Cause]:
    options, place = tree.section(interface, "dhcpOptions"), tree.path(field, "dhcpOptions")
    private = [tree.count(entry, "option") for entry in tree.entries(options, "privateOptions")]
    if len(set(private)) < len(private):
        yield Cause(place, "Found Duplicates: you have provided duplicate DHCPPrivateOptions")
    if any(number not in _PRIVATE_OPTIONS for number in private):
        yield Cause(place, "provided DHCPPrivateOptions are out of range, must be in range 224 to 254")
    if options and tree.has(interface, "passtBinding"):
        yield Cause(
            place, "dhcpOptions have no effect with passtBinding: passt tells the guest its addresses", NOT_SUPPORTED
        )
    if not all(_is_ipv4(server) for server in tree.strings(options, "ntpServers")):
        yield Cause(tree.path(place, "ntpServers"), "NTP servers must be a list of valid IPv4 addresses.")


def _state(interface: _Interface, network: _Interface, field: str) -> Iterator[Cause]:
    state, name, place = tree.text(interface, "state"), tree.text(interface, "name"), tree.path(field, "state")
    if state not in ("", "up", "down", "absent"):
        yield Cause(place, f"logical {name} interface state value is unsupported: {state}")
    elif state in ("up", "down") and tree.has(interface, "sriov"):
        yield Cause(place, f'"{name}" interface\'s state "{state}" is not supported for SR-IOV NICs')
    elif state == "absent" and not tree.has(interface, "bridge"):
        yield Cause(place, f'"{name}" interface\'s state "{state}" is supported only for bridge binding')
    elif state == "absent" and (tree.has(network, "pod") or tree.section(network, "multus").get("default") is True):
        yield Cause(place, f'"{name}" interface\'s state "{state}" is not supported on default networks')


def _interfaces(it: subject.Subject) -> Iterator[Cause]:
    networks = {tree.text(network, "name"): network for network in tree.entries(it.spec, "networks")}
    for index, interface in enumerate(tree.entries(it.devices, "interfaces")):
        field, network = it.at("domain", "devices", "interfaces", index), networks.get(tree.text(interface, "name"), {})
        yield from _binding(it, interface, network, field)
        yield from _identity(interface, field)
        yield from _ports(interface, field)
        yield from _dhcp(interface, field)
        yield from _state(interface, network, field)


def _parts(it: subject.Subject) -> Iterator[Cause]:
    for index, interface in enumerate(tree.entries(it.devices, "interfaces")):
        field = it.at("domain", "devices", "interfaces", index)
        for rule in (_identity, _ports, _dhcp):
            yield from rule(interface, field)


#: what needs no other part of the spec
PARTIAL: tuple[subject.Rule, ...] = (_parts,)
RULES: tuple[subject.Rule, ...] = (_interfaces,)
