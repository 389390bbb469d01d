"""kubevirt_info against a stateful API server: an empty cluster, ours, somebody else's."""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import crds
from ansible_collections.playvirt.core.plugins.modules import kubevirt_info
from ansible_collections.playvirt.core.tests.unit.fakes import kube_thread


def _run(**more: Any) -> dict[str, Any]:
    return kubevirt_info.run({"limit": 0, "definitions": True, **more}, check_mode=False)


def _put(api: kube_thread.ThreadedKubeAPI, kind: str, name: str) -> None:
    api.call(
        api.api.put,
        {"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": {"name": name, "namespace": "ns"}, "spec": {}},
    )


def _define(api: kube_thread.ThreadedKubeAPI, name: str, **labels: str) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "labels": labels},
        "spec": {"group": name.partition(".")[2]},
    }
    api.call(api.api.put, definition)


def test_an_empty_cluster(api: kube_thread.ThreadedKubeAPI) -> None:
    found = _run()
    assert found == {"changed": False, "foreign_definitions": [], "kubevirts": [], "machines": [], "instances": []}


def test_names_and_limit(api: kube_thread.ThreadedKubeAPI) -> None:
    for name in ("a", "b", "c"):
        _put(api, "VirtualMachine", name)
        _put(api, "VirtualMachineInstance", name)
    _put(api, "KubeVirt", "kubevirt")
    found = _run()
    assert found["machines"] == found["instances"] == ["ns/a", "ns/b", "ns/c"]
    assert found["kubevirts"] == ["ns/kubevirt"]
    assert _run(limit=2)["instances"] == ["ns/a", "ns/b"]


def test_definitions_without_our_label_are_somebody_elses(api: kube_thread.ThreadedKubeAPI) -> None:
    for definition in crds.definitions().values():
        api.call(api.api.put, definition)
    _define(api, "widgets.example.com")
    assert _run()["foreign_definitions"] == []
    _define(api, "virtualmachinepools.pool.kubevirt.io")
    _define(api, "virtualmachineinstancepresets.kubevirt.io", **{"app.kubernetes.io/managed-by": "virt-operator"})
    assert _run()["foreign_definitions"] == [
        "virtualmachineinstancepresets.kubevirt.io",
        "virtualmachinepools.pool.kubevirt.io",
    ]
    assert _run(definitions=False)["foreign_definitions"] == []
