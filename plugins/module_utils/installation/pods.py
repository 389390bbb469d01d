"""What the pods of virt-operator, virt-controller and virt-handler have in common: they run the runner. Some of it serves virt-api too.

In: settings, the component's name, what is special about it. Out: parts of a pod template. Called by the file of each component.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

MANAGER = "playvirt"
TEMPLATE_HASH = "playvirt.io/template-hash"
PRIORITY_CLASS = "kubevirt-cluster-critical"
HEALTH_PORT = 8081
USER = 1001
SOCKET_DIRECTORY = "/run/playvirt"
HOOKS_DIRECTORY = "/etc/playvirt/hooks"


@dataclass(frozen=True, kw_only=True)
class Component:
    """What a component's runner is started with.

    `hooks` are the roles whose hook points an administrator can fill from a ConfigMap `playvirt-hooks-<role>`; `arguments` and `environment` come
    after those that every runner has. `cpu` is its weight where the node's CPUs are contended: beside guests that compute, each of which weighs its
    virtual CPUs' requests, a component with the usual few millicores would get next to nothing.
    """

    name: str
    hooks: Sequence[str]
    arguments: Sequence[str] = ()
    environment: Sequence[Mapping[str, Any]] = ()
    cpu: str
    memory: str = "150Mi"
    mounts: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def labels(component: str) -> dict[str, str]:
    """The labels of an object that belongs to a component."""
    return {
        names.APP: component,
        names.MANAGED_BY: MANAGER,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "kubevirt",
    }


def variable(name: str, value: str) -> dict[str, Any]:
    """An environment variable with a value."""
    return {"name": name, "value": value}


def variable_from(name: str, path: str) -> dict[str, Any]:
    """An environment variable with a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def election(name: str) -> list[str]:
    """The runner's arguments for working only while holding the Lease of that name; READY says which replica works."""
    return ["--leader-elect", "--lease-name", name, "--standby-ready=false"]


def probe(path: str, *, period_seconds: int, failures: int, timeout_seconds: int = 5) -> dict[str, Any]:
    """A probe of the health port."""
    return {
        "httpGet": {"path": path, "port": "health", "scheme": "HTTP"},
        "periodSeconds": period_seconds,
        "failureThreshold": failures,
        "timeoutSeconds": timeout_seconds,
    }


def restricted() -> dict[str, Any]:
    """The security context of a container that needs nothing of its node."""
    return {
        "runAsUser": USER,
        "runAsGroup": USER,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def runner_container(
    component: Component, settings: settings_types.Settings, *, security_context: Mapping[str, Any]
) -> dict[str, Any]:
    """The container that runs the runner with the component's watch list; its probes are the runner's own answers."""
    return {
        "name": component.name,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/bin/playvirt-runner"],
        "args": ["--watches-file", component.name, "--health-address", f":{HEALTH_PORT}", *component.arguments],
        "env": [
            variable_from("POD_NAMESPACE", "metadata.namespace"),
            variable_from("POD_NAME", "metadata.name"),
            variable_from("NODE_NAME", "spec.nodeName"),
            *(dict(entry) for entry in component.environment),
        ],
        "ports": [{"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"}],
        "startupProbe": probe("/healthz", period_seconds=1, failures=180),
        "livenessProbe": probe("/healthz", period_seconds=20, failures=3, timeout_seconds=10),
        "readinessProbe": probe("/readyz", period_seconds=2, failures=2),
        "resources": {"requests": {"cpu": component.cpu, "memory": component.memory}},
        "securityContext": dict(security_context),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*(dict(mount) for mount in component.mounts), *hook_mounts(component.hooks)],
    }


def working_mounts() -> list[dict[str, Any]]:
    """Where a runner of a read-only image may write: its socket and temporary files."""
    return [{"name": "socket", "mountPath": SOCKET_DIRECTORY}, {"name": "tmp", "mountPath": "/tmp"}]


def working_volumes() -> list[dict[str, Any]]:
    """The volumes of working_mounts."""
    return [{"name": "socket", "emptyDir": {"medium": "Memory"}}, {"name": "tmp", "emptyDir": {}}]


def hook_mounts(roles: Sequence[str]) -> list[dict[str, Any]]:
    """Where the roles look for an administrator's own steps."""
    return [{"name": f"hooks-{role}", "mountPath": f"{HOOKS_DIRECTORY}/{role}", "readOnly": True} for role in roles]


def hook_volumes(roles: Sequence[str]) -> list[dict[str, Any]]:
    """The volumes of hook_mounts: ConfigMaps of the installation's namespace, which need not exist."""
    return [
        {"name": f"hooks-{role}", "configMap": {"name": f"playvirt-hooks-{role}", "optional": True}} for role in roles
    ]


def template(component: str, pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """A pod template, with a hash of itself, so that a pod tells from which template it was made."""
    digest = hashlib.sha256(json.dumps(pod_spec, sort_keys=True).encode()).hexdigest()[:12]
    return {
        "metadata": {
            "labels": labels(component),
            "annotations": {TEMPLATE_HASH: digest, names.DEFAULT_CONTAINER: component},
        },
        "spec": dict(pod_spec),
    }


def template_hash(obj: Mapping[str, Any]) -> str | None:
    """The hash of the template that a pod was made from, or of a Deployment's or DaemonSet's own template."""
    inner = (obj.get("spec") or {}).get("template") or obj
    found: str | None = ((inner.get("metadata") or {}).get("annotations") or {}).get(TEMPLATE_HASH)
    return found


def preferring_other_nodes(component: str) -> dict[str, Any]:
    """An affinity that spreads a component's replicas over the nodes where there are several."""
    term = {
        "labelSelector": {"matchLabels": {names.APP: component}},
        "topologyKey": "kubernetes.io/hostname",
    }
    preferred = [{"weight": 1, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
