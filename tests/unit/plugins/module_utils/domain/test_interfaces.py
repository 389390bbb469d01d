"""What a value of a network's field becomes, and what is refused. Whole domains are in tests/golden."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import interfaces


def vmi(pod: dict[str, Any] | None = None, **interface: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "a.example.org", "namespace": "ns", "uid": "u"},
        "spec": {
            "domain": {"devices": {"interfaces": [{"name": "default", "masquerade": {}, **interface}]}},
            "networks": [{"name": "default", "pod": pod or {}}],
        },
    }


@pytest.mark.parametrize(
    ("pod", "gateway", "guest", "gateway6", "guest6"),
    [
        ({}, "10.0.2.1/24", "10.0.2.2", "fd10:0:2::1/120", "fd10:0:2::2"),
        ({"vmNetworkCIDR": "10.7.0.0/30"}, "10.7.0.1/30", "10.7.0.2", "fd10:0:2::1/120", "fd10:0:2::2"),
        ({"vmIPv6NetworkCIDR": "fd20::/64"}, "10.0.2.1/24", "10.0.2.2", "fd20::1/64", "fd20::2"),
    ],
)
def test_networks_behind_masquerade(pod: dict[str, Any], gateway: str, guest: str, gateway6: str, guest6: str) -> None:
    (made,) = interfaces.pod_interfaces(vmi(pod))
    assert (made["gateway"], made["guest"], made["gateway6"], made["guest6"]) == (gateway, guest, gateway6, guest6)


@pytest.mark.parametrize(
    "pod",
    [
        {"vmNetworkCIDR": "10.7.0.1/24"},
        {"vmNetworkCIDR": "10.7.0.0/31"},
        {"vmNetworkCIDR": "fd20::/64"},
        {"vmIPv6NetworkCIDR": "10.7.0.0/24"},
        {"vmIPv6NetworkCIDR": "none"},
    ],
)
def test_network_that_is_none(pod: dict[str, str]) -> None:
    (field, value), *_ = pod.items()
    with pytest.raises(errors.InvalidObject, match=rf"pod\.{field} '{value}'") as caught:
        interfaces.pod_interfaces(vmi(pod))
    assert caught.value.field == field


def test_guest_is_told_the_first_label_of_its_name() -> None:
    (made,) = interfaces.pod_interfaces(vmi())
    assert made["told"]["hostname"] == "a"


@pytest.mark.parametrize("address", ["0000:81:01", "0000:zz:01.0", "81"])
def test_pci_address_that_is_none(address: str) -> None:
    with pytest.raises(errors.InvalidObject, match=r"interfaces\[0\]\.pciAddress '.*': not a PCI address"):
        interfaces.convert_interfaces(vmi(pciAddress=address))


def test_each_bridge_answers_from_an_address_of_its_own() -> None:
    machine = vmi()
    machine["spec"]["domain"]["devices"]["interfaces"] = [{"name": name, "bridge": {}} for name in ("a", "b")]
    machine["spec"]["networks"] = [{"name": name, "multus": {"networkName": name}} for name in ("a", "b")]
    first, second = interfaces.pod_interfaces(machine)
    assert (first["server"], second["server"]) == ("169.254.75.10", "169.254.75.11")
    assert first["mac"] != second["mac"]
