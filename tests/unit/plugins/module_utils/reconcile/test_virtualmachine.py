"""virt-controller's decisions for a VirtualMachine: (run strategy, state of its instance) -> steps and status."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan, planners
from ansible_collections.playvirt.core.tests.unit.fakes import cluster as fake

NOW = "2030-01-01T00:10:00Z"
PLANNER = planners.PLANNERS["virtualmachine"]


def _vm(strategy: str = "Always", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {
            "name": "a",
            "namespace": "ns",
            "uid": "u-vm",
            "generation": 3,
            "finalizers": ["kubevirt.io/virtualMachineControllerFinalize"],
        },
        "spec": {
            "runStrategy": strategy,
            "template": {
                "metadata": {"labels": {"x": "y"}},
                "spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}},
            },
        },
        **more,
    }


def _vmi(phase: str, *, ran: bool = True, uid: str = "u-vmi", owner: str = "u-vm") -> dict[str, Any]:
    stamps = [{"phase": "Running", "phaseTransitionTimestamp": NOW}] if ran else []
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": "a",
            "namespace": "ns",
            "uid": uid,
            "annotations": {"kubevirt.io/vm-generation": "2"},
            "ownerReferences": [{"uid": owner, "controller": True}],
        },
        "spec": {},
        "status": {
            "phase": phase,
            "phaseTransitionTimestamps": stamps,
            "conditions": [{"type": "Ready", "status": "True" if phase == "Running" else "False", "reason": "R"}],
        },
    }


def _decide(vm: dict[str, Any], vmi: dict[str, Any] | None, now: str = NOW) -> plan.Plan:
    cluster = fake.Cluster()
    if vmi:
        cluster.put(vmi)
    return PLANNER.plan(vm, PLANNER.observe(vm, cluster), now)


@pytest.mark.parametrize(
    ("strategy", "phase", "steps", "printed"),
    [
        ("Always", None, ["create_instance"], "Starting"),
        ("Always", "", [], "Starting"),
        ("Always", "Scheduling", [], "Starting"),
        ("Always", "Scheduled", [], "Starting"),
        ("Always", "Running", [], "Running"),
        ("Always", "Succeeded", ["delete_instance"], "Stopped"),
        ("Always", "Failed", ["delete_instance"], "Stopped"),
        ("Halted", None, [], "Stopped"),
        ("Halted", "Scheduling", ["delete_instance"], "Starting"),
        ("Halted", "Running", ["delete_instance"], "Running"),
        ("Halted", "Succeeded", ["delete_instance"], "Stopped"),
        ("Halted", "Failed", ["delete_instance"], "Stopped"),
        ("Once", None, ["create_instance"], "Starting"),
        ("Once", "", [], "Starting"),
        ("Once", "Scheduled", [], "Starting"),
        ("Once", "Running", [], "Running"),
        ("Once", "Succeeded", [], "Stopped"),
        ("Once", "Failed", [], "Stopped"),
    ],
)
def test_run_strategy_table(strategy: str, phase: str | None, steps: list[str], printed: str) -> None:
    made = _decide(_vm(strategy), None if phase is None else _vmi(phase))
    assert list(made.steps) == steps
    assert made.status["printableStatus"] == printed


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Failed"])
def test_a_machine_that_runs_once_is_not_started_again(phase: str) -> None:
    vm = _vm("Once")
    vm["status"] = dict(_decide(vm, None).status)
    assert list(_decide(vm, None).steps) == ["create_instance"], "nobody has seen an instance yet: creating it failed"
    vm["status"] = dict(_decide(vm, _vmi(phase)).status)
    over = _decide(vm, None)
    assert (dict(over.steps), over.requeue_after) == ({}, None)
    assert over.status["printableStatus"] == "Stopped"
    vm["status"] = dict(over.status)
    assert _decide(vm, None).is_empty


def test_a_run_that_never_came_up_was_the_one_run() -> None:
    vm = _vm("Once")
    failed = _decide(vm, _vmi("Failed", ran=False))
    assert (dict(failed.steps), failed.requeue_after) == ({}, None)
    assert failed.status["printableStatus"] == "Stopped"
    assert "startFailure" not in failed.status


def test_a_run_under_another_strategy_does_not_count() -> None:
    vm = _vm("Halted")
    vm["status"] = dict(_decide(vm, _vmi("Running")).status)
    vm["spec"]["runStrategy"] = "Once"
    assert list(_decide(vm, None).steps) == ["create_instance"]


def test_deletion_ends_the_one_run() -> None:
    vm = _vm("Once")
    vm["metadata"]["deletionTimestamp"] = NOW
    assert list(_decide(vm, _vmi("Running")).steps) == ["delete_instance"]
    assert list(_decide(vm, None).steps) == ["remove_finalizer"]


def test_the_instance_is_the_template_with_the_machines_identity() -> None:
    vmi = _decide(_vm(), None).steps["create_instance"]["vmi"]
    again = _decide(_vm(), None).steps["create_instance"]["vmi"]
    assert vmi == again
    assert vmi["metadata"]["labels"] == {"x": "y"}
    assert vmi["metadata"]["ownerReferences"][0]["uid"] == "u-vm"
    assert len(vmi["spec"]["domain"]["firmware"]["uuid"]) == 36


def test_a_written_uuid_stays() -> None:
    vm = _vm()
    vm["spec"]["template"]["spec"]["domain"]["firmware"] = {"uuid": "written"}
    assert _decide(vm, None).steps["create_instance"]["vmi"]["spec"]["domain"]["firmware"] == {"uuid": "written"}


@pytest.mark.parametrize(("running", "steps"), [(True, ["create_instance"]), (False, [])])
def test_the_deprecated_running_still_counts(running: bool, steps: list[str]) -> None:
    vm = _vm()
    vm["spec"] = {"running": running, "template": vm["spec"]["template"]}
    assert list(_decide(vm, None).steps) == steps


def test_a_settled_machine_needs_nothing() -> None:
    vm, vmi = _vm(), _vmi("Running")
    vm["status"] = dict(_decide(vm, vmi).status)
    assert vm["status"]["ready"] is True
    assert (vm["status"]["observedGeneration"], vm["status"]["desiredGeneration"]) == (2, 3)
    assert _decide(vm, vmi).is_empty


def test_an_instance_of_somebody_else_is_not_touched() -> None:
    refused = _decide(_vm(), _vmi("Running", owner="other"))
    assert not refused.steps
    failure = next(c for c in refused.status["conditions"] if c["type"] == "Failure")
    assert "ns" not in failure["reason"]
    assert "'a' exists and is not controlled" in failure["message"]


def test_stopping_is_shown_while_the_instance_goes() -> None:
    vmi = _vmi("Running")
    vmi["metadata"]["deletionTimestamp"] = NOW
    waiting = _decide(_vm("Halted"), vmi)
    assert not waiting.steps
    assert waiting.status["printableStatus"] == "Stopping"


def test_deletion_takes_the_instance_first() -> None:
    vm = _vm()
    vm["metadata"]["deletionTimestamp"] = NOW
    going = _decide(vm, _vmi("Running"))
    assert list(going.steps) == ["delete_instance"]
    assert going.status["printableStatus"] == "Terminating"
    assert list(_decide(vm, None).steps) == ["remove_finalizer"]
    vm["metadata"]["finalizers"] = []
    assert _decide(vm, None).is_empty


def test_failed_starts_wait_longer_each_time_and_a_run_forgets_them() -> None:
    vm = _vm()
    for count, delay in ((1, 10), (2, 40), (3, 90), (4, 160), (5, 250), (6, 300)):
        failed = _decide(vm, _vmi("Failed", ran=False, uid=f"u{count}"))
        assert list(failed.steps) == ["delete_instance"]
        vm["status"] = dict(failed.status)
        assert vm["status"]["startFailure"]["consecutiveFailCount"] == count
        waiting = _decide(vm, None)
        assert not waiting.steps
        assert waiting.requeue_after == pytest.approx(delay)
        assert waiting.status["printableStatus"] == "CrashLoopBackOff"
    assert list(_decide(vm, None, "2030-01-01T01:00:00Z").steps) == ["create_instance"]
    assert "startFailure" not in _decide(vm, _vmi("Running")).status


def test_an_instance_that_ran_and_failed_is_started_at_once() -> None:
    vm = _vm()
    assert "startFailure" not in _decide(vm, _vmi("Failed")).status


def test_the_finalizer_comes_with_the_first_plan() -> None:
    vm = _vm()
    vm["metadata"]["finalizers"] = []
    assert list(_decide(vm, None).steps) == ["add_finalizer", "create_instance"]


def test_what_is_told_of_the_guest_is_told_of_the_machine_too() -> None:
    cluster = fake.Cluster()
    vm, vmi = _vm(), _vmi("Running")
    paused = {"type": "Paused", "status": "True", "reason": "PausedByUser", "message": "VMI was paused by user"}
    vmi["status"]["conditions"] = [paused, {"type": "AgentConnected", "status": "True"}, {"type": "Other"}]
    cluster.put(vmi)

    def decide() -> dict[str, Any]:
        found = PLANNER.plan(vm, PLANNER.observe(vm, cluster), NOW).status
        vm["status"] = dict(found)
        return vm["status"]

    status = decide()
    assert status["printableStatus"] == "Paused"
    assert [condition["type"] for condition in status["conditions"]] == ["Ready", "Paused", "AgentConnected"]
    assert status["conditions"][1] == {**paused, "lastTransitionTime": NOW}
    vmi["status"]["conditions"] = []
    status = decide()
    assert status["printableStatus"] == "Running"
    assert [condition["type"] for condition in status["conditions"]] == ["Ready"]
