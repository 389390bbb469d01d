"""What a domain's end means for the pod."""

from __future__ import annotations

import json

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import outcome
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain


def judge(
    state: str, reason: str = "", *, started: bool = True, qemu_exit: int | None = None
) -> outcome.Outcome | None:
    return outcome.judge(domain.DomainState(state=state, reason=reason), started=started, qemu_exit=qemu_exit)


@pytest.mark.parametrize("state", ["running", "paused", "blocked", "shutdown", "pmsuspended"])
def test_judge_goes_on(state: str) -> None:
    assert judge(state) is None


@pytest.mark.parametrize("reason", ["shutdown", "destroyed", "failed", "unknown"])
def test_judge_waits_for_a_domain_that_was_never_started(reason: str) -> None:
    assert judge("shutoff", reason, started=False) is None
    assert judge("absent", started=False) is None


@pytest.mark.parametrize(
    ("state", "reason", "qemu_exit", "code"),
    [
        ("shutoff", "shutdown", 0, 0),
        ("shutoff", "destroyed", None, 0),
        ("shutoff", "migrated", 0, 0),
        ("shutoff", "crashed", -9, 1),
        ("shutoff", "failed", 1, 1),
        ("shutoff", "daemon", None, 1),
        ("shutoff", "unknown", None, 1),
        ("shutoff", "unknown", 0, 0),
        ("shutoff", "unknown", -11, 1),
        ("absent", "", 0, 0),
        ("absent", "", None, 1),
        ("crashed", "panicked", None, 1),
        ("crashed", "", 0, 1),
    ],
)
def test_judge_exit_code(state: str, reason: str, qemu_exit: int | None, code: int) -> None:
    end = judge(state, reason, qemu_exit=qemu_exit)
    assert end is not None
    assert end.exit_code == code


def test_termination_message_says_what_killed_qemu() -> None:
    end = judge("shutoff", "crashed", qemu_exit=-9)
    assert end is not None
    assert json.loads(end.termination_message()) == {
        "state": "shutoff",
        "reason": "crashed",
        "message": "the domain ended badly: crashed; QEMU was killed by signal 9",
    }


@pytest.mark.parametrize(("qemu_exit", "code", "reason"), [(0, 0, "shutdown"), (-9, 1, "crashed"), (1, 1, "crashed")])
def test_lost(qemu_exit: int, code: int, reason: str) -> None:
    end = outcome.lost(qemu_exit)
    assert (end.exit_code, end.state, end.reason) == (code, "shutoff", reason)
    assert "while libvirtd was away" in end.message
