"""How the API server is told of virt-api: webhook configurations, and the conversion of VirtualMachine.

In: settings, the bundle of authorities to trust. Out: manifests. Rules list each served version and match exactly, so that virt-api sees an object as its
client wrote it. Status is not asked about; nor are changes by playvirt's own accounts, and objects that are being deleted: deletion works without virt-api.
What playvirt makes is judged like what people make. A KubeVirt may be changed while virt-api is away, or a broken installation could not be mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import crds, names
from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates, pods, rbac
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

NAME = "virt-api"
VALIDATOR, MUTATOR = "virt-api-validator", "virt-api-mutator"
DEFINITION = "virtualmachines.kubevirt.io"
_TIMEOUT_SECONDS = 10

#: KubeVirt's name of the webhook -> kind, operations
_VALIDATED: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("virtualmachine-validator", "VirtualMachine", ("CREATE", "UPDATE")),
    ("virtualmachineinstances-create-validator", "VirtualMachineInstance", ("CREATE",)),
    ("virtualmachineinstances-update-validator", "VirtualMachineInstance", ("UPDATE",)),
    ("virtualmachinereplicaset-validator", "VirtualMachineInstanceReplicaSet", ("CREATE", "UPDATE")),
    ("virtualmachinepreset-validator", "VirtualMachineInstancePreset", ("CREATE", "UPDATE")),
    ("migration-create-validator", "VirtualMachineInstanceMigration", ("CREATE",)),
    ("migration-update-validator", "VirtualMachineInstanceMigration", ("UPDATE",)),
    ("migration-policy-validator", "MigrationPolicy", ("CREATE", "UPDATE")),
    ("kubevirt-validator", "KubeVirt", ("CREATE", "UPDATE")),
)
_MUTATED: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("virtualmachines-mutator", "VirtualMachine", ("CREATE", "UPDATE")),
    ("virtualmachineinstances-mutator", "VirtualMachineInstance", ("CREATE",)),
    ("migrations-mutator", "VirtualMachineInstanceMigration", ("CREATE",)),
)


def _client_config(namespace: str, path: str, bundle: str) -> dict[str, Any]:
    service = {"namespace": namespace, "name": certificates.SERVICE, "path": path, "port": 443}
    return {"service": service, "caBundle": bundle}


def _conditions(namespace: str) -> list[dict[str, str]]:
    accounts = ", ".join(
        f"'system:serviceaccount:{namespace}:{account}'" for account in (rbac.CONTROLLER, rbac.HANDLER, rbac.OPERATOR)
    )
    made = "request.operation == 'CREATE'"
    return [
        {
            "name": "is-not-being-deleted",
            "expression": f"{made} || !has(object.metadata.deletionTimestamp)",
        },
        {
            "name": "is-not-playvirt",
            "expression": f"{made} || !(request.userInfo.username in [{accounts}])",
        },
    ]


def _rule(kind: str, operations: Sequence[str]) -> dict[str, Any]:
    found = next(known for known in crds.KINDS if known.kind == kind)
    return {
        "apiGroups": [found.group],
        "apiVersions": [version.name for version in found.versions],
        "operations": list(operations),
        "resources": [found.plural],
        "scope": "Namespaced" if found.namespaced else "Cluster",
    }


def _webhook(name: str, kind: str, operations: Sequence[str], client: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {
        "name": f"{name}.kubevirt.io",
        "clientConfig": client,
        "rules": [_rule(kind, operations)],
        "matchPolicy": "Exact",
        "matchConditions": _conditions(namespace),
        "failurePolicy": "Ignore" if kind == "KubeVirt" else "Fail",
        "sideEffects": "None",
        "timeoutSeconds": _TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }


def _configuration(
    kind: str, name: str, listed: Sequence[tuple[str, str, tuple[str, ...]]], client: dict[str, Any], namespace: str
) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": pods.labels(NAME)},
        "webhooks": [_webhook(webhook, of, operations, client, namespace) for webhook, of, operations in listed],
    }


def render_configurations(settings: settings_types.Settings, bundle: str) -> list[dict[str, Any]]:
    """The webhook configurations; `bundle` is the authorities' certificates, base64 of PEM."""
    namespace = settings.namespace
    validate, mutate = (_client_config(namespace, path, bundle) for path in ("/validate", "/mutate"))
    return [
        _configuration("MutatingWebhookConfiguration", MUTATOR, _MUTATED, mutate, namespace),
        _configuration("ValidatingWebhookConfiguration", VALIDATOR, _VALIDATED, validate, namespace),
    ]


def conversion_patch(settings: settings_types.Settings, bundle: str) -> dict[str, Any]:
    """What the definition of VirtualMachine has to say about conversion."""
    client = _client_config(settings.namespace, "/convert", bundle)
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    return {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}}}


def definition() -> dict[str, Any]:
    """The definition of VirtualMachine, as far as it has to be named."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION, "labels": {names.APP: ""}},
    }
