"""Which fields are acted on: exact paths, with list indexes, and nothing that the schema does not know."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import crds, support

ROOT = pathlib.Path(__file__).parents[5]
EXAMPLES = [
    document
    for file in sorted((ROOT / "examples").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
    if document["apiVersion"].startswith("kubevirt.io/")
]


def _vmi(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "spec": {"domain": {"devices": {}}, **spec},
    }


def _fields(obj: Mapping[str, Any]) -> list[str]:
    return [cause.field for cause in support.unsupported(obj)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["metadata"]["name"]))
def test_the_examples_use_only_what_is_acted_on(example: Mapping[str, Any]) -> None:
    assert support.unsupported(example) == []


def test_a_field_is_named_with_the_indexes_of_its_lists() -> None:
    data_volume = {"name": "two", "dataVolume": {"name": "data"}}
    disks = [{"name": "one", "disk": {"bus": "ide"}}, {"name": "two", "disk": {"pciAddress": "0:1"}}]
    vmi = _vmi(
        volumes=[{"name": "one", "emptyDisk": {"capacity": "1Gi"}}, data_volume], domain={"devices": {"disks": disks}}
    )
    assert sorted(_fields(vmi)) == [
        "spec.domain.devices.disks[0].disk.bus",
        "spec.domain.devices.disks[1].disk.pciAddress",
        "spec.volumes[1].dataVolume",
    ]


def test_messages_name_field_and_value_and_what_is_supported() -> None:
    vm = {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1", "spec": {"runStrategy": "Manual", "template": {}}}
    (cause,) = support.unsupported(vm)
    assert cause.field == "spec.runStrategy"
    assert cause.type == "FieldValueNotSupported"
    assert cause.message == (
        "spec.runStrategy 'Manual' is not supported by playvirt yet; supported: Always, Halted, Once"
    )
    (cause,) = support.unsupported(_vmi(resourceClaims=[{"name": "gpu"}]))
    assert (cause.field, cause.message) == (
        "spec.resourceClaims",
        "spec.resourceClaims is not supported by playvirt yet",
    )


def test_a_switch_may_be_set_to_what_it_is_anyway() -> None:
    devices = {"networkInterfaceMultiqueue": False, "autoattachVSOCK": True}
    vmi = _vmi(domain={"devices": devices, "features": {"acpi": {"enabled": True}, "apic": {}}})
    (cause,) = support.unsupported(vmi)
    assert cause.message == (
        "spec.domain.devices.autoattachVSOCK 'true' is not supported by playvirt yet; supported: false"
    )


def test_entries_of_a_list_are_judged_one_by_one() -> None:
    gates = {"developerConfiguration": {"featureGates": ["HostDisk", "Sidecar"]}}
    (cause,) = support.unsupported({"kind": "KubeVirt", "spec": {"configuration": gates}})
    assert cause.message == (
        "spec.configuration.developerConfiguration.featureGates[1] 'Sidecar' is not supported by playvirt yet; supported: HostDisk"
    )


@pytest.mark.parametrize(
    "said", [{"affinity": None}, {"accessCredentials": []}, {"affinity": {}}, {"dnsConfig": {}}, {"networks": None}]
)
def test_what_says_nothing_is_not_refused(said: dict[str, Any]) -> None:
    assert support.unsupported(_vmi(**said)) == []


def test_an_empty_object_that_asks_for_a_device_is_refused() -> None:
    assert _fields(_vmi(domain={"devices": {"clientPassthrough": {}, "rng": {}}})) == [
        "spec.domain.devices.clientPassthrough"
    ]


def test_networks_are_acted_on_but_for_devices_out_of_claims_and_ranges_of_ports() -> None:
    interfaces = [
        {"name": "a", "masquerade": {}, "state": "down", "portRanges": [{"start": 1, "end": 2, "protocol": "TCP"}]},
        {"name": "b", "bridge": {}, "bootOrder": 1, "pciAddress": "0000:81:01.0", "acpiIndex": 7, "tag": "t"},
        {"name": "c", "sriov": {}},
    ]
    networks = [
        {"name": "a", "pod": {"vmNetworkCIDR": "10.1.0.0/24"}},
        {"name": "b", "multus": {"networkName": "n"}},
        {"name": "c", "resourceClaim": {"claimName": "x"}},
    ]
    vmi = _vmi(domain={"devices": {"interfaces": interfaces}}, networks=networks)
    assert sorted(_fields(vmi)) == [
        "spec.domain.devices.interfaces[0].portRanges",
        "spec.domain.devices.interfaces[1].tag",
        "spec.domain.devices.interfaces[2].sriov",
        "spec.networks[2].resourceClaim",
    ]


def test_installation_says_how_interfaces_are_connected() -> None:
    network = {"defaultNetworkInterface": "bridge", "permitBridgeInterfaceOnPodNetwork": False}
    kubevirt = {"kind": "KubeVirt", "apiVersion": "kubevirt.io/v1", "spec": {"configuration": {"network": network}}}
    assert _fields(kubevirt) == []


def test_what_no_schema_knows_is_refused_too() -> None:
    template = {"metadata": {"lables": {"a": "b"}, "creationTimestamp": None}, "spec": {}}
    vm = {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1", "spec": {"running": True, "template": template}}
    assert _fields(vm) == ["spec.template.metadata.lables"]


@pytest.mark.parametrize("nested", [False, True])
def test_the_oldest_form_has_its_own_names(nested: bool) -> None:
    instance: dict[str, Any] = {
        "domain": {"devices": {"disks": [{"name": "disk", "volumeName": "root", "tag": "a"}]}},
        "volumes": [{"name": "root", "registryDisk": {"image": "i"}}, {"name": "no", "containerDisk": {"image": "i"}}],
    }
    spec = {"running": True, "template": {"spec": instance}} if nested else instance
    vm = {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1alpha1", "spec": spec}
    prefix = "spec.template.spec" if nested else "spec"
    expected = [f"{prefix}.domain.devices.disks[0].tag", f"{prefix}.volumes[1].containerDisk"]
    assert sorted(_fields(vm)) == expected
    assert "spec.runStrategy" in _fields({**vm, "spec": {**spec, "runStrategy": "Manual"}})


def test_the_oldest_form_runs_once() -> None:
    vm = {**_vmi(), "kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1alpha1"}
    assert support.unsupported(vm) == []


def test_a_kind_without_a_controller_is_refused_as_a_whole() -> None:
    (cause,) = support.unsupported({"kind": "VirtualMachineInstanceReplicaSet", "spec": {"replicas": 3}})
    assert (cause.field, cause.message) == (
        "spec",
        "VirtualMachineInstanceReplicaSet is not supported by playvirt yet",
    )


def test_what_admission_takes_from_a_configuration_may_be_set() -> None:
    said = {
        "architectureConfiguration": {"amd64": {"machineType": "pc-q35-9.0"}, "defaultArchitecture": "amd64"},
        "cpuModel": "Nehalem",
        "cpuRequest": "200m",
        "evictionStrategy": "None",
        "network": {"permitBridgeInterfaceOnPodNetwork": False},
        "vmRolloutStrategy": "Stage",
    }
    assert support.unsupported({"kind": "KubeVirt", "spec": {"configuration": said}}) == []
    more = {"architectureConfiguration": {"arm64": {"machineType": "virt"}}, "vmRolloutStrategy": "LiveUpdate"}
    place = "spec.configuration"
    assert _fields({"kind": "KubeVirt", "spec": {"configuration": more}}) == [
        f"{place}.architectureConfiguration.arm64",
        f"{place}.vmRolloutStrategy",
    ]


@pytest.mark.parametrize(
    "value", [7, "text", [1, "a"], {"domain": [[]]}, {"domain": {"devices": {"disks": {"a": 1}}}}, None]
)
def test_malformed_objects_are_left_to_the_schema(value: Any) -> None:
    assert all(cause.field for cause in support.unsupported({"kind": "VirtualMachineInstance", "spec": value}))


def _unknown(node: Any, found: Mapping[str, Any], path: str) -> Iterator[str]:
    """Paths of the table that the schema does not have, and values that it would refuse."""
    if found.get("type") == "array":
        found = found["items"]
    if isinstance(node, support.Only):
        kinds = {"boolean": bool, "string": str}
        yield from (path for value in node.values if not isinstance(value, kinds[found["type"]]))
        yield from (path for value in node.values if value not in found.get("enum", node.values))
    elif isinstance(node, Mapping):
        for name, below in node.items():
            field = (found.get("properties") or {}).get(name)
            if field is None:
                yield f"{path}.{name}"
            else:
                yield from _unknown(below, field, f"{path}.{name}")


def test_the_tables_name_only_fields_of_the_schemas() -> None:
    by_kind = {kind.kind: {version.name: version.spec for version in kind.versions} for kind in crds.KINDS}
    for kind, node in support.ACTED_ON.items():
        assert list(_unknown(node, by_kind[kind]["v1"], kind)) == []
    oldest = by_kind["VirtualMachine"]["v1alpha1"]
    assert list(_unknown(support._V1ALPHA1_MACHINE, oldest, "vm")) == []
    assert list(_unknown(support._V1ALPHA1_INSTANCE, oldest, "vm")) == []
    assert list(_unknown({"nothing": support.ALL}, oldest, "vm")) == ["vm.nothing"]
