"""reconcile_plan and event: read an object, decide, find the hooks; tell."""

from __future__ import annotations

import copy
import pathlib
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.modules import event, reconcile_plan
from ansible_collections.playvirt.core.tests.unit.fakes import cluster, kube_thread

VMI: dict[str, Any] = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachineInstance",
    "metadata": {"name": "a", "namespace": "ns"},
    "spec": {"domain": {"memory": {"guest": "64Mi"}, "devices": {}}},
}


def _run(**more: Any) -> dict[str, Any]:
    params = {"planner": "virtualmachineinstance", "namespace": "ns", "name": "a", "hooks_directory": None, **more}
    return reconcile_plan.run(params, check_mode=False)


def test_the_plan_of_an_object(api: kube_thread.ThreadedKubeAPI) -> None:
    api.call(api.api.put, copy.deepcopy(cluster.KUBEVIRT))
    stored = api.call(api.api.put, VMI)
    decided = _run()
    assert list(decided["plan"]["steps"]) == ["add_finalizer", "create_pod"]
    assert decided["object"]["metadata"]["uid"] == stored["metadata"]["uid"]
    assert decided["plan"]["steps"]["create_pod"]["pod"]["spec"]["containers"][0]["image"] == "reg/virt-launcher:v1"
    pod = decided["plan"]["steps"]["create_pod"]["pod"]
    api.call(api.api.put, pod)
    assert "create_pod" not in _run()["plan"]["steps"]


def test_nothing_to_do_for_what_is_gone(api: kube_thread.ThreadedKubeAPI) -> None:
    assert _run() == {
        "changed": False,
        "plan": {"steps": {}, "status": None, "requeue_after": None},
        "object": None,
        "hooks": {},
    }


def test_hooks_are_those_files_that_exist(api: kube_thread.ThreadedKubeAPI, tmp_path: pathlib.Path) -> None:
    api.call(api.api.put, copy.deepcopy(cluster.KUBEVIRT))
    api.call(api.api.put, VMI)
    for name in ("before_create_pod.yml", "after_nothing.yml", "after_delete_pod.yml"):
        (tmp_path / name).write_text("[]\n")
    assert set(_run(hooks_directory=str(tmp_path))["hooks"]) == {"before_create_pod", "after_delete_pod"}


def test_an_event_is_there_to_be_described(api: kube_thread.ThreadedKubeAPI) -> None:
    stored = api.call(api.api.put, VMI)
    told = {"object": stored, "type": "Normal", "reason": "Started", "message": "m" * 2000, "component": "c"}
    event.run(told, check_mode=False)
    event.run(told, check_mode=True)
    (made,) = api.call(api.api.all, "v1", "Event")
    assert made["involvedObject"]["uid"] == stored["metadata"]["uid"]
    assert len(made["message"]) == 1024


@pytest.mark.parametrize("planner", ["virtualmachine", "domain"])
def test_other_planners_read_their_kind(api: kube_thread.ThreadedKubeAPI, planner: str) -> None:
    api.call(api.api.put, VMI)
    expected = None if planner == "virtualmachine" else "VirtualMachineInstance"
    found = _run(planner=planner)["object"]
    assert (found and found["kind"]) == expected
