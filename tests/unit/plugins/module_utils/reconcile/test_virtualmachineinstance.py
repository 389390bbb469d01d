"""virt-controller's decisions for a VirtualMachineInstance, from creation to the last finalizer. Not here: the domain (test_domain.py)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan, planners
from ansible_collections.playvirt.core.tests.unit.fakes import cluster as fake

NOW = "2030-01-01T00:10:00Z"
PLANNER = planners.PLANNERS["virtualmachineinstance"]


@pytest.fixture
def cluster() -> fake.Cluster:
    return fake.Cluster()


def _vmi(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "a", "namespace": "ns", "uid": "u1"},
        "spec": {"domain": {"memory": {"guest": "64Mi"}, "devices": {}}, "terminationGracePeriodSeconds": 20},
        **({"status": status} if status else {}),
    }


def _decide(cluster: fake.Cluster, vmi: dict[str, Any], now: str = NOW) -> plan.Plan:
    return PLANNER.plan(vmi, PLANNER.observe(vmi, cluster), now)


def _started(cluster: fake.Cluster) -> tuple[dict[str, Any], dict[str, Any]]:
    """A VMI whose creation plan was carried out; the pod as created."""
    vmi = _vmi()
    made = _decide(cluster, vmi)
    pod = cluster.put(made.steps["create_pod"]["pod"])
    vmi["metadata"]["finalizers"] = [made.steps["add_finalizer"]["finalizer"]]
    vmi["status"] = dict(made.status)
    return vmi, pod


def _handed_over(cluster: fake.Cluster) -> tuple[dict[str, Any], dict[str, Any]]:
    vmi, pod = _started(cluster)
    pod["spec"]["nodeName"] = "node01"
    vmi["status"] = dict(_decide(cluster, vmi).status)
    return vmi, pod


def test_creation_protects_then_makes_the_pod(cluster: fake.Cluster) -> None:
    made = _decide(cluster, _vmi())
    assert list(made.steps) == ["add_finalizer", "create_pod"]
    assert made.steps["create_pod"]["pod"]["metadata"]["name"].startswith("virt-launcher-a-")
    assert made.status["phase"] == "Scheduling"


def test_a_second_look_before_the_pod_is_scheduled_finds_nothing_to_do(cluster: fake.Cluster) -> None:
    vmi, _pod = _started(cluster)
    assert _decide(cluster, vmi).is_empty


def test_hand_over_as_soon_as_the_pod_has_a_node(cluster: fake.Cluster) -> None:
    vmi, pod = _started(cluster)
    pod["spec"]["nodeName"] = "node01"
    handed = _decide(cluster, vmi)
    assert list(handed.steps) == ["hand_over", "set_readiness"]
    assert (handed.status["phase"], handed.status["nodeName"]) == ("Scheduled", "node01")
    assert handed.status["activePods"] == {pod["metadata"]["uid"]: "node01"}
    assert [stamp["phase"] for stamp in handed.status["phaseTransitionTimestamps"]] == ["Scheduling", "Scheduled"]


def test_without_memory_nothing_is_created_and_the_status_says_why(cluster: fake.Cluster) -> None:
    vmi = _vmi()
    vmi["spec"]["domain"]["memory"] = {}
    refused = _decide(cluster, vmi)
    assert list(refused.steps) == ["tell_problem"]
    (condition,) = refused.status["conditions"]
    assert condition["type"] == "Synchronized"
    assert "spec.domain.memory.guest" in condition["message"]


def test_before_the_installation_is_there_it_is_tried_again(cluster: fake.Cluster) -> None:
    cluster.objects.clear()
    with pytest.raises(errors.NotReady):
        _decide(cluster, _vmi())


def test_an_unschedulable_pod_fails_a_step_with_the_schedulers_words(cluster: fake.Cluster) -> None:
    vmi, pod = _started(cluster)
    message = "0/1 nodes are available: 1 Insufficient memory."
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}],
    }
    checked = _decide(cluster, vmi)
    assert checked.steps["check_pod"] == {"problem": message, "reason": "Unschedulable"}
    assert {"PodScheduled"} == {c["type"] for c in checked.status["conditions"]}
    pod["status"] = {"phase": "Pending"}
    pod["spec"]["nodeName"] = "node01"
    vmi["status"] = dict(checked.status)
    assert "conditions" not in _decide(cluster, vmi).status or not _decide(cluster, vmi).status["conditions"]


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"])
def test_an_image_that_cannot_be_pulled_fails_a_step(cluster: fake.Cluster, reason: str) -> None:
    vmi, pod = _handed_over(cluster)
    waiting = {"name": "compute", "state": {"waiting": {"reason": reason, "message": "no such image"}}}
    pod["status"] = {"phase": "Pending", "containerStatuses": [waiting]}
    assert _decide(cluster, vmi).steps["check_pod"] == {"problem": "no such image", "reason": reason}


@pytest.mark.parametrize(("pod_phase", "phase"), [("Succeeded", "Succeeded"), ("Failed", "Failed")])
@pytest.mark.parametrize("before", ["Scheduled", "Running"])
def test_a_finished_pod_ends_the_instance(cluster: fake.Cluster, pod_phase: str, phase: str, before: str) -> None:
    vmi, pod = _handed_over(cluster)
    vmi["status"]["phase"] = before
    code = 0 if pod_phase == "Succeeded" else 137
    ended = {"name": "compute", "state": {"terminated": {"exitCode": code, "reason": "Error"}}}
    pod["status"] = {"phase": pod_phase, "containerStatuses": [ended]}
    over = _decide(cluster, vmi)
    type_, verb = ("Normal", "was shut down") if phase == "Succeeded" else ("Warning", "crashed")
    told = {"tell_end": {"type": type_, "message": f"The VirtualMachineInstance {verb}."}}
    assert over.steps == (told if before == "Running" else {}), "nothing is told of a guest that has not run"
    assert over.status["phase"] == phase
    if phase == "Failed":
        said = next(c for c in over.status["conditions"] if c["type"] == "Synchronized")
        assert "137" in said["message"]


def test_a_missing_pod_is_believed_after_a_while(cluster: fake.Cluster) -> None:
    vmi, pod = _started(cluster)
    cluster.remove(pod)
    soon = _decide(cluster, vmi, "2030-01-01T00:10:01Z")
    assert soon.is_empty
    assert soon.requeue_after == pytest.approx(4)
    late = _decide(cluster, vmi, "2030-01-01T00:10:06Z")
    assert late.status["phase"] == "Failed"
    assert late.status["reason"] == "PodDeleted"


def test_a_final_instance_is_left_alone(cluster: fake.Cluster) -> None:
    assert _decide(cluster, _vmi(phase="Succeeded")).is_empty
    assert _decide(cluster, _vmi(phase="Failed")).is_empty


def test_ready_follows_the_pod_while_running(cluster: fake.Cluster) -> None:
    vmi, pod = _handed_over(cluster)
    vmi["status"]["phase"] = "Running"
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    (ready,) = _decide(cluster, vmi).status["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    pod["metadata"]["deletionTimestamp"] = NOW
    (ready,) = _decide(cluster, vmi).status["conditions"]
    assert ready["reason"] == "PodTerminating"


def _told(decision: plan.Plan, pod: dict[str, Any]) -> str:
    """Carry out the step on the pod, as the role does; the status that its readiness gate then has."""
    condition = decision.steps["set_readiness"]["condition"]
    pod.setdefault("status", {})["conditions"] = [condition]
    return f"{condition['status']} {condition['reason']}"


def test_the_readiness_gate_says_whether_the_guest_is_paused(cluster: fake.Cluster) -> None:
    vmi, pod = _handed_over(cluster)
    assert _told(_decide(cluster, vmi), pod) == "True NotPaused"
    assert "set_readiness" not in _decide(cluster, vmi).steps
    vmi["status"] |= {"phase": "Running", "conditions": [{"type": "Paused", "status": "True"}]}
    assert _told(_decide(cluster, vmi), pod) == "False Paused"
    assert "set_readiness" not in _decide(cluster, vmi).steps
    vmi["status"]["conditions"] = []
    assert _told(_decide(cluster, vmi), pod) == "True NotPaused"


def test_a_guest_that_starts_paused_is_not_ready_before(cluster: fake.Cluster) -> None:
    vmi, pod = _handed_over(cluster)
    vmi["spec"]["startStrategy"] = "Paused"
    assert _told(_decide(cluster, vmi), pod) == "False Paused"
    vmi["status"] |= {"phase": "Running", "conditions": []}
    assert _told(_decide(cluster, vmi), pod) == "True NotPaused"


def test_the_gate_is_not_set_on_pods_that_have_none_or_go(cluster: fake.Cluster) -> None:
    vmi, pod = _handed_over(cluster)
    pod["metadata"]["deletionTimestamp"] = NOW
    assert "set_readiness" not in _decide(cluster, vmi).steps
    del pod["metadata"]["deletionTimestamp"], pod["spec"]["readinessGates"]
    assert "set_readiness" not in _decide(cluster, vmi).steps


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"developerConfiguration": {"cpuAllocationRatio": 0}}, "developerConfiguration.cpuAllocationRatio '0'"),
        ({"developerConfiguration": {"memoryOvercommit": -1}}, "developerConfiguration.memoryOvercommit '-1'"),
        ({"additionalGuestMemoryOverheadRatio": "much"}, "additionalGuestMemoryOverheadRatio 'much'"),
    ],
)
def test_a_sizing_that_cannot_be_is_named_on_the_instance(
    cluster: fake.Cluster, configuration: dict[str, Any], field: str
) -> None:
    cluster.objects["KubeVirt", "kubevirt", "kubevirt"]["spec"]["configuration"] = configuration
    refused = _decide(cluster, _vmi())
    assert "create_pod" not in refused.steps
    assert refused.status["conditions"][0]["message"].startswith(f"spec.configuration.{field} of the KubeVirt")


ADDITIONS = {
    "variables": [{"name": "team", "pattern": "[a-z]+"}],
    "launcherPod": [{"name": "team", "metadata": {"annotations": {"team": "${team}"}}}],
}


def test_additions_wait_for_the_namespace_and_go_into_the_pod(cluster: fake.Cluster) -> None:
    cluster.objects["KubeVirt", "kubevirt", "kubevirt"]["spec"]["configuration"] = {"additions": ADDITIONS}
    waiting = _decide(cluster, _vmi())
    assert waiting.status["phase"] == "Pending"
    assert "addition 'team' needs 'team'" in waiting.status["conditions"][0]["message"]
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "playvirt-variables", "namespace": "ns"},
        "data": {"team": "red"},
    }
    cluster.put(config_map)
    made = _decide(cluster, _vmi(**waiting.status))
    assert made.steps["create_pod"]["pod"]["metadata"]["annotations"]["team"] == "red"


def test_deletion_waits_for_the_handler_then_deletes_the_pod_itself(cluster: fake.Cluster) -> None:
    vmi, _pod = _handed_over(cluster)
    vmi["metadata"]["deletionTimestamp"] = "2030-01-01T00:10:00Z"
    waiting = _decide(cluster, vmi, "2030-01-01T00:10:05Z")
    assert waiting.is_empty
    assert waiting.requeue_after == pytest.approx(25)
    assert list(_decide(cluster, vmi, "2030-01-01T00:10:30Z").steps) == ["delete_pod"]


def test_deletion_goes_pod_first_finalizer_last(cluster: fake.Cluster) -> None:
    vmi, pod = _handed_over(cluster)
    vmi["metadata"]["deletionTimestamp"] = NOW
    pod["status"] = {"phase": "Succeeded"}
    assert _decide(cluster, vmi).steps == {
        "delete_pod": {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    }
    pod["metadata"]["deletionTimestamp"] = NOW
    assert _decide(cluster, vmi).is_empty
    cluster.remove(pod)
    assert list(_decide(cluster, vmi).steps) == ["remove_finalizer"]
    vmi["metadata"]["finalizers"] = []
    assert _decide(cluster, vmi).is_empty


def test_deletion_before_the_hand_over_needs_no_handler(cluster: fake.Cluster) -> None:
    vmi, _pod = _started(cluster)
    vmi["metadata"]["deletionTimestamp"] = NOW
    assert list(_decide(cluster, vmi).steps) == ["delete_pod"]


def test_a_pod_of_another_name_does_not_count(cluster: fake.Cluster) -> None:
    vmi, pod = _started(cluster)
    cluster.remove(pod)
    pod["metadata"]["name"] = "somebody-elses"
    cluster.put(pod)
    assert _decide(cluster, vmi, "2030-01-01T00:11:00Z").status["phase"] == "Failed"
