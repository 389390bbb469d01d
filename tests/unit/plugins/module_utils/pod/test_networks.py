"""What a launcher pod asks Multus for. Whole pods are in tests/golden."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, names
from ansible_collections.playvirt.core.plugins.module_utils.pod import networks


def vmi(network: dict[str, Any], *, written: str = "", **interface: Any) -> dict[str, Any]:
    annotations = {names.MULTUS_NETWORKS: written} if written else {}
    return {
        "metadata": {"name": "a", "namespace": "ns", "uid": "u", "annotations": annotations},
        "spec": {
            "domain": {"devices": {"interfaces": [{"name": "red", "bridge": {}, **interface}]}},
            "networks": [{"name": "red", **network}],
        },
    }


def asked(machine: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(networks.multus_annotations(machine)[names.MULTUS_NETWORKS])
    return found


@pytest.mark.parametrize(("name", "namespace"), [("blue", "ns"), ("lab/blue", "lab")])
def test_network_is_asked_for_under_its_hash(name: str, namespace: str) -> None:
    (entry,) = asked(vmi({"multus": {"networkName": name}}))
    assert entry == {"name": "blue", "namespace": namespace, "interface": "podb1f51a511f1"}


def test_written_hardware_address_is_asked_for_as_linux_writes_it() -> None:
    (entry,) = asked(vmi({"multus": {"networkName": "blue"}}, macAddress="02-AA-00-00-00-01"))
    assert entry["mac"] == "02:aa:00:00:00:01"


def test_default_network_has_an_annotation_of_its_own() -> None:
    found = networks.multus_annotations(vmi({"multus": {"networkName": "blue", "default": True}}))
    assert found == {names.MULTUS_DEFAULT: "ns/blue"}


@pytest.mark.parametrize("network", [{"pod": {}}, {"multus": {"networkName": "blue"}}])
def test_nothing_is_asked_for_without_need(network: dict[str, Any]) -> None:
    state = {} if "pod" in network else {"state": "absent"}
    assert networks.multus_annotations(vmi(network, **state)) == {}


@pytest.mark.parametrize(
    "written",
    ['[{"name": "own", "namespace": "ns", "interface": "x0"}]', "own@x0", " ns/own@x0 , "],
    ids=["json", "short", "long"],
)
def test_what_the_vmi_asks_for_itself_stays(written: str) -> None:
    first, second = asked(vmi({"multus": {"networkName": "blue"}}, written=written))
    assert first == {"name": "own", "namespace": "ns", "interface": "x0"}
    assert second["name"] == "blue"


def test_broken_annotation_is_named() -> None:
    with pytest.raises(
        errors.InvalidObject, match=r"metadata\.annotations\[k8s\.v1\.cni\.cncf\.io/networks\]: not JSON"
    ):
        networks.multus_annotations(vmi({"multus": {"networkName": "blue"}}, written='[{"name": '))


def test_seccomp_profile_only_for_passt() -> None:
    assert networks.seccomp_profile(vmi({"pod": {}})) is None
    machine = vmi({"pod": {}})
    machine["spec"]["domain"]["devices"]["interfaces"] = [{"name": "red", "passtBinding": {}}]
    assert networks.seccomp_profile(machine) == {"type": "Localhost", "localhostProfile": "playvirt/passt.json"}
