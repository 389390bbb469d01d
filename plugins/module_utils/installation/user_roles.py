"""Who of the cluster's users may do what with virtual machines: KubeVirt's cluster roles, for the kinds that playvirt serves.

In: nothing. Out: ClusterRoles that aggregate into Kubernetes' own admin, edit and view, and the one by which everybody may see the installation.
Applied by role `operator`, with the rights of the person who installs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.installation import pods, rbac

_KINDS = (
    "virtualmachines",
    "virtualmachineinstances",
    "virtualmachineinstancepresets",
    "virtualmachineinstancereplicasets",
)
#: migrations are for administrators of the cluster to ask for; everybody may look
_LOOK = ("virtualmachineinstancemigrations",)
_EDIT = ("get", "list", "watch", "create", "update", "patch", "delete")


def _cluster_role(name: str, rules: Sequence[rbac.Rule], labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": f"{rbac.RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"kubevirt.io:{name}", "labels": {**pods.labels("virt-operator"), **labels}},
        "rules": list(rules),
    }


def render_user_roles() -> list[dict[str, Any]]:
    """kubevirt.io:admin, :edit, :view, and :default with its binding to everybody who is logged in."""

    def aggregated(name: str, verbs: Sequence[str]) -> dict[str, Any]:
        rules = [rbac.rule("kubevirt.io", _KINDS, verbs), rbac.rule("kubevirt.io", _LOOK, rbac.READ)]
        return _cluster_role(name, rules, {f"{rbac.RBAC}/aggregate-to-{name}": "true"})

    default = _cluster_role("default", [rbac.rule("kubevirt.io", ("kubevirts",), ("get", "list"))], {})
    binding = {
        "apiVersion": f"{rbac.RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "kubevirt.io:default", "labels": pods.labels("virt-operator")},
        "roleRef": {"apiGroup": rbac.RBAC, "kind": "ClusterRole", "name": "kubevirt.io:default"},
        "subjects": [{"apiGroup": rbac.RBAC, "kind": "Group", "name": "system:authenticated"}],
    }
    return [
        aggregated("admin", (*_EDIT, "deletecollection")),
        aggregated("edit", _EDIT),
        aggregated("view", rbac.READ),
        default,
        binding,
    ]
