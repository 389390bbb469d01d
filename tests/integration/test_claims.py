"""virt-controller's runner and role against a real API server: an instance whose claim comes late.

In scope: that the runner looks again when the claim comes, what role and planner write, Events. Not in scope: nodes; there are none.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.integration import bare_api_server, runner_process

pytestmark = pytest.mark.integration

ROOT = pathlib.Path(__file__).parents[2]
WATCH_LIST = (ROOT / "images/runner/watches/virt-controller.yaml").read_text()
INSTANCES = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
KUBEVIRTS = "/apis/kubevirt.io/v1/namespaces/default/kubevirts"
KUBEVIRT = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "KubeVirt",
    "metadata": {"name": "kubevirt"},
    "spec": {"configuration": {"developerConfiguration": {"useEmulation": True}}},
}
INSTALLED = {"phase": "Deployed", "observedKubeVirtRegistry": "registry.example", "observedKubeVirtVersion": "v1"}
INSTANCE = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachineInstance",
    "metadata": {"name": "late"},
    "spec": {
        "domain": {"memory": {"guest": "64Mi"}, "devices": {"disks": [{"name": "data", "disk": {"bus": "virtio"}}]}},
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    },
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "volumeMode": "Block",
        "storageClassName": "block",
        "resources": {"requests": {"storage": "1Gi"}},
    },
}
SECONDS = 120.0


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """A folder with a short name: sockets lie below it, and their paths have a hundred characters at most."""
    with tempfile.TemporaryDirectory(prefix="claims-") as made:
        yield pathlib.Path(made)


def test_claim_that_comes_late(api_server: bare_api_server.BareAPIServer, folder: pathlib.Path) -> None:
    api_server.load_crds(ROOT / "crds")
    for name in ("kubevirts", "virtualmachines", "virtualmachineinstances"):
        api_server.wait_crd(f"{name}.kubevirt.io")
    api_server.request("POST", KUBEVIRTS, KUBEVIRT)
    merge = "application/merge-patch+json"
    api_server.request("PATCH", f"{KUBEVIRTS}/kubevirt/status", {"status": INSTALLED}, content_type=merge)
    api_server.request("POST", INSTANCES, INSTANCE)

    def status() -> dict[str, Any]:
        found: dict[str, Any] = api_server.request("GET", f"{INSTANCES}/late").get("status") or {}
        return found

    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api_server.request("GET", "/api/v1/namespaces/default/pods")["items"]
        return found

    def told() -> dict[str, str]:
        return {entry["type"]: entry.get("message", "") for entry in status().get("conditions") or []}

    setting = runner_process.Setting(api_server, folder)
    with setting.runner(watch_list=WATCH_LIST) as runner:
        missing = "failed to render launch manifest: didn't find PVC data"
        runner_process.until("the claim is missed", SECONDS, lambda: told().get("Synchronized") == missing)
        assert told()["PodScheduled"] == missing
        assert status()["phase"] == "Pending"
        events = api_server.request("GET", "/api/v1/namespaces/default/events")["items"]
        assert [event["message"] for event in events if event["reason"] == "FailedPvcNotFound"] == [missing]
        assert pods() == []

        api_server.request("POST", "/api/v1/namespaces/default/persistentvolumeclaims", CLAIM)
        (pod,) = runner_process.until("the launcher pod", SECONDS, pods)
        assert pod["spec"]["containers"][0]["volumeDevices"] == [{"name": "volume-0", "devicePath": "/dev/data"}]
        runner_process.until("phase Scheduling", SECONDS, lambda: status().get("phase") == "Scheduling")
        runner_process.until("no complaint is left", SECONDS, lambda: told() == {})
        info = status()["volumeStatus"][0]["persistentVolumeClaimInfo"]
        assert info == {
            "claimName": "data",
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Block",
            "requests": {"storage": "1Gi"},
        }
        assert runner.code() is None
