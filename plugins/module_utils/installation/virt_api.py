"""virt-api: two replicas that the API server asks before it stores an object.

In: settings. Out: Deployment, Service and PodDisruptionBudget. An update starts the new replica before an old one ends, and one that ends serves on until the
API server has heard of it, so that no request is refused.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates, pods, rbac
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

NAME = "virt-api"
REPLICAS = 2
PORT = 8443
CERTIFICATE_DIRECTORY = "/etc/virt-api/certificates"
_LEAVE, _DRAIN = "10s", "10s"


def _container(settings: settings_types.Settings) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["python3", "-m", "ansible_collections.playvirt.core.images.virt_api"],
        "args": [
            *("--address", f":{PORT}", "--health-address", f":{pods.HEALTH_PORT}"),
            *("--certificate-directory", CERTIFICATE_DIRECTORY, "--leave", _LEAVE, "--drain", _DRAIN),
        ],
        "env": [pods.variable_from("POD_NAMESPACE", "metadata.namespace")],
        "ports": [
            {"name": "webhooks", "containerPort": PORT, "protocol": "TCP"},
            {"name": "health", "containerPort": pods.HEALTH_PORT, "protocol": "TCP"},
        ],
        "startupProbe": pods.probe("/healthz", period_seconds=1, failures=180),
        "livenessProbe": pods.probe("/healthz", period_seconds=20, failures=3, timeout_seconds=10),
        "readinessProbe": pods.probe("/readyz", period_seconds=2, failures=2),
        "resources": {"requests": {"cpu": "50m", "memory": "100Mi"}},
        "securityContext": pods.restricted(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "certificates", "mountPath": CERTIFICATE_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def render_deployment(settings: settings_types.Settings) -> dict[str, Any]:
    """The Deployment."""
    pod_spec = {
        "serviceAccountName": rbac.API,
        "priorityClassName": pods.PRIORITY_CLASS,
        "terminationGracePeriodSeconds": 40,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "affinity": pods.preferring_other_nodes(NAME),
        "containers": [_container(settings)],
        "volumes": [
            {"name": "certificates", "secret": {"secretName": certificates.SERVING_SECRET, "defaultMode": 0o444}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": settings.namespace, "labels": pods.labels(NAME)},
        "spec": {
            "replicas": REPLICAS,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": {names.APP: NAME}},
            "template": pods.template(NAME, pod_spec),
        },
    }


def render_service(settings: settings_types.Settings) -> dict[str, Any]:
    """The Service by which the API server reaches it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": certificates.SERVICE, "namespace": settings.namespace, "labels": pods.labels(NAME)},
        "spec": {
            "selector": {names.APP: NAME},
            "ports": [{"name": "webhooks", "port": 443, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def render_budget(settings: settings_types.Settings) -> dict[str, Any]:
    """A drain leaves one replica."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": NAME, "namespace": settings.namespace, "labels": pods.labels(NAME)},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {names.APP: NAME}}},
    }


def render(settings: settings_types.Settings) -> list[dict[str, Any]]:
    """All of it, in the order in which it is applied."""
    return [render_service(settings), render_budget(settings), render_deployment(settings)]
