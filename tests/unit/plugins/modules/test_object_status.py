"""object_status: fields and conditions go in, what others wrote stays, and a conflict is met by reading again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import object_status
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread

CONDITION = {"type": "Synchronized", "status": "False", "reason": "R", "message": "m"}


@pytest.fixture
def vmi(api: kube_thread.ThreadedKubeAPI) -> dict[str, Any]:
    made = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "a", "namespace": "ns"},
        "spec": {},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "reason": "old"},
    }
    return api.call(api.api.put, made)


def _run(
    *, check: bool = False, status: dict[str, Any] | None = None, conditions: list | None = None
) -> dict[str, Any]:
    params = {
        "api_version": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "namespace": "ns",
        "name": "a",
        "status": status or {},
        "conditions": conditions or [],
    }
    return object_status.run(params, check_mode=check)


def _stored(api: kube_thread.ThreadedKubeAPI) -> dict[str, Any]:
    return api.call(api.api.get, "kubevirt.io/v1", "VirtualMachineInstance", "ns", "a")["status"]


def test_fields_and_conditions_join_what_is_there(api: kube_thread.ThreadedKubeAPI, vmi: dict[str, Any]) -> None:
    assert _run(status={"phase": "Failed", "reason": None}, conditions=[CONDITION])["changed"] is True
    stored = _stored(api)
    assert stored["phase"] == "Failed"
    assert "reason" not in stored
    assert [condition["type"] for condition in stored["conditions"]] == ["Ready", "Synchronized"]


def test_the_same_again_writes_nothing(api: kube_thread.ThreadedKubeAPI, vmi: dict[str, Any]) -> None:
    first = _run(conditions=[CONDITION])
    writes = len(api.call(api.api.writes))
    assert (first["changed"], _run(conditions=[CONDITION])["changed"]) == (True, False)
    assert len(api.call(api.api.writes)) == writes


def test_check_mode_writes_nothing(api: kube_thread.ThreadedKubeAPI, vmi: dict[str, Any]) -> None:
    assert _run(check=True, status={"phase": "Failed"})["changed"] is True
    assert _stored(api)["phase"] == "Running"


def test_a_conflict_is_met_by_reading_again(api: kube_thread.ThreadedKubeAPI, vmi: dict[str, Any]) -> None:
    path = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances/a/status"
    api.call(api.api.fail, "PUT", path, code=409, reason="Conflict", times=2)
    assert _run(status={"phase": "Failed"})["changed"] is True
    assert _stored(api)["phase"] == "Failed"


def test_endless_conflicts_are_told(api: kube_thread.ThreadedKubeAPI, vmi: dict[str, Any]) -> None:
    path = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances/a/status"
    api.call(api.api.fail, "PUT", path, code=409, reason="Conflict", times=99)
    with pytest.raises(errors.Conflict, match="changed 6 times"):
        _run(status={"phase": "Failed"})


def test_an_object_that_is_gone_is_no_error(api: kube_thread.ThreadedKubeAPI) -> None:
    assert _run(status={"phase": "Failed"}) == {"changed": False, "object": None}
