"""What keeps a component from working, in words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import component_state

NOW = "2030-01-01T00:10:00Z"


def _workload(generation: int = 1, observed: int = 1, **status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "spec": {}, "status": {"observedGeneration": observed, **status}}


def _pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {}, "status": status}


def _lease(**spec: Any) -> dict[str, Any]:
    return {"spec": {"holderIdentity": "p", "leaseDurationSeconds": 15, "renewTime": NOW, **spec}}


@pytest.mark.parametrize(
    ("lease", "seconds"),
    [
        (None, 0.0),
        (_lease(holderIdentity=""), 0.0),
        (_lease(renewTime=None), 0.0),
        (_lease(), 30.0),
        (_lease(renewTime="2030-01-01T00:09:50.000000Z"), 20.0),
        (_lease(renewTime="2030-01-01T00:09:00Z"), 0.0),
    ],
)
def test_lease_seconds_left(lease: dict[str, Any] | None, seconds: float) -> None:
    assert component_state.lease_seconds_left(lease, now=NOW) == seconds


def test_controller_that_is_not_seen_yet() -> None:
    pods = [_pod(phase="Running")]
    for deployment in (None, _workload(generation=2)):
        problem = component_state.controller_problem(deployment, _lease(), pods, now=NOW)
        assert problem == "virt-controller is being deployed"


def test_controller_works_once_a_living_pod_holds_the_lease() -> None:
    running = _pod(phase="Running")
    assert component_state.controller_problem(_workload(), _lease(), [running], now=NOW) is None
    ended = _pod(phase="Failed")
    assert "which is gone" in str(component_state.controller_problem(_workload(), _lease(), [ended], now=NOW))
    running["metadata"]["deletionTimestamp"] = NOW
    assert "which is gone" in str(component_state.controller_problem(_workload(), _lease(), [running], now=NOW))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no cpu"}]}, "Unschedulable: no cpu"),
        (
            {"initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 3, "message": "broken\n"}}}]},
            "container i ended with code 3: broken",
        ),
        ({"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}, "CrashLoopBackOff: container c"),
    ],
)  # fmt: skip
def test_trouble_of_a_pod(status: dict[str, Any], told: str) -> None:
    assert component_state.trouble([_pod(), _pod(**status)]) == f" (pod p: {told})"


def test_no_trouble_while_containers_are_made() -> None:
    waiting = {"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}
    assert component_state.trouble([_pod(containerStatuses=[waiting])]) == ""


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, None),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}, "1 of 2 nodes have the new version"),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2}, "available on 0 of 2 nodes"),
        ({"desiredNumberScheduled": 0}, None),
    ],
)  # fmt: skip
def test_handler(counts: dict[str, int], told: str | None) -> None:
    problem = component_state.handler_problem(_workload(**counts), [])
    assert problem is None if told is None else told in str(problem)


def test_operator() -> None:
    assert component_state.operator_problem(None, []) == "virt-operator is not deployed"
    assert component_state.operator_problem(_workload(), []) == "virt-operator is starting"
    assert component_state.operator_problem(_workload(updatedReplicas=1, availableReplicas=1), []) is None
    assert component_state.operator_problem(_workload(2, updatedReplicas=1, availableReplicas=1), []) is not None
