"""Module validate: files and definitions, causes with their place, presets and a KubeVirt among the objects, site rules."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import validate

ROOT = pathlib.Path(__file__).parents[4]


def vm(name: str = "web-shop-01", **domain: Any) -> dict[str, Any]:
    spec = {
        "domain": {
            "devices": {"disks": [{"name": "root", "disk": {"bus": "virtio"}}]},
            "memory": {"guest": "64Mi"},
            **domain,
        },
        "volumes": [{"name": "root", "containerDisk": {"image": "registry.example/disk:1"}}],
    }
    template = {"metadata": {"labels": {"size": "small"}}, "spec": spec}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "ns", "labels": {"example.com/owner": "web"}},
        "spec": {"runStrategy": "Always", "template": template},
    }


def preset(name: str, namespace: str = "ns", **domain: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstancePreset",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"size": "small"}}, "domain": {"devices": {}, **domain}},
    }


def judged(*definitions: dict[str, Any], **given: Any) -> dict[str, Any]:
    params = {"definitions": list(definitions), "src": [], "kubevirt": None, "site_rules": [], "on_invalid": "report"}
    return validate.run({**params, **given}, check_mode=True)


def fields(result: dict[str, Any]) -> list[str]:
    return [cause["field"] for one in result["objects"] for cause in one["causes"]]


def test_a_good_machine_and_things_that_are_not_ours() -> None:
    result = judged(vm(), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}})
    assert (result["changed"], result["valid"]) == (False, True)
    assert result["objects"] == [
        {
            "source": "definitions[0]",
            "kind": "VirtualMachine",
            "namespace": "ns",
            "name": "web-shop-01",
            "valid": True,
            "causes": [],
            "warnings": [],
        }
    ]


def test_every_cause_of_every_object() -> None:
    wrong = vm()
    wrong["spec"]["template"]["spec"] |= {"hostname": "A", "resourceClaims": [{"name": "gpu"}]}
    result = judged(wrong, vm(memory={"guest": "1k"}))
    assert result["valid"] is False
    prefix = "spec.template.spec"
    assert fields(result) == [f"{prefix}.hostname", f"{prefix}.resourceClaims", f"{prefix}.domain.memory.guest"]
    assert result["objects"][1]["causes"] == [
        {
            "field": f"{prefix}.domain.memory.guest",
            "message": f"{prefix}.domain.memory.guest '1k': must be greater than or equal to 1M.",
            "reason": "FieldValueInvalid",
        }
    ]


def test_the_schema_comes_first() -> None:
    wrong = vm(memory={"guest": ["64Mi"]}, nonsense=True)
    assert fields(judged(wrong)) == [
        "spec.template.spec.domain.memory.guest",
        "spec.template.spec.domain.nonsense",
    ]
    unknown = {"apiVersion": "kubevirt.io/v9", "kind": "VirtualMachine", "metadata": {"name": "x"}}
    assert fields(judged(unknown)) == ["kind"]


def test_presets_among_the_objects_apply_in_their_namespace() -> None:
    result = judged(vm(), preset("one", memory={"guest": "32Mi"}), preset("far", "other", memory={"guest": "16Mi"}))
    (machine, *_) = result["objects"]
    assert machine["warnings"] == [
        "spec.template.spec.domain.memory.guest '64Mi' overrides VirtualMachineInstancePreset 'one', which says '32Mi'"
    ]
    conflict = judged(vm(), preset("one", cpu={"cores": 1}), preset("two", cpu={"cores": 2}))
    assert "'one' and 'two'" in conflict["objects"][0]["causes"][0]["message"]


def test_the_oldest_version_is_judged_in_its_own_words() -> None:
    old = vm()
    old["apiVersion"] = "kubevirt.io/v1alpha1"
    inner = old["spec"]["template"]["spec"]
    inner["domain"]["devices"]["disks"] = [{"name": "first", "volumeName": "registryvolume", "disk": {}}]
    inner["volumes"] = [{"name": "root", "registryDisk": {"image": "registry.example/disk:1"}}]
    field = "spec.template.spec.domain.devices.disks[0].volumeName"
    assert judged(old)["objects"][0]["causes"][0]["message"] == f"{field} 'registryvolume' not found."
    inner["volumes"][0]["name"] = "registryvolume"
    assert judged(old)["valid"] is True


def test_site_rules_are_asked_where_nothing_else_is_wrong() -> None:
    kubevirt = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"configuration": {"admission": {"siteRules": ["naming_and_size"]}}},
    }
    assert fields(judged(vm("shop"), site_rules=["naming_and_size"])) == ["metadata.name"]
    assert fields(judged(vm("shop"), kubevirt)) == ["metadata.name"]
    assert fields(judged(vm("shop"), kubevirt=kubevirt)) == ["metadata.name"]
    assert judged(vm(), site_rules=["naming_and_size"])["valid"] is True
    oldest = vm(cpu={"sockets": 17})
    oldest |= {"apiVersion": "kubevirt.io/v1alpha1", "spec": oldest["spec"]["template"]["spec"]}
    oldest["spec"]["volumes"] = [{"name": "root", "registryDisk": {"image": "registry.example/disk:1"}}]
    assert fields(judged(oldest, site_rules=["naming_and_size"])) == ["spec.domain.cpu.sockets"]
    broken = judged(vm(), site_rules=["acme.rules.lost"])
    assert "site rule 'acme.rules.lost' cannot be loaded" in broken["objects"][0]["causes"][0]["message"]


def test_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "vm.yaml").write_text("---\nkind: ConfigMap\n---\n" + yaml.safe_dump(vm(memory={"guest": "1k"})))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "list.json").write_text(yaml.safe_dump({"kind": "List", "items": [vm(), vm("x")]}))
    (tmp_path / "notes.txt").write_text("{")
    result = judged(src=[str(tmp_path)])
    assert [one["source"] for one in result["objects"]] == [
        f"{tmp_path}/below/list.json#1",
        f"{tmp_path}/below/list.json#1",
        f"{tmp_path}/vm.yaml#2",
    ]
    assert [one["valid"] for one in result["objects"]] == [True, True, False]


def test_a_file_that_cannot_be_read_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    for path in (tmp_path / "broken.yaml", tmp_path / "lost.yaml"):
        with pytest.raises(errors.InvalidObject, match=path.name):
            judged(src=[str(path)])


def test_a_pipeline_fails_with_every_cause() -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        judged(vm(memory={"guest": "1k"}), vm("x", machine={"type": "isapc"}), on_invalid="fail")
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["definitions[0]", "definitions[1]"]
    assert caught.value.field == "spec.template.spec.domain.memory.guest"
    assert validate.run({**_PARAMS, "definitions": [vm()]}, check_mode=False)["valid"] is True


_PARAMS = {"definitions": [], "src": [], "kubevirt": None, "site_rules": [], "on_invalid": "fail"}


def test_the_projects_own_examples_are_valid() -> None:
    result = judged(src=[str(ROOT / "examples")])
    assert len(result["objects"]) >= 2
    assert [one for one in result["objects"] if not one["valid"]] == []
