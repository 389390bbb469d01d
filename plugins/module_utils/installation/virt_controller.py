"""virt-controller: two replicas, of which the one with the Lease works.

In: settings. Out: its Deployment. The standby is not Ready, so the Deployment never becomes complete in Kubernetes' eyes: all of it may be unavailable during
an update, and no deadline counts; whether it works is judged by its Lease (reconcile/component_state.py).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.installation import pods, rbac
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

NAME = "virt-controller"
REPLICAS = 2
#: Kubernetes' way to say "no deadline"
_NO_DEADLINE = 2147483647


def render_deployment(settings: settings_types.Settings) -> dict[str, Any]:
    """The Deployment."""
    component = pods.Component(
        name=NAME,
        hooks=("virtualmachine", "virtualmachineinstance"),
        arguments=pods.election(NAME),
        cpu="100m",
        mounts=pods.working_mounts(),
    )
    pod_spec = {
        "serviceAccountName": rbac.CONTROLLER,
        "priorityClassName": pods.PRIORITY_CLASS,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "affinity": pods.preferring_other_nodes(NAME),
        "containers": [pods.runner_container(component, settings, security_context=pods.restricted())],
        "volumes": [*pods.working_volumes(), *pods.hook_volumes(component.hooks)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": settings.namespace, "labels": pods.labels(NAME)},
        "spec": {
            "replicas": REPLICAS,
            "progressDeadlineSeconds": _NO_DEADLINE,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 1}},
            "selector": {"matchLabels": {names.APP: NAME}},
            "template": pods.template(NAME, pod_spec),
        },
    }
