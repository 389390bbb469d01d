"""Permissions: enough for what the watch lists name, nothing that is not needed, and virt-operator holds what it grants."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.plugins.module_utils.installation import node_restriction, rbac, user_roles

WATCHES = pathlib.Path(__file__).parents[5] / "images" / "runner" / "watches"
EVERYWHERE = {
    "virt-controller": rbac.controller_rules(),
    "virt-handler": rbac.handler_rules(),
    "virt-operator": [*rbac.operator_rules(), *rbac.operator_namespace_rules()],
}


def _allows(rules: list[dict[str, Any]], group: str, resource: str, verb: str, name: str = "") -> bool:
    return any(
        group in rule["apiGroups"]
        and resource in rule["resources"]
        and verb in rule["verbs"]
        and ("resourceNames" not in rule or name in rule["resourceNames"])
        for rule in rules
    )


def _watched(component: str) -> list[dict[str, Any]]:
    entries = yaml.safe_load((WATCHES / f"{component}.yaml").read_text())
    return [kind for entry in entries for kind in (entry, *entry.get("dependents", []), *entry.get("reads", []))]


@pytest.mark.parametrize("component", sorted(EVERYWHERE))
def test_every_watched_kind_can_be_watched(component: str) -> None:
    for watched in _watched(component):
        group = watched.get("group", "")
        version = f"{group}/{watched['version']}" if group else watched["version"]
        plural = kinds.resource(version, watched["kind"]).plural
        name = str(watched.get("fieldSelector", "")).removeprefix("metadata.name=")
        for verb in ("list", "watch"):
            assert _allows(EVERYWHERE[component], group, plural, verb, name), f"{component}: {verb} {plural}"


def test_the_operator_holds_what_it_grants() -> None:
    held = [tuple(map(str, rule.values())) for rule in EVERYWHERE["virt-operator"]]
    granted = [*rbac.controller_rules(), *rbac.handler_rules(), *rbac.election_rules("virt-controller")]
    granted += [*rbac.api_rules(), *rbac.api_namespace_rules()]
    assert [rule for rule in granted if tuple(map(str, rule.values())) not in held] == []


def test_the_operator_may_change_everything_that_it_deploys_and_nothing_else_of_that_kind() -> None:
    for obj in (*rbac.render_component_rbac("ns"), *node_restriction.render("ns")):
        resource = kinds.resource(obj["apiVersion"], obj["kind"])
        group = resource.api_version.rpartition("/")[0]
        for verb in ("get", "create", "patch", "delete"):
            assert _allows(EVERYWHERE["virt-operator"], group, resource.plural, verb, obj["metadata"]["name"])
        for verb in ("patch", "update", "delete"):
            assert not _allows(EVERYWHERE["virt-operator"], group, resource.plural, verb, "somebody-elses")


@pytest.mark.parametrize("component", sorted(EVERYWHERE))
def test_nobody_has_wildcards_secrets_or_escalation(component: str) -> None:
    for rule in EVERYWHERE[component]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert "pods/exec" not in rule["resources"]
        if "secrets" in rule["resources"]:
            # The certificates that it makes; creating cannot be restricted by name.
            assert component == "virt-operator"
            assert rule.get("resourceNames") == ["kubevirt-ca", "kubevirt-virt-api-certs"] or rule["verbs"] == [
                "create"
            ]


def test_a_handler_cannot_create_or_change_machines_and_pods() -> None:
    for verb in ("create", "update", "patch", "delete"):
        for group, resource in (
            ("kubevirt.io", "virtualmachineinstances"),
            ("kubevirt.io", "virtualmachines"),
            ("", "pods"),
        ):
            assert not _allows(rbac.handler_rules(), group, resource, verb)


def test_bindings_name_the_accounts() -> None:
    objects = [*rbac.render_component_rbac("ns"), *rbac.render_operator_rbac("ns")]
    accounts = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "ServiceAccount"}
    assert accounts == {"kubevirt-apiserver", "kubevirt-controller", "kubevirt-handler", "kubevirt-operator"}
    for obj in objects:
        if obj["kind"].endswith("Binding"):
            assert obj["roleRef"]["kind"] == obj["kind"].removesuffix("Binding")
            assert obj["subjects"] == [{"kind": "ServiceAccount", "name": obj["metadata"]["name"], "namespace": "ns"}]
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "playvirt"
        assert obj["metadata"].get("namespace") == (None if obj["kind"].startswith("Cluster") else "ns")


def test_users_get_machines_through_admin_edit_and_view() -> None:
    roles = {obj["metadata"]["name"]: obj for obj in user_roles.render_user_roles() if obj["kind"] == "ClusterRole"}
    assert set(roles) == {f"kubevirt.io:{name}" for name in ("admin", "edit", "view", "default")}
    for name in ("admin", "edit", "view"):
        labels = roles[f"kubevirt.io:{name}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{name}"] == "true"
    assert not _allows(roles["kubevirt.io:view"]["rules"], "kubevirt.io", "virtualmachines", "create")
    assert not _allows(roles["kubevirt.io:edit"]["rules"], "kubevirt.io", "virtualmachines", "deletecollection")
    assert _allows(roles["kubevirt.io:default"]["rules"], "kubevirt.io", "kubevirts", "get")
    assert _allows(roles["kubevirt.io:edit"]["rules"], "kubevirt.io", "virtualmachineinstancepresets", "create")
    assert _allows(roles["kubevirt.io:edit"]["rules"], "kubevirt.io", "virtualmachineinstancemigrations", "watch")
    assert not _allows(roles["kubevirt.io:admin"]["rules"], "kubevirt.io", "virtualmachineinstancemigrations", "create")
