"""The oldest form and v1, one into the other: what each says where, and what becomes of changes in between."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, schema_check, virtualmachineinstance
from ansible_collections.playvirt.core.plugins.module_utils.api import virtualmachine as types
from ansible_collections.playvirt.core.plugins.module_utils.conversion import review
from ansible_collections.playvirt.core.plugins.module_utils.conversion import virtualmachine as conversion
from ansible_collections.playvirt.core.plugins.module_utils.conversion.virtualmachine import V1, V1ALPHA1, V1ALPHA3

OLDEST: dict[str, Any] = {
    "apiVersion": V1ALPHA1,
    "kind": "VirtualMachine",
    "metadata": {"name": "testvm", "namespace": "default", "labels": {"guest": "testvm"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "domain": {
            "resources": {"requests": {"memory": "64M"}},
            "devices": {
                "disks": [
                    {"name": "mydisk", "volumeName": "registryvolume", "disk": {"bus": "virtio"}},
                    {"name": "cloudinitdisk", "volumeName": "cloudinitvolume", "disk": {"bus": "virtio"}},
                ]
            },
        },
        "volumes": [
            {"name": "registryvolume", "registryDisk": {"image": "tiny:devel"}},
            {"name": "cloudinitvolume", "cloudInitNoCloud": {"userData": "#cloud-config\n"}},
        ],
    },
}


def _changed(obj: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    changed = copy.deepcopy(obj)
    changed["metadata"] |= metadata
    return changed


def test_the_oldest_form_is_a_modern_machine_that_runs_once() -> None:
    modern = conversion.convert(OLDEST, V1)
    assert schema_check.check_object(modern) == []
    assert modern["spec"] == {
        "runStrategy": "Once",
        "template": {
            "metadata": {"labels": {"guest": "testvm"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "domain": {
                    "resources": {"requests": {"memory": "64M"}},
                    "devices": {
                        "disks": [
                            {"name": "registryvolume", "disk": {"bus": "virtio"}},
                            {"name": "cloudinitvolume", "disk": {"bus": "virtio"}},
                        ]
                    },
                },
                "volumes": [
                    {"name": "registryvolume", "containerDisk": {"image": "tiny:devel"}},
                    {"name": "cloudinitvolume", "cloudInitNoCloud": {"userData": "#cloud-config\n"}},
                ],
            },
        },
    }
    assert modern["metadata"]["annotations"] == {
        "playvirt.io/v1alpha1": '{"direct":true,"disks":[["registryvolume","mydisk"],["cloudinitvolume","cloudinitdisk"]]}'
    }
    assert conversion.convert(modern, V1ALPHA1) == OLDEST


def test_a_template_of_the_oldest_form_stays_one() -> None:
    spec = {"running": False, "template": {"metadata": {"labels": {"a": "b"}}, "spec": OLDEST["spec"]}}
    oldest = {**OLDEST, "spec": spec}
    modern = conversion.convert(oldest, V1)
    assert modern["spec"]["running"] is False
    assert modern["spec"]["template"]["spec"]["volumes"][0]["containerDisk"] == {"image": "tiny:devel"}
    assert conversion.convert(modern, V1ALPHA1) == oldest


def test_a_disk_without_volume_name_stays_without() -> None:
    oldest = copy.deepcopy(OLDEST)
    oldest["spec"]["domain"]["devices"]["disks"] = [{"name": "registryvolume"}, {"name": "x", "volumeName": "x"}]
    modern = conversion.convert(oldest, V1)
    assert modern["spec"]["template"]["spec"]["domain"]["devices"]["disks"] == [
        {"name": "registryvolume"},
        {"name": "x"},
    ]
    assert conversion.convert(modern, V1ALPHA1) == oldest


def test_two_disks_of_one_volume_keep_their_names() -> None:
    oldest = copy.deepcopy(OLDEST)
    disks = [{"name": name, "volumeName": "registryvolume"} for name in ("one", "registryvolume", "two")]
    oldest["spec"]["domain"]["devices"]["disks"] = disks
    modern = conversion.convert(oldest, V1)
    assert conversion.convert(modern, V1ALPHA1) == oldest


def test_a_modern_machine_names_its_volumes_in_the_oldest_form() -> None:
    modern = conversion.convert(OLDEST, V1)
    del modern["metadata"]["annotations"]
    oldest = conversion.convert(modern, V1ALPHA1)
    assert oldest["spec"]["runStrategy"] == "Once"
    instance = oldest["spec"]["template"]["spec"]
    assert instance["domain"]["devices"]["disks"][0]["volumeName"] == "registryvolume"
    assert instance["volumes"][0]["registryDisk"] == {"image": "tiny:devel"}
    assert "annotations" not in oldest["metadata"]
    assert conversion.convert(oldest, V1) == modern


@pytest.mark.parametrize("version", [V1, V1ALPHA3])
def test_the_same_shape_is_only_renamed(version: str) -> None:
    modern = {**conversion.convert(OLDEST, V1), "status": {"ready": True}}
    other = conversion.convert({**modern, "apiVersion": V1ALPHA3}, version)
    assert other == {**modern, "apiVersion": version}
    assert conversion.convert(OLDEST, V1ALPHA3) == {**conversion.convert(OLDEST, V1), "apiVersion": V1ALPHA3}


def test_a_stopped_machine_is_shown_with_its_strategy_and_comes_back() -> None:
    stopped = conversion.convert(OLDEST, V1)
    stopped["spec"] = {**stopped["spec"], "runStrategy": "Halted"}
    oldest = conversion.convert(stopped, V1ALPHA1)
    assert oldest["spec"]["runStrategy"] == "Halted"
    assert oldest["spec"]["template"]["spec"]["domain"]["devices"]["disks"][0]["name"] == "mydisk"
    assert conversion.convert(oldest, V1) == stopped
    started = {**stopped, "spec": {**stopped["spec"], "runStrategy": "Once"}}
    assert conversion.convert(started, V1ALPHA1) == OLDEST


def test_a_label_set_in_v1_leaves_the_form_and_the_template_alone() -> None:
    labelled = _changed(conversion.convert(OLDEST, V1), labels={"guest": "testvm", "team": "red"})
    oldest = conversion.convert(labelled, V1ALPHA1)
    assert oldest["spec"] == OLDEST["spec"]
    assert oldest["metadata"]["annotations"] == {"playvirt.io/v1": '{"metadata":{"labels":{"guest":"testvm"}}}'}
    assert conversion.convert(oldest, V1) == labelled


def test_a_label_set_in_the_oldest_form_reaches_the_instance() -> None:
    labelled = _changed(OLDEST, labels={"guest": "testvm", "team": "red"})
    template = conversion.convert(labelled, V1)["spec"]["template"]
    assert template["metadata"] == {"labels": {"guest": "testvm", "team": "red"}}


def test_a_disk_added_in_v1_has_its_volumes_name() -> None:
    modern = copy.deepcopy(conversion.convert(OLDEST, V1))
    modern["spec"]["template"]["spec"]["domain"]["devices"]["disks"].insert(0, {"name": "data"})
    oldest = conversion.convert(modern, V1ALPHA1)
    assert [(disk["name"], disk["volumeName"]) for disk in oldest["spec"]["domain"]["devices"]["disks"]] == [
        ("data", "data"),
        ("mydisk", "registryvolume"),
        ("cloudinitdisk", "cloudinitvolume"),
    ]
    assert conversion.convert(oldest, V1) == modern


def test_a_note_of_a_disk_that_is_gone_is_kept_and_has_no_effect() -> None:
    modern = copy.deepcopy(conversion.convert(OLDEST, V1))
    del modern["spec"]["template"]["spec"]["domain"]["devices"]["disks"][0]
    oldest = conversion.convert(modern, V1ALPHA1)
    assert [disk["name"] for disk in oldest["spec"]["domain"]["devices"]["disks"]] == ["cloudinitdisk"]
    assert conversion.convert(oldest, V1) == modern
    renamed = copy.deepcopy(oldest)
    renamed["spec"]["domain"]["devices"]["disks"][0]["name"] = "other"
    note = conversion.convert(renamed, V1)["metadata"]["annotations"]["playvirt.io/v1alpha1"]
    assert note == '{"direct":true,"disks":[["cloudinitvolume","other"]]}'


@pytest.mark.parametrize(
    ("obj", "version"),
    [
        ({**OLDEST, "kind": "VirtualMachineInstance"}, V1),
        ({**OLDEST, "apiVersion": "kubevirt.io/v2"}, V1),
        (OLDEST, "kubevirt.io/v2"),
        ({}, V1),
    ],
)
def test_only_virtual_machines_of_known_versions_are_converted(obj: dict[str, Any], version: str) -> None:
    with pytest.raises(errors.InvalidObject, match="only VirtualMachine is converted, between kubevirt.io/v1, "):
        conversion.convert(obj, version)


@pytest.mark.parametrize(
    "spec", [None, 7, [], {"domain": 7}, {"template": []}, {"domain": {"devices": {"disks": [7, {}]}}}]
)
@pytest.mark.parametrize("metadata", [None, 7, {"annotations": 7, "labels": []}])
@pytest.mark.parametrize("version", [V1, V1ALPHA1])
def test_malformed_objects_are_converted_as_far_as_they_go(spec: Any, metadata: Any, version: str) -> None:
    other = V1ALPHA1 if version == V1 else V1
    obj = {"apiVersion": version, "kind": "VirtualMachine", "metadata": metadata, "spec": spec}
    assert conversion.convert(obj, other)["apiVersion"] == other


@pytest.mark.parametrize(
    ("field", "posted"),
    [
        ("spec.template.spec.domain.devices.disks[0].name", "spec.domain.devices.disks[0].volumeName"),
        ("spec.template.spec.domain.devices.disks[0].disk.bus", "spec.domain.devices.disks[0].disk.bus"),
        ("spec.template.spec.volumes[0].containerDisk.image", "spec.volumes[0].registryDisk.image"),
        ("spec.template.spec.volumes[10].containerDisk", "spec.volumes[10].registryDisk"),
        ("spec.template.spec", "spec"),
        ("spec.template.metadata.labels", "metadata.labels"),
        ("spec.template.metadata", "metadata"),
        ("spec.template.specimen", "spec.template.specimen"),
        ("metadata.labels", "metadata.labels"),
    ],
)
def test_fields_are_named_as_they_were_posted(field: str, posted: str) -> None:
    assert conversion.field_as_posted(OLDEST, field) == posted


def test_a_template_of_the_oldest_form_has_its_own_names_too() -> None:
    oldest = {**OLDEST, "spec": {"running": True, "template": {"spec": OLDEST["spec"]}}}
    name = "spec.template.spec.domain.devices.disks[1].name"
    assert conversion.field_as_posted(oldest, name) == "spec.template.spec.domain.devices.disks[1].volumeName"
    assert conversion.field_as_posted(conversion.convert(oldest, V1), name) == name
    assert conversion.field_as_posted(oldest, "spec.template.metadata.labels") == "spec.template.metadata.labels"


def test_no_field_of_an_instance_has_the_name_of_one_beside_its_template() -> None:
    assert set(types.SPEC_FIELDS) & set(virtualmachineinstance.SPEC["properties"]) == set()


def _review(**request: Any) -> dict[str, Any]:
    asked = {"uid": "7", "desiredAPIVersion": V1, "objects": [OLDEST], **request}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": asked}


def test_a_review_is_answered_with_every_object_in_order() -> None:
    other = _changed(OLDEST, name="other")
    response = review.answer(_review(objects=[OLDEST, other]))["response"]
    assert response["uid"] == "7"
    assert response["result"] == {"status": "Success"}
    assert response["convertedObjects"] == [conversion.convert(OLDEST, V1), conversion.convert(other, V1)]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"desiredAPIVersion": "kubevirt.io/v2"},
            "cannot convert kubevirt.io/v1alpha1 VirtualMachine to kubevirt.io/v2",
        ),
        ({"objects": [OLDEST, {}]}, "cannot convert None None to kubevirt.io/v1"),
        ({"objects": "x"}, "request.objects is no list of objects"),
        ({"objects": [7]}, "request.objects is no list of objects"),
    ],
)
def test_a_review_with_an_object_that_cannot_be_converted_fails(request_: dict[str, Any], message: str) -> None:
    response = review.answer(_review(**request_))["response"]
    assert response["uid"] == "7"
    assert response["result"]["status"] == "Failure"
    assert message in response["result"]["message"]
    assert "convertedObjects" not in response


@pytest.mark.parametrize("asked", [{}, {"kind": "ConversionReview"}, {**_review(), "kind": "Pod"}, _review(uid="")])
def test_what_is_no_review_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidObject, match="no ConversionReview"):
        review.answer(asked)
