"""What a pod's status says: when a launcher has ended, and how."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import pod_state


def _pod(phase: str, exit_code: int | None = None, message: str = "") -> dict[str, Any]:
    state: dict[str, Any] = {"running": {}}
    if exit_code is not None:
        state = {"terminated": {"exitCode": exit_code, "reason": "Error", "message": message}}
    beside = {"name": "guest-console-log", "state": {"running": {}}}
    return {"status": {"phase": phase, "containerStatuses": [beside, {"name": "compute", "state": state}]}}


@pytest.mark.parametrize(
    ("pod", "finished"),
    [
        ({}, False),
        (_pod("Pending"), False),
        (_pod("Running"), False),
        (_pod("Running", 137), True),
        (_pod("Running", 0), True),
        (_pod("Failed", 1), True),
        ({"status": {"phase": "Failed", "reason": "Evicted"}}, True),
    ],
)
def test_a_pod_is_finished_with_its_launcher(pod: dict[str, Any], finished: bool) -> None:
    assert pod_state.is_finished(pod) is finished


@pytest.mark.parametrize(
    ("pod", "phase", "message"),
    [
        (_pod("Running", 137), "Failed", "the launcher ended with code 137: Error"),
        (_pod("Failed", 0, "the domain ended: shutdown"), "Succeeded", "code 0: the domain ended: shutdown"),
        (_pod("Failed", 1, "x" * 400 + "the end"), "Failed", "the end"),
        (
            {"status": {"phase": "Failed", "message": "The node was low on memory."}},
            "Failed",
            "code unknown: The node was low",
        ),
        ({"status": {"phase": "Succeeded"}}, "Succeeded", "no message"),
    ],
)
def test_outcome_is_that_of_the_launcher(pod: dict[str, Any], phase: str, message: str) -> None:
    found, told = pod_state.outcome(pod)
    assert found == phase
    assert message in told
    assert len(told) < 350
