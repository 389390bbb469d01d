"""Whether a component of the installation works: virt-api by its Deployment, virt-controller by its Lease, virt-handler by its DaemonSet.

In: the component's objects as read, its pods. Out: a sentence about what is missing, or None where it works at the version wanted. The sentence names
the pod's own trouble (an image that cannot be pulled, a container that crashes), since that is what a person has to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.installation import pods as pod_parts
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import pod_state

#: a holder's clock may differ from ours
CLOCK_SLACK_SECONDS = 15.0
_USUAL_WAITS = ("ContainerCreating", "PodInitializing", "")


def lease_seconds_left(lease: Mapping[str, Any] | None, *, now: str) -> float:
    """How long the Lease's holder counts as alive if it does not renew any more; 0 where nobody holds it."""
    spec = (lease or {}).get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return 0.0
    age = metadata.seconds_between(spec["renewTime"], now)
    return max(0.0, float(spec.get("leaseDurationSeconds") or 0) + CLOCK_SLACK_SECONDS - age)


def _waiting(pod: Mapping[str, Any]) -> str | None:
    """Why a container of the pod does not run."""
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        waiting = state.get("waiting") or {}
        if waiting.get("reason", "") not in _USUAL_WAITS:
            return f"{waiting['reason']}: {waiting.get('message') or 'container ' + container['name']}"
        ended = state.get("terminated") or {}
        if ended.get("exitCode"):
            told = ended.get("message") or ended.get("reason") or "no message"
            return f"container {container['name']} ended with code {ended['exitCode']}: {str(told).strip()[-300:]}"
    return None


def trouble(pods: Iterable[Mapping[str, Any]]) -> str:
    """The first trouble of these pods as the end of a sentence: ` (pod NAME: REASON: MESSAGE)`, or nothing."""
    for pod in pods:
        problem = pod_state.scheduling_problem(pod)
        told = f"{problem.reason}: {problem.message}" if problem else _waiting(pod)
        if told:
            return f" (pod {metadata.meta(pod)['name']}: {told})"
    return ""


def _is_seen(workload: Mapping[str, Any]) -> bool:
    """Whether Kubernetes has acted on the newest form of a Deployment or DaemonSet."""
    observed = (workload.get("status") or {}).get("observedGeneration", 0)
    return bool(observed >= metadata.meta(workload).get("generation", 1))


def controller_problem(
    deployment: Mapping[str, Any] | None,
    lease: Mapping[str, Any] | None,
    pods: Sequence[Mapping[str, Any]],
    *,
    now: str,
) -> str | None:
    """What keeps virt-controller from working: its Lease has to be held by a living pod of the Deployment's present template."""
    if deployment is None or not _is_seen(deployment):
        return "virt-controller is being deployed"
    if lease_seconds_left(lease, now=now) <= 0:
        return f"virt-controller: no replica holds its Lease yet{trouble(pods)}"
    holder = (lease or {})["spec"]["holderIdentity"]
    pod = next((pod for pod in pods if metadata.meta(pod)["name"] == holder), None)
    if pod is None or metadata.is_deleting(pod) or pod_state.is_finished(pod):
        return f"virt-controller: its Lease is held by {holder}, which is gone{trouble(pods)}"
    if pod_parts.template_hash(pod) != pod_parts.template_hash(deployment):
        newer = [pod for pod in pods if pod_parts.template_hash(pod) == pod_parts.template_hash(deployment)]
        return f"virt-controller: its Lease is still held by {holder}, a pod of an earlier version{trouble(newer)}"
    return None


def api_problem(deployment: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]) -> str | None:
    """What keeps virt-api from working: a replica of the present template has to be ready."""
    if deployment is None or not _is_seen(deployment):
        return "virt-api is being deployed"
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    if not status.get("availableReplicas"):
        return f"virt-api: no replica is ready{trouble(pods)}"
    if status.get("updatedReplicas", 0) < wanted:
        return f"virt-api: {status.get('updatedReplicas', 0)} of {wanted} replicas have the new version{trouble(pods)}"
    return None


def handler_problem(daemonset: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]) -> str | None:
    """What keeps virt-handler from working: it has to be available on every node, each with the present template."""
    if daemonset is None or not _is_seen(daemonset):
        return "virt-handler is being deployed"
    status = daemonset.get("status") or {}
    desired = status.get("desiredNumberScheduled", 0)
    updated = status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", 0)
    if updated < desired:
        return f"virt-handler: {updated} of {desired} nodes have the new version{trouble(pods)}"
    if available < desired:
        return f"virt-handler: available on {available} of {desired} nodes{trouble(pods)}"
    return None


def operator_problem(deployment: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]) -> str | None:
    """What keeps virt-operator from working: one pod of the present template has to be ready."""
    if deployment is None:
        return "virt-operator is not deployed"
    status = deployment.get("status") or {}
    ready = status.get("updatedReplicas", 0) > 0 and status.get("availableReplicas", 0) > 0
    if _is_seen(deployment) and ready:
        return None
    return f"virt-operator is starting{trouble(pods)}"
