"""The pods of the three components: who they are, what they run, how they are watched and confined."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.settings import options
from ansible_collections.playvirt.core.plugins.module_utils.installation import (
    pods,
    settings,
    virt_controller,
    virt_handler,
    virt_operator,
)

SETTINGS = settings.Settings(registry="reg.example/p", tag="v1", namespace="ns", pull_policy="Never")
WORKLOADS = {
    "virt-operator": virt_operator.render_deployment(SETTINGS),
    "virt-controller": virt_controller.render_deployment(SETTINGS),
    "virt-handler": virt_handler.render_daemonset(SETTINGS),
}


def _pod(component: str) -> dict[str, Any]:
    spec: dict[str, Any] = WORKLOADS[component]["spec"]["template"]["spec"]
    return spec


def _container(component: str) -> dict[str, Any]:
    (container,) = _pod(component)["containers"]
    return dict(container)


def _environment(component: str) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "from the pod") for entry in _container(component)["env"]}


@pytest.mark.parametrize("component", sorted(WORKLOADS))
def test_the_runner_understands_its_arguments(component: str) -> None:
    container = _container(component)
    parsed = options.parse(container["args"], _environment(component))
    assert parsed.watches_file.name == f"{component}.yaml"
    assert parsed.watches_file.exists()
    assert parsed.health_address == f":{container['ports'][0]['containerPort']}"
    assert parsed.leader_elect is (component != "virt-handler")
    assert parsed.lease.name == (component if parsed.leader_elect else "")
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert str(parsed.socket.parent) in mounts


@pytest.mark.parametrize("component", sorted(WORKLOADS))
def test_images_labels_and_probes(component: str) -> None:
    workload, container = WORKLOADS[component], _container(component)
    assert (container["image"], container["imagePullPolicy"]) == ("reg.example/p/playvirt:v1", "Never")
    assert (
        workload["spec"]["selector"]["matchLabels"].items()
        <= workload["spec"]["template"]["metadata"]["labels"].items()
    )
    for labels in (workload["metadata"]["labels"], workload["spec"]["template"]["metadata"]["labels"]):
        assert (labels["kubevirt.io"], labels["app.kubernetes.io/managed-by"]) == (component, "playvirt")
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


@pytest.mark.parametrize("component", sorted(WORKLOADS))
def test_every_mount_has_its_volume(component: str) -> None:
    spec = _pod(component)
    volumes = {volume["name"] for volume in spec["volumes"]}
    mounted = {
        mount["name"]
        for container in [*spec["containers"], *spec.get("initContainers", [])]
        for mount in container["volumeMounts"]
    }
    assert mounted == volumes


@pytest.mark.parametrize("component", ["virt-operator", "virt-controller"])
def test_operator_and_controller_are_confined(component: str) -> None:
    assert _container(component)["securityContext"] == {
        "runAsUser": 1001,
        "runAsGroup": 1001,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "hostPID" not in _pod(component)
    assert not [volume for volume in _pod(component)["volumes"] if "hostPath" in volume]


@pytest.mark.parametrize(
    ("component", "roles"),
    [
        ("virt-operator", ["kubevirt"]),
        ("virt-controller", ["virtualmachine", "virtualmachineinstance"]),
        ("virt-handler", ["domain"]),
    ],
)
def test_an_administrators_steps_come_from_optional_configmaps(component: str, roles: list[str]) -> None:
    found = {v["configMap"]["name"]: v["configMap"]["optional"] for v in _pod(component)["volumes"] if "configMap" in v}
    assert found == {f"playvirt-hooks-{role}": True for role in roles}
    paths = {mount["mountPath"] for mount in _container(component)["volumeMounts"]}
    assert {f"/etc/playvirt/hooks/{role}" for role in roles} <= paths


def test_another_tag_is_another_template() -> None:
    other = settings.Settings(registry="reg.example/p", tag="v2", namespace="ns", pull_policy="Never")
    first, second = WORKLOADS["virt-controller"], virt_controller.render_deployment(other)
    assert pods.template_hash(first) != pods.template_hash(second)
    assert pods.template_hash(first) == pods.template_hash(virt_controller.render_deployment(SETTINGS))
    pod = {"metadata": first["spec"]["template"]["metadata"], "spec": {}}
    assert pods.template_hash(pod) == pods.template_hash(first)
