"""virt-operator and what an installation begins with: namespace, priority class, permissions, the operator, the KubeVirt object.

In: settings. Out: manifests in the order in which role `operator` applies them. virt-operator then deploys the rest (role `kubevirt`).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import kinds, names
from ansible_collections.playvirt.core.plugins.module_utils.installation import pods, rbac, user_roles
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

NAME = "virt-operator"


def render_namespace(namespace: str) -> dict[str, Any]:
    """The installation's namespace; virt-handler is privileged, so Pod Security has to allow it."""
    security = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": {names.APP: "", names.MANAGED_BY: pods.MANAGER, **security}},
    }


def render_priority_class() -> dict[str, Any]:
    """The priority of everything that virtual machines depend on."""
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": pods.PRIORITY_CLASS, "labels": {names.APP: "", names.MANAGED_BY: pods.MANAGER}},
        "value": 1000000000,
        "globalDefault": False,
        "description": "For playvirt's own pods: virtual machines depend on them.",
    }


def render_deployment(settings: settings_types.Settings) -> dict[str, Any]:
    """virt-operator; the old pod ends before the new one starts, so that one version acts at a time."""
    component = pods.Component(
        name=NAME,
        hooks=("kubevirt",),
        arguments=pods.election(NAME),
        cpu="10m",
        environment=(
            pods.variable(settings_types.REGISTRY_VARIABLE, settings.registry),
            pods.variable(settings_types.TAG_VARIABLE, settings.tag),
            pods.variable(settings_types.KUBELET_ROOT_VARIABLE, settings.kubelet_root),
        ),
        mounts=pods.working_mounts(),
    )
    pod_spec = {
        "serviceAccountName": rbac.OPERATOR,
        "priorityClassName": pods.PRIORITY_CLASS,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "containers": [pods.runner_container(component, settings, security_context=pods.restricted())],
        "volumes": [*pods.working_volumes(), *pods.hook_volumes(component.hooks)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": settings.namespace, "labels": pods.labels(NAME)},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {names.APP: NAME}},
            "template": pods.template(NAME, pod_spec),
        },
    }


def render_kubevirt(settings: settings_types.Settings) -> dict[str, Any]:
    """The object that asks virt-operator for the rest of the installation, from the images that virt-operator came from."""
    return {
        "apiVersion": kinds.KUBEVIRT,
        "kind": "KubeVirt",
        "metadata": {
            "name": "kubevirt",
            "namespace": settings.namespace,
            "labels": {names.APP: "", names.MANAGED_BY: pods.MANAGER},
        },
        "spec": {
            "imagePullPolicy": settings.pull_policy,
            "configuration": {"developerConfiguration": {"useEmulation": settings.use_emulation}},
        },
    }


def render_operator(settings: settings_types.Settings) -> list[dict[str, Any]]:
    """Everything of an installation but its CRDs and the KubeVirt object."""
    return [
        render_namespace(settings.namespace),
        render_priority_class(),
        *user_roles.render_user_roles(),
        *rbac.render_operator_rbac(settings.namespace),
        render_deployment(settings),
    ]
