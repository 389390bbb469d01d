"""What a VMI's status says of its interfaces, from the VMI, its pod, and Multus' annotation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import interface_status

VMI: dict[str, Any] = {
    "metadata": {"name": "a", "namespace": "ns", "uid": "u"},
    "spec": {
        "domain": {
            "devices": {
                "interfaces": [
                    {"name": "red", "bridge": {}, "state": "down"},
                    {"name": "default", "masquerade": {}, "macAddress": "02-AA-00-00-00-01"},
                ],
                "networkInterfaceMultiqueue": True,
            },
            "cpu": {"cores": 2},
        },
        "networks": [{"name": "red", "multus": {"networkName": "red"}}, {"name": "default", "pod": {}}],
    },
}


def pod(status: Any = None) -> dict[str, Any]:
    text = status if isinstance(status, str) else json.dumps(status)
    annotations = {} if status is None else {names.MULTUS_STATUS: text}
    return {"metadata": {"annotations": annotations}, "status": {"podIPs": [{"ip": "10.1.1.2"}, {"ip": "fd00::2"}]}}


def test_interface_with_the_pods_address_comes_first() -> None:
    first, second = interface_status.interfaces(VMI, pod())
    assert first == {
        "name": "default",
        "ipAddress": "10.1.1.2",
        "ipAddresses": ["10.1.1.2", "fd00::2"],
        "mac": "02:aa:00:00:00:01",
        "infoSource": "domain",
        "podInterfaceName": "eth0",
        "queueCount": 2,
        "linkState": "up",
    }
    assert (second["name"], second["linkState"], second["podInterfaceName"]) == ("red", "down", "podb1f51a511f1")
    assert "ipAddress" not in second


@pytest.mark.parametrize("interface", ["podb1f51a511f1", "net1"])
def test_multus_tells_addresses_and_the_name_of_the_pods_interface(interface: str) -> None:
    status = [
        {"name": "cbr0", "interface": "eth0", "default": True},
        {"name": "ns/red", "interface": interface, "ips": ["10.9.1.1"]},
    ]
    _, second = interface_status.interfaces(VMI, pod(status))
    assert (second["ipAddress"], second["podInterfaceName"]) == ("10.9.1.1", interface)
    assert second["infoSource"] == "domain, multus-status"


@pytest.mark.parametrize("status", ["{", '{"a": 1}', '["a"]', ""])
def test_annotation_that_makes_no_sense_says_nothing(status: str) -> None:
    assert interface_status.interfaces(VMI, pod(status)) == interface_status.interfaces(VMI, pod())


def test_interface_without_a_network_is_not_told() -> None:
    broken = {**VMI, "spec": {**VMI["spec"], "networks": []}}
    assert interface_status.interfaces(broken, pod()) == []
