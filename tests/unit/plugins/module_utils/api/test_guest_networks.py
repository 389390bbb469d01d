"""Names of devices on the guest's way through the pod, as KubeVirt has them, and which interfaces there are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, guest_networks

POD: dict[str, Any] = {"name": "default", "pod": {}}


def multus(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "multus": {"networkName": name, **more}}


def vmi(interfaces: list[dict[str, Any]], networks: list[dict[str, Any]], **devices: Any) -> dict[str, Any]:
    domain = {"devices": {"interfaces": interfaces, **devices}, "cpu": {"cores": 3}}
    return {"metadata": {"name": "a", "namespace": "ns", "uid": "u"}, "spec": {"domain": domain, "networks": networks}}


def names(found: guest_networks.Attachment) -> tuple[str, str, str, str]:
    return found.uplink, found.fallback, found.bridge, found.tap


def test_pod_network_is_eth0_and_another_one_has_a_hash_in_its_names() -> None:
    first, second = guest_networks.attachments(
        vmi([{"name": "default", "masquerade": {}}, {"name": "red", "bridge": {}}], [POD, multus("red")])
    )
    assert names(first) == ("eth0", "eth0", "k6t-eth0", "tap0")
    assert names(second) == ("podb1f51a511f1", "net1", "k6t-b1f51a511f1", "tapb1f51a511f1")
    assert max(map(len, names(second))) <= 15
    assert (first.binding, second.binding) == ("masquerade", "bridge")


def test_default_network_of_multus_takes_the_pod_networks_place() -> None:
    (found,) = guest_networks.attachments(vmi([{"name": "lan", "bridge": {}}], [multus("lan", default=True)]))
    assert (found.is_primary, found.tap) == (True, "tap0")


def test_absent_interface_is_not_there_and_does_not_count() -> None:
    listed = [{"name": "one", "bridge": {}, "state": "absent"}, {"name": "two", "bridge": {}}]
    (found,) = guest_networks.attachments(vmi(listed, [multus("one"), multus("two")]))
    assert (found.name, found.fallback, found.path) == ("two", "net1", "spec.domain.devices.interfaces[1]")


@pytest.mark.parametrize(
    ("attach", "count"), [({}, 1), ({"autoattachPodInterface": True}, 1), ({"autoattachPodInterface": False}, 0)]
)
def test_interface_where_none_is_listed(attach: dict[str, bool], count: int) -> None:
    found = guest_networks.attachments(vmi([], [], **attach))
    assert [attachment.binding for attachment in found] == ["masquerade"] * count


def test_interface_without_a_network() -> None:
    with pytest.raises(errors.InvalidObject, match=r"spec\.domain\.devices\.interfaces\[0\]\.name 'x' not found"):
        guest_networks.attachments(vmi([{"name": "x", "masquerade": {}}], [POD]))


def test_interface_without_a_binding() -> None:
    (found,) = guest_networks.attachments(vmi([{"name": "default"}], [POD]))
    with pytest.raises(errors.InvalidObject, match="'default' has none of masquerade, bridge and passtBinding"):
        assert found.binding


@pytest.mark.parametrize(
    ("interface", "wanted", "queues"),
    [
        ({"masquerade": {}}, True, 3),
        ({"bridge": {}, "model": "virtio"}, True, 3),
        ({"masquerade": {}}, False, 1),
        ({"masquerade": {}, "model": "e1000"}, True, 1),
        ({"passtBinding": {}}, True, 1),
    ],
)
def test_queues(interface: dict[str, Any], wanted: bool, queues: int) -> None:
    machine = vmi([{"name": "default", **interface}], [POD], networkInterfaceMultiqueue=wanted)
    (found,) = guest_networks.attachments(machine)
    assert guest_networks.queues(machine, found) == queues
