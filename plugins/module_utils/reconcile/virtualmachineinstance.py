"""What virt-controller does for a VirtualMachineInstance: a pod, the hand-over to the node, and the end.

In: the VMI, its launcher pods, the installation. Out: a Plan for the role `virtualmachineinstance`. Once the VMI is handed over, its phase is virt-handler's
(reconcile/domain.py); virt-controller then only mirrors the pod, and says so when the pod has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, errors, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.pod import additions, launcher
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import (
    installation,
    instance_status,
    plan,
    pod_state,
    reading,
    volume_status,
)

STEPS = (
    "add_finalizer",
    "tell_problem",
    "create_pod",
    "check_pod",
    "hand_over",
    "set_readiness",
    "tell_end",
    "delete_pod",
    "remove_finalizer",
)

#: reasons for which there is no pod; once there is one they are past
_WITHOUT_POD = (volume_status.PVC_NOT_FOUND, "FailedCreate")
#: how long a pod may be missing from view before the instance counts as lost
POD_MISSING_SECONDS = 5
#: how long after the guest's grace period virt-controller waits for virt-handler before it deletes the pod itself
SHUTDOWN_MARGIN_SECONDS = 10


def observe(vmi: Mapping[str, Any], reader: reading.Reader) -> dict[str, Any]:
    """The VMI's pods, the claims of its volumes, the installation, and what the namespace says to its additions."""
    meta, kubevirt = metadata.meta(vmi), installation.observe(reader)
    return {
        "pods": reader.list("v1", "Pod", namespace=meta["namespace"], owner_uid=meta["uid"]),
        "claims": volume_status.observe_claims(vmi, reader),
        "kubevirt": kubevirt,
        "variables": installation.observe_variables(kubevirt, reader, meta["namespace"]),
    }


