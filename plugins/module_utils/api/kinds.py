"""The kinds that playvirt serves or uses: group, version, plural and scope in one table.

Who needs the path of a resource asks here; nothing in the project spells an API path by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.api import errors


@dataclass(frozen=True)
class Resource:
    """One kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, *, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, of one object, or of its subresource."""
        prefix = "/api/" if "/" not in self.api_version else "/apis/"
        parts = [prefix + self.api_version]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


KUBEVIRT = "kubevirt.io/v1"

_TABLE = (
    Resource(KUBEVIRT, "VirtualMachine", "virtualmachines"),
    Resource(KUBEVIRT, "VirtualMachineInstance", "virtualmachineinstances"),
    Resource(KUBEVIRT, "VirtualMachineInstanceReplicaSet", "virtualmachineinstancereplicasets"),
    Resource(KUBEVIRT, "VirtualMachineInstancePreset", "virtualmachineinstancepresets"),
    Resource(KUBEVIRT, "VirtualMachineInstanceMigration", "virtualmachineinstancemigrations"),
    Resource(KUBEVIRT, "KubeVirt", "kubevirts"),
    Resource("migrations.kubevirt.io/v1alpha1", "MigrationPolicy", "migrationpolicies", namespaced=False),
    Resource("v1", "Pod", "pods"),
    Resource("v1", "Event", "events"),
    Resource("v1", "Node", "nodes", namespaced=False),
    Resource("v1", "Namespace", "namespaces", namespaced=False),
    Resource("v1", "Service", "services"),
    Resource("v1", "ServiceAccount", "serviceaccounts"),
    Resource("v1", "ConfigMap", "configmaps"),
    Resource("v1", "Secret", "secrets"),
    Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Resource("apps/v1", "Deployment", "deployments"),
    Resource("apps/v1", "DaemonSet", "daemonsets"),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Resource("coordination.k8s.io/v1", "Lease", "leases"),
    Resource("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Resource("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Resource("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False),
    Resource("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    Resource("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False),
    Resource(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        namespaced=False,
    ),
    Resource(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        namespaced=False,
    ),
    Resource(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        namespaced=False,
    ),
    Resource(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        namespaced=False,
    ),
    Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False),
)

#: the same in the versions that are served beside the stored one; who asks for a kind without a version gets the stored one, which comes first
_OLDER = tuple(
    Resource(f"kubevirt.io/{version}", stored.kind, stored.plural)
    for stored in _TABLE
    if stored.api_version == KUBEVIRT
    for version in ("v1alpha3", *(["v1alpha1"] if stored.kind == "VirtualMachine" else []))
)

RESOURCES = {(resource.api_version, resource.kind): resource for resource in (*_TABLE, *_OLDER)}


def resource(api_version: str, kind: str) -> Resource:
    """The resource of a kind.

    Raises UnsupportedFeature for a kind that playvirt does not handle.
    """
    found = RESOURCES.get((api_version, kind))
    if found is None:
        known = ", ".join(sorted(f"{version}/{name}" for version, name in RESOURCES))
        raise errors.UnsupportedFeature(
            f"kind '{api_version}/{kind}' is not one that playvirt handles; it handles {known}", field="kind"
        )
    return found
