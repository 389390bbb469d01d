"""A virt-handler changes what is on its own node and nothing else, whatever its role allows: whoever takes over a node has that node's machines, not all.

In: the installation's namespace. Out: a ValidatingAdmissionPolicy and its binding; the API server judges by itself, so this holds without virt-api too. The
node is the one that the account's token was issued on; a token that was issued to no pod names none and is left to RBAC.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.installation import pods, rbac

NAME = rbac.NODE_RESTRICTION
_GROUP = "admissionregistration.k8s.io"
_NODE = "request.userInfo.extra['authentication.kubernetes.io/node-name']"
#: KubeVirt's message
INSTANCES = "Node restriction, virt-handler is only allowed to modify VMIs it owns"
NODES = "Node restriction, virt-handler is only allowed to modify its own node"

_VARIABLES = {
    "node": f"{_NODE}[0]",
    "source": "has(oldObject.status) && has(oldObject.status.nodeName) ? oldObject.status.nodeName : ''",
    "target": "has(oldObject.status) && has(oldObject.status.migrationState) && has(oldObject.status.migrationState.targetNode)"
    " ? oldObject.status.migrationState.targetNode : ''",
}


def _rule(group: str, versions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "apiVersions": versions, "operations": ["UPDATE"], "resources": resources}


def _policy(namespace: str) -> dict[str, Any]:
    account = f"system:serviceaccount:{namespace}:{rbac.HANDLER}"
    named = (
        "has(request.userInfo.extra) && 'authentication.kubernetes.io/node-name' in request.userInfo.extra"
        f" && size({_NODE}) > 0"
    )
    own_instance = "request.resource.resource == 'nodes' || variables.node in [variables.source, variables.target]"
    own_node = "request.resource.resource != 'nodes' || variables.node == request.name"
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                _rule("kubevirt.io", ["*"], ["virtualmachineinstances", "virtualmachineinstances/status"]),
                _rule("", ["v1"], ["nodes", "nodes/status"]),
            ]
        },
        "matchConditions": [
            {"name": "is-virt-handler", "expression": f"request.userInfo.username == '{account}'"},
            {"name": "comes-from-a-node", "expression": named},
        ],
        "variables": [{"name": name, "expression": expression} for name, expression in _VARIABLES.items()],
        "validations": [
            {"expression": own_instance, "message": INSTANCES},
            {"expression": own_node, "message": NODES},
        ],
    }


def render(namespace: str) -> list[dict[str, Any]]:
    """Policy and binding, in the order in which they are applied."""
    meta = {"name": NAME, "labels": pods.labels("virt-handler")}
    binding = {"policyName": NAME, "validationActions": ["Deny"]}
    return [
        {
            "apiVersion": f"{_GROUP}/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": meta,
            "spec": _policy(namespace),
        },
        {
            "apiVersion": f"{_GROUP}/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": meta,
            "spec": binding,
        },
    ]
