"""Who of playvirt may do what: the smallest rules with which each component works.

In: the namespace. Out: ServiceAccount, ClusterRole, Role and their bindings of a component. virt-operator creates those of virt-api, virt-controller and
virt-handler, and Kubernetes lets nobody grant what he does not hold: so its own rules contain theirs, from the same lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import additions
from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates, pods

RBAC = "rbac.authorization.k8s.io"
READ = ("get", "list", "watch")
API, CONTROLLER, HANDLER, OPERATOR = (
    "kubevirt-apiserver",
    "kubevirt-controller",
    "kubevirt-handler",
    "kubevirt-operator",
)
#: the policy that keeps a virt-handler to its node
NODE_RESTRICTION = "virt-handler-node-restriction"
_COMPONENTS = {API: "virt-api", CONTROLLER: "virt-controller", HANDLER: "virt-handler", OPERATOR: "virt-operator"}

Rule = dict[str, Any]


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], *, names: Sequence[str] = ()) -> Rule:
    """One rule of a role; with `names`, for the objects of those names alone."""
    return {
        "apiGroups": [group],
        "resources": list(resources),
        "verbs": list(verbs),
        **({"resourceNames": list(names)} if names else {}),
    }


#: what namespaces say to the installation's additions
_VARIABLES = rule("", ["configmaps"], READ, names=[additions.CONFIG_MAP])


def election_rules(lease: str) -> list[Rule]:
    """What leader election needs in the component's own namespace."""
    group = "coordination.k8s.io"
    return [rule(group, ["leases"], ["create"]), rule(group, ["leases"], ["get", "update"], names=[lease])]


def controller_rules() -> list[Rule]:
    """virt-controller, in every namespace: machines and instances with their status, launcher pods with their readiness gate, claims to read, Events."""
    group, machines, instances = "kubevirt.io", "virtualmachines", "virtualmachineinstances"
    return [
        rule(group, [machines], [*READ, "patch", "update"]),
        rule(group, [instances], [*READ, "create", "patch", "update", "delete"]),
        rule(group, [f"{machines}/status", f"{instances}/status"], ["get", "patch", "update"]),
        rule(group, [f"{machines}/finalizers", f"{instances}/finalizers"], ["update"]),
        rule(group, ["kubevirts"], READ),
        rule("", ["pods"], [*READ, "create", "delete"]),
        rule("", ["pods/status"], ["update"]),
        _VARIABLES,
        rule("", ["persistentvolumeclaims"], READ),
        rule("", ["events"], ["create", "patch"]),
    ]


def api_rules() -> list[Rule]:
    """virt-api, in every namespace: presets to merge, and for migrations the instance and its other migrations."""
    return [
        rule("kubevirt.io", ["virtualmachineinstancepresets"], READ),
        rule("kubevirt.io", ["virtualmachineinstances"], ["get"]),
        rule("kubevirt.io", ["virtualmachineinstancemigrations"], ["list"]),
    ]


def api_namespace_rules() -> list[Rule]:
    """virt-api, in the installation's namespace: its settings."""
    return [rule("kubevirt.io", ["kubevirts"], READ)]


def handler_rules() -> list[Rule]:
    """virt-handler, in every namespace: status of instances, launcher pods to read, labels and devices of its node, Events."""
    return [
        rule("kubevirt.io", ["virtualmachineinstances"], READ),
        rule("kubevirt.io", ["virtualmachineinstances/status"], ["get", "patch", "update"]),
        rule("kubevirt.io", ["kubevirts"], READ),
        rule("", ["pods"], READ),
        _VARIABLES,
        rule("", ["nodes"], ["get", "patch"]),
        rule("", ["events"], ["create", "patch"]),
    ]


