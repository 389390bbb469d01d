"""Additions of an installation: what is refused, for whom they are, what the variables become, and that a value is never markup or structure."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import additions, errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import additions as domain_additions
from ansible_collections.playvirt.core.plugins.module_utils.pod import additions as pod_additions

VMI = {"metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "front"}}}
CODE = {"name": "cost-center", "pattern": "[A-Z]{2}-[0-9]{4}"}
OEM = {
    "name": "oem",
    "parent": "sysinfo",
    "xml": "<oemStrings><entry>cost:${cost-center}</entry></oemStrings>",
}
QEMU = {
    "name": "qemu",
    "xml": '<qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:arg value="-id"/></qemu:commandline>',
}
FIELD = additions.FIELD


def _told(**parts: Any) -> list[str]:
    return [cause.message for cause in additions.problems(parts)]


def test_additions_that_can_be() -> None:
    pod = {"name": "scrape", "metadata": {"annotations": {"team": "${cost-center}"}}, "spec": {"tolerations": []}}
    assert _told(variables=[CODE], domain=[OEM, QEMU], launcherPod=[pod]) == []
    assert _told() == []


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"domain": [OEM]}, f"{FIELD}.domain[0] uses variable 'cost-center', which {FIELD}.variables does not list"),
        (
            {"domain": [{**QEMU, "parent": "../x"}]},
            f"{FIELD}.domain[0].parent '../x' is no path of elements below domain",
        ),
        ({"domain": [{**QEMU, "xml": "<a>"}]}, f"{FIELD}.domain[0].xml is not XML: mismatched tag"),
        ({"domain": [{**QEMU, "xml": "text"}]}, f"{FIELD}.domain[0].xml is not XML: it has to be one element or more"),
        (
            {"domain": [{**QEMU, "xml": "<qemu:arg/>"}]},
            f"{FIELD}.domain[0].xml is not XML: unbound prefix",
        ),
        (
            {"domain": [{**QEMU, "xml": "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"}]},
            f"{FIELD}.domain[0].xml is not XML: it has a declaration",
        ),
        (
            {"launcherPod": [{"name": "a", "spec": {"hostPID": True}}]},
            f"{FIELD}.launcherPod[0].spec.hostPID cannot be added to; supported: affinity, containers",
        ),
        (
            {"launcherPod": [{"name": "a", "metadata": {"labels": {"kubevirt.io/created-by": "x"}}}]},
            f"{FIELD}.launcherPod[0].metadata.labels 'kubevirt.io/created-by' belongs to playvirt itself",
        ),
        ({"variables": [{"name": "a", "pattern": "["}]}, f"{FIELD}.variables[0].pattern '[': unterminated"),
        (
            {"variables": [{**CODE, "default": "none"}]},
            f"{FIELD}.variables[0].default 'none' does not match {FIELD}.variables[0].pattern",
        ),
        (
            {"variables": [{"name": "vmi-name", "pattern": ".*"}]},
            f"{FIELD}.variables[0].name 'vmi-name' is a variable that every instance has",
        ),
    ],
)
def test_additions_that_cannot_be_are_named(parts: dict[str, Any], message: str) -> None:
    (told,) = _told(**parts)
    assert told.startswith(message)


def test_an_addition_is_for_instances_with_its_labels() -> None:
    listed = [{**OEM, "matchLabels": {"tier": "front"}}, {**QEMU, "matchLabels": {"tier": "back"}}]
    assert [entry["name"] for entry in additions.matching({"domain": listed}, "domain", VMI)] == ["oem"]


def test_values_are_the_namespaces_or_the_default() -> None:
    known = {"variables": [CODE, {"name": "zone", "pattern": ".*", "default": "eu"}]}
    assert additions.values(known, None, VMI) == {"vmi-name": "web", "vmi-namespace": "shop", "zone": "eu"}
    given = {"data": {"cost-center": "AB-1234", "zone": "us", "unlisted": "x"}}
    assert additions.values(known, given, VMI) == {
        "vmi-name": "web",
        "vmi-namespace": "shop",
        "cost-center": "AB-1234",
        "zone": "us",
    }


@pytest.mark.parametrize("value", ["", "AB-12345", "</entry>", "AB-1234\n", "A" * 5000])
def test_a_value_that_its_variable_does_not_allow(value: str) -> None:
    with pytest.raises(errors.InvalidObject, match="ConfigMap 'shop/playvirt-variables': 'cost-center' is ") as caught:
        additions.values({"variables": [CODE]}, {"data": {"cost-center": value}}, VMI)
    assert caught.value.field == "data.cost-center"


def test_a_variable_without_a_value_is_asked_for() -> None:
    with pytest.raises(errors.InvalidObject, match="addition 'oem' needs 'cost-center': set it in ConfigMap"):
        domain_additions.apply("<domain><sysinfo/></domain>", [OEM], additions.values({}, None, VMI))


EVIL = "</entry></oemStrings><devices/>&amp;\"'${vmi-name}"


def _domain(wanted: list[dict[str, Any]], **given: str) -> ElementTree.Element:
    values = {"vmi-name": "web", "vmi-namespace": "shop", **given}
    return ElementTree.fromstring(
        domain_additions.apply("<domain type='qemu'><sysinfo/><devices/></domain>", wanted, values)
    )


def test_elements_go_into_their_place() -> None:
    root = _domain([OEM, QEMU], **{"cost-center": "AB-1234"})
    assert root.findtext("sysinfo/oemStrings/entry") == "cost:AB-1234"
    assert root[-1].tag == "{http://libvirt.org/schemas/domain/qemu/1.0}commandline"


def test_a_value_stays_text() -> None:
    root = _domain([OEM], **{"cost-center": EVIL})
    assert root.findtext("sysinfo/oemStrings/entry") == f"cost:{EVIL}"
    assert [child.tag for child in root] == ["sysinfo", "devices"]
    attribute = {"name": "a", "xml": '<metadata note="${cost-center}"/>'}
    assert _domain([attribute], **{"cost-center": EVIL})[-1].get("note") == EVIL


def test_a_place_that_the_domain_has_not() -> None:
    with pytest.raises(errors.InvalidObject, match="addition 'oem' goes into 'memtune', which this domain does not"):
        _domain([{**OEM, "parent": "memtune"}])


def test_without_additions_the_text_is_left_as_it_is() -> None:
    assert domain_additions.apply("<domain >", [], {}) == "<domain >"


POD: dict[str, Any] = {
    "metadata": {"annotations": {"own": "1"}, "labels": {"kubevirt.io": "virt-launcher"}},
    "spec": {"containers": [{"name": "compute"}], "nodeSelector": {"a": "1"}},
}


def test_a_pod_grows() -> None:
    entry = {
        "name": "extra",
        "metadata": {"annotations": {"own": "2", "team": "${cost-center}"}, "labels": {"team": "x"}},
        "spec": {
            "containers": [{"name": "exporter", "args": ["--vm", "${vmi-namespace}/${vmi-name}"]}],
            "nodeSelector": {"b": "2"},
            "runtimeClassName": "kata",
        },
    }
    given = {"vmi-name": "web", "vmi-namespace": "shop", "cost-center": EVIL}
    assert pod_additions.apply(POD, [entry], given) == {
        "metadata": {
            "annotations": {"own": "1", "team": EVIL},
            "labels": {"kubevirt.io": "virt-launcher", "team": "x"},
        },
        "spec": {
            "containers": [{"name": "compute"}, {"name": "exporter", "args": ["--vm", "shop/web"]}],
            "nodeSelector": {"a": "1", "b": "2"},
            "runtimeClassName": "kata",
        },
    }
    assert POD["metadata"]["annotations"] == {"own": "1"}


def test_a_container_of_playvirts_is_not_replaced() -> None:
    with pytest.raises(errors.InvalidObject, match="addition 'evil' has containers 'compute', which the launcher pod"):
        pod_additions.apply(POD, [{"name": "evil", "spec": {"containers": [{"name": "compute"}]}}], {})