def _pod_of(vmi: Mapping[str, Any], observed: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = metadata.launcher_pod_name(vmi)
    return next((pod for pod in observed["pods"] if metadata.meta(pod).get("name") == wanted), None)


def _reference(pod: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": metadata.meta(pod)["name"], "uid": metadata.meta(pod)["uid"]}


def _plan_deletion(vmi: Mapping[str, Any], pod: Mapping[str, Any] | None, now: str) -> plan.Plan:
    """The pod goes first, the finalizer last; virt-handler has the guest's grace period to turn it off."""
    if not metadata.has_finalizer(vmi, names.VMI_FINALIZER):
        return plan.Plan()
    if pod is None:
        return plan.Plan(steps={"remove_finalizer": {"finalizer": names.VMI_FINALIZER}})
    if metadata.is_deleting(pod):
        return plan.Plan()
    status = vmi.get("status") or {}
    over = pod_state.is_finished(pod) or status.get("phase") in names.FINAL_PHASES
    if not over and status.get("nodeName"):
        waited = metadata.seconds_between(metadata.meta(vmi)["deletionTimestamp"], now)
        left = launcher.grace_seconds(vmi) + SHUTDOWN_MARGIN_SECONDS - waited
        if left > 0:
            return plan.Plan(requeue_after=left)
    return plan.Plan(steps={"delete_pod": _reference(pod)})


def _not_created(vmi: Mapping[str, Any], problem: pod_state.Problem, now: str) -> plan.Plan:
    """No pod can be made, and the status tells why; when what it needs comes, the instance is looked at again."""
    status = instance_status.synchronized(vmi.get("status") or {}, problem.reason, problem.message, now=now)
    if problem.reason == volume_status.PVC_NOT_FOUND:
        unscheduled = pod_state.Problem(reason="Unschedulable", message=problem.message)
        status["conditions"] = conditions.put(status["conditions"], _unscheduled(unscheduled), now=now)
    changed = instance_status.changed(vmi, instance_status.in_phase(status, names.PENDING, now=now))
    if changed is None:
        return plan.Plan()
    return plan.Plan(steps={"tell_problem": {"reason": problem.reason, "message": problem.message}}, status=changed)


def _unscheduled(problem: pod_state.Problem) -> dict[str, Any]:
    """Condition PodScheduled=False."""
    return {"type": names.POD_SCHEDULED, "status": "False", "reason": problem.reason, "message": problem.message}


def _plan_creation(vmi: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    steps: dict[str, Any] = {}
    if not metadata.has_finalizer(vmi, names.VMI_FINALIZER):
        steps["add_finalizer"] = {"finalizer": names.VMI_FINALIZER}
    if (problem := volume_status.claims_problem(observed["claims"])) is not None:
        return _not_created(vmi, problem, now)
    status = volume_status.with_claims(vmi.get("status") or {}, vmi, observed["claims"])
    try:
        pod = launcher.render_launcher_pod({**vmi, "status": status}, installation.launcher_of(observed["kubevirt"]))
        pod = additions.apply(pod, *installation.additions_for(observed, "launcherPod", vmi))
    except errors.InvalidObject as error:
        return _not_created(vmi, pod_state.Problem(reason="FailedCreate", message=str(error)), now)
    steps["create_pod"] = {"pod": pod}
    status = instance_status.in_phase(_mirror(vmi, pod, observed, now), names.SCHEDULING, now=now)
    return plan.Plan(steps=plan.steps_in_order(STEPS, steps), status=status)


def _plan_missing_pod(vmi: Mapping[str, Any], now: str) -> plan.Plan:
    """The pod that was there is not seen: believe it only after a while, since the two are watched apart."""
    status = vmi.get("status") or {}
    age = instance_status.seconds_in_phase(status, now=now)
    if age < POD_MISSING_SECONDS:
        return plan.Plan(requeue_after=POD_MISSING_SECONDS - age)
    failed = instance_status.in_phase(status, names.FAILED, now=now, reason="PodDeleted")
    message = "the launcher pod is gone: it was deleted, or its node was removed"
    return plan.Plan(status=instance_status.ready(failed, pod_reason="PodNotExists", message=message, now=now))


def _mirror(vmi: Mapping[str, Any], pod: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The VMI's status with what its pod and its claims say."""
    status = volume_status.with_claims(vmi.get("status") or {}, vmi, observed["claims"])
    spec, pod_status = pod.get("spec") or {}, pod.get("status") or {}
    if spec.get("nodeName"):
        status["activePods"] = {metadata.meta(pod)["uid"]: spec["nodeName"]}
    if pod_status.get("qosClass"):
        status["qosClass"] = pod_status["qosClass"]
    status["launcherContainerImageVersion"] = spec["containers"][0]["image"]
    status["runtimeUser"] = names.LAUNCHER_UID
    problem = pod_state.scheduling_problem(pod)
    listed = status.get("conditions")
    if problem is not None:
        status["conditions"] = conditions.put(listed, _unscheduled(problem), now=now)
    elif conditions.get(listed, names.POD_SCHEDULED):
        status["conditions"] = conditions.remove(listed, names.POD_SCHEDULED)
    told = conditions.get(status.get("conditions"), names.SYNCHRONIZED)
    if told is not None and told.get("reason") in _WITHOUT_POD:
        status["conditions"] = conditions.remove(status.get("conditions"), names.SYNCHRONIZED)
    return status


def _finished(status: Mapping[str, Any], pod: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The pod has ended: so has the instance, the same way."""
    phase, message = pod_state.outcome(pod)
    final = instance_status.in_phase(
        status, phase, now=now, reason="GuestStopped" if phase == names.SUCCEEDED else "LauncherFailed"
    )
    if phase == names.FAILED:
        final = instance_status.synchronized(final, "LauncherFailed", message, now=now)
    return instance_status.ready(
        final, pod_reason="GuestNotRunning", message="Guest VM is not reported as running", now=now
    )


def _readiness(vmi: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the pod's readiness gate has to say and does not: false while the guest is paused, or is about to start so."""
    status = vmi.get("status") or {}
    starts_paused = vmi["spec"].get("startStrategy") == "Paused" and status.get("phase") != names.RUNNING
    paused = starts_paused or conditions.is_true(status.get("conditions"), names.PAUSED)
    wanted = {
        "type": names.UNPAUSED,
        "status": "False" if paused else "True",
        "reason": "Paused" if paused else "NotPaused",
        "message": "the virtual machine is paused" if paused else "the virtual machine is not paused",
    }
    gates = [gate.get("conditionType") for gate in (pod.get("spec") or {}).get("readinessGates") or []]
    found = conditions.get((pod.get("status") or {}).get("conditions"), names.UNPAUSED) or {}
    if names.UNPAUSED not in gates or metadata.is_deleting(pod) or found.get("status") == wanted["status"]:
        return None
    return {"pod": _reference(pod), "condition": wanted}


def _plan_end(phase: str, status: Mapping[str, Any]) -> plan.Plan:
    """The pod has ended before virt-handler could say that the domain has; an Event tells of a guest that ran."""
    steps = {"tell_end": instance_status.END_EVENTS[status["phase"]]} if phase == names.RUNNING else {}
    return plan.Plan(steps=steps, status=dict(status))


def plan_virtualmachineinstance(vmi: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """The decision."""
    pod, status = _pod_of(vmi, observed), vmi.get("status") or {}
    phase = status.get("phase", "")
    if metadata.is_deleting(vmi):
        return _plan_deletion(vmi, pod, now)
    if phase in names.FINAL_PHASES:
        return plan.Plan()
    if pod is None:
        return _plan_creation(vmi, observed, now) if phase in ("", names.PENDING) else _plan_missing_pod(vmi, now)
    mirrored = _mirror(vmi, pod, observed, now)
    if phase in ("", names.PENDING):
        mirrored = instance_status.in_phase(mirrored, names.SCHEDULING, now=now)
    if pod_state.is_finished(pod):
        return _plan_end(phase, _finished(mirrored, pod, now))
    steps: dict[str, Any] = {}
    problem = pod_state.scheduling_problem(pod) or pod_state.image_problem(pod)
    if problem is not None and not metadata.is_deleting(pod):
        steps["check_pod"] = {"problem": problem.message, "reason": problem.reason}
    node_name = (pod.get("spec") or {}).get("nodeName")
    if node_name and not status.get("nodeName"):
        steps["hand_over"] = {"node_name": node_name, "pod": _reference(pod)}
        mirrored = instance_status.in_phase({**mirrored, "nodeName": node_name}, names.SCHEDULED, now=now)
    if node_name and (readiness := _readiness(vmi, pod)):
        steps["set_readiness"] = readiness
    if status.get("phase") == names.RUNNING:
        mirrored = instance_status.ready_like_pod(mirrored, pod, now=now)
    changed = instance_status.changed(vmi, mirrored)
    return plan.Plan(steps=plan.steps_in_order(STEPS, steps), status=changed)