def operator_rules() -> list[Rule]:
    """virt-operator, in every namespace: the installation's object, the cluster roles it makes, and what these contain."""
    granted, webhooks = [API, CONTROLLER, HANDLER], ["virt-api-mutator", "virt-api-validator"]
    configurations = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
    registration = "admissionregistration.k8s.io"
    policies = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"]
    return [
        rule("kubevirt.io", ["kubevirts"], [*READ, "patch", "update"]),
        rule("kubevirt.io", ["kubevirts/status"], ["get", "patch", "update"]),
        rule("kubevirt.io", ["kubevirts/finalizers"], ["update"]),
        rule(RBAC, ["clusterroles", "clusterrolebindings"], [*READ, "create"]),
        rule(RBAC, ["clusterroles", "clusterrolebindings"], ["patch", "update", "delete"], names=granted),
        rule(registration, configurations, [*READ, "create"]),
        rule(registration, configurations, ["patch", "update", "delete"], names=webhooks),
        rule(registration, policies, [*READ, "create"]),
        rule(registration, policies, ["patch", "update", "delete"], names=[NODE_RESTRICTION]),
        rule(
            "apiextensions.k8s.io",
            ["customresourcedefinitions"],
            [*READ, "patch"],
            names=["virtualmachines.kubevirt.io"],
        ),
        *controller_rules(),
        *(entry for entry in handler_rules() if entry not in controller_rules()),
        *api_rules(),
    ]


def operator_namespace_rules() -> list[Rule]:
    """virt-operator, in the installation's namespace: what it deploys there."""
    change = ("patch", "update", "delete")
    secrets = [certificates.AUTHORITY_SECRET, certificates.SERVING_SECRET]
    return [
        rule("", ["secrets"], ["create"]),
        rule("", ["secrets"], [*READ, *change], names=secrets),
        rule("", ["services"], [*READ, "create"]),
        rule("", ["services"], change, names=["virt-api"]),
        rule("policy", ["poddisruptionbudgets"], [*READ, "create"]),
        rule("policy", ["poddisruptionbudgets"], change, names=["virt-api"]),
        *api_namespace_rules(),
        rule("", ["serviceaccounts"], [*READ, "create"]),
        rule("", ["serviceaccounts"], change, names=[API, CONTROLLER, HANDLER]),
        rule("apps", ["deployments", "daemonsets"], [*READ, "create"]),
        rule("apps", ["deployments"], change, names=["virt-api", "virt-controller"]),
        rule("apps", ["daemonsets"], change, names=["virt-handler"]),
        rule(RBAC, ["roles", "rolebindings"], [*READ, "create"]),
        rule(RBAC, ["roles", "rolebindings"], change, names=[API, CONTROLLER]),
        *election_rules("virt-operator"),
        *election_rules("virt-controller"),
        rule("coordination.k8s.io", ["leases"], ["list", "watch"], names=["virt-controller"]),
    ]


def _object(kind: str, account: str, namespace: str | None, **content: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1" if kind == "ServiceAccount" else f"{RBAC}/v1",
        "kind": kind,
        "metadata": {
            "name": account,
            **({"namespace": namespace} if namespace else {}),
            "labels": pods.labels(_COMPONENTS[account]),
        },
        **content,
    }


def render_account(account: str, namespace: str) -> dict[str, Any]:
    """The component's ServiceAccount."""
    return _object("ServiceAccount", account, namespace)


def render_grant(account: str, namespace: str, rules: Sequence[Rule], *, everywhere: bool) -> list[dict[str, Any]]:
    """A role with these rules and its binding to the component's account: in every namespace, or only in its own."""
    kind, where = ("ClusterRole", None) if everywhere else ("Role", namespace)
    reference = {"apiGroup": RBAC, "kind": kind, "name": account}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]
    return [
        _object(kind, account, where, rules=list(rules)),
        _object(f"{kind}Binding", account, where, roleRef=reference, subjects=subjects),
    ]


def render_component_rbac(namespace: str) -> list[dict[str, Any]]:
    """Everything that virt-api, virt-controller and virt-handler need, in the order in which it is applied."""
    return [
        render_account(API, namespace),
        *render_grant(API, namespace, api_rules(), everywhere=True),
        *render_grant(API, namespace, api_namespace_rules(), everywhere=False),
        render_account(CONTROLLER, namespace),
        render_account(HANDLER, namespace),
        *render_grant(CONTROLLER, namespace, controller_rules(), everywhere=True),
        *render_grant(CONTROLLER, namespace, election_rules("virt-controller"), everywhere=False),
        *render_grant(HANDLER, namespace, handler_rules(), everywhere=True),
    ]


def render_operator_rbac(namespace: str) -> list[dict[str, Any]]:
    """Everything that virt-operator needs."""
    return [
        render_account(OPERATOR, namespace),
        *render_grant(OPERATOR, namespace, operator_rules(), everywhere=True),
        *render_grant(OPERATOR, namespace, operator_namespace_rules(), everywhere=False),
    ]
